//! Which browsers may come in: CORS, and the two attacks on a server that trusts its machine.
//!
//! Withholding CORS headers only hides an answer from a page; the call has happened. So a request whose `Origin` is not
//! allowed is refused before any work. And a page can make its own name resolve to 127.0.0.1 (DNS rebinding), which
//! turns its calls into same-origin ones; so while the server trusts its machine, `Host` must be `localhost`, an IP
//! address, or a name that the operator lists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::error::{Code, Error, Result, reason};

/// What a page of another origin may read of an answer.
const EXPOSED: [HeaderName; 8] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    header::ETAG,
    super::request_id::HEADER,
    header::RETRY_AFTER,
    header::ALLOW,
    header::CONTENT_DISPOSITION,
];

/// Decides which origins and hosts are served.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Rules>);

struct Rules {
    any_origin: bool,
    loopback_origins: bool,
    origins: Vec<String>,
    hosts: Option<Vec<String>>,
}

impl Gate {
    /// `origins`: `scheme://host[:port]`, or the words `loopback` and `*`. `hosts`: names that `Host` may have beside
    /// `localhost` and IP addresses; none to let every name through.
    pub(crate) fn new(origins: &[String], hosts: Option<&[String]>) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect::<Vec<_>>();
        Self(Arc::new(Rules {
            any_origin: origins.iter().any(|origin| origin == "*"),
            loopback_origins: origins.iter().any(|origin| origin == "loopback"),
            origins: lower(origins),
            hosts: hosts.map(lower),
        }))
    }

    /// Answers preflights and adds CORS headers. Headers that a page asks for are allowed by name, never by `*`, which
    /// would leave out `Authorization`; credentials (cookies) are not, for the service has none.
    pub(crate) fn cors(&self) -> CorsLayer {
        let gate = self.clone();
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, request| {
                gate.origin_allowed(origin, host(&request.uri, &request.headers).as_ref())
            }))
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(Duration::from_secs(3_600))
    }

    /// PERMISSION_DENIED for a host or an origin that is not allowed.
    pub(super) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        let origin = headers.get(header::ORIGIN);
        if origin.is_none() && self.0.hosts.is_none() {
            return Ok(());
        }
        let host = host(uri, headers);
        if let (Some(names), Some(host)) = (&self.0.hosts, &host)
            && !is_local_or_ip(host.host())
            && !names.iter().any(|name| name.eq_ignore_ascii_case(host.host()))
        {
            return Err(denied("host", host.as_str(), "allowed_hosts"));
        }
        match origin {
            Some(origin) if !self.origin_allowed(origin, host.as_ref()) => {
                Err(denied("origin", &String::from_utf8_lossy(origin.as_bytes()), "cors_origins"))
            }
            _ => Ok(()),
        }
    }

    fn origin_allowed(&self, origin: &HeaderValue, host: Option<&Authority>) -> bool {
        let rules = &self.0;
        if rules.any_origin {
            return true;
        }
        let Ok(text) = origin.to_str() else { return false };
        if rules.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)) {
            return true;
        }
        let Some(authority) = text.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok()) else {
            return false; // `null`, of a sandbox or a file
        };
        let same_origin = host.is_some_and(|host| host.as_str().eq_ignore_ascii_case(authority.as_str()));
        same_origin || rules.loopback_origins && is_loopback(authority.host())
    }
}

/// `:authority` of HTTP/2, `Host` of HTTP/1; none where there is neither or it is malformed.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(headers.get(header::HOST)?.as_bytes()).ok(),
    }
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some_and(|ip| ip.is_loopback())
}

/// An IP address cannot be rebound: a page that was loaded from it calls the machine that it came from.
fn is_local_or_ip(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some()
}

fn denied(what: &'static str, value: &str, setting: &'static str) -> Error {
    let message = format!("{what} {value:?} is not allowed by this server (setting {setting})");
    Error::new(Code::PermissionDenied, reason::PERMISSION_DENIED, message).with(what, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(origins: &[&str], hosts: Option<&[&str]>, host: &str, origin: Option<&str>) -> bool {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let gate = Gate::new(&own(origins), hosts.map(own).as_deref());
        let mut headers = HeaderMap::new();
        if !host.is_empty() {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        gate.admit(&Uri::from_static("/v1/x"), &headers).is_ok()
    }

    #[test]
    fn by_default_only_pages_of_this_machine_come_in() {
        let ours = [
            "http://localhost:3000",
            "http://LOCALHOST",
            "https://127.0.0.1",
            "http://127.8.9.1:80",
            "http://[::1]:5173",
        ];
        for origin in ours {
            assert!(admits(&["loopback"], Some(&[]), "127.0.0.1:8080", Some(origin)), "{origin}");
        }
        let foreign =
            ["https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "null", ""];
        for origin in foreign.into_iter().chain(["http://evil.example:8080", "http://user@localhost:1/x", "localhost"])
        {
            assert!(!admits(&["loopback"], Some(&[]), "127.0.0.1:8080", Some(origin)), "{origin}");
        }
        assert!(!admits(&[], Some(&[]), "127.0.0.1:8080", Some("http://localhost:3000")));
    }

    #[test]
    fn listed_origins_any_origin_and_the_servers_own_come_in() {
        let listed = ["https://app.example.com"];
        assert!(admits(&listed, None, "api", Some("https://APP.example.com")));
        assert!(!admits(&listed, None, "api", Some("http://app.example.com")));
        assert!(!admits(&listed, None, "api", Some("https://app.example.com:444")));
        assert!(admits(&["*"], None, "api", Some("null")));
        assert!(admits(&[], None, "coaching.example:8443", Some("https://coaching.example:8443")));
    }

    #[test]
    fn a_name_that_was_rebound_to_this_machine_is_refused_unless_listed() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "10.1.2.3", ""] {
            assert!(admits(&[], Some(&[]), host, None), "{host}");
        }
        assert!(!admits(&[], Some(&[]), "evil.example:8080", None));
        assert!(!admits(&[], Some(&[]), "evil.example:8080", Some("http://evil.example:8080")));
        assert!(admits(&[], Some(&["Coaching.Example"]), "coaching.example:8080", None));
        assert!(admits(&[], None, "anything.example", None));
    }

    #[test]
    fn the_authority_of_http_2_counts_before_the_host_header() {
        let gate = Gate::new(&[], Some(&[]));
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        assert!(gate.admit(&Uri::from_static("http://evil.example/x"), &headers).is_err());
    }
}
