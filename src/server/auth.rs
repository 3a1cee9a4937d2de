//! Who calls. Until authentication comes, the machine itself is trusted: whoever reaches the port is the operator, or the
//! user that the headers name. That is why the program refuses to listen beyond loopback unless told `--insecure`.
//!
//! - no header: the operator, who may do everything in every customer
//! - `x-coaching-user: customers/{customer}/users/{user}`: that user, held to that customer
//! - `x-coaching-role: admin|manager|grader|agent|service`, beside the user: what they may do; `admin` where absent,
//!   for naming a user narrows what is seen and signs what is written, and takes away nothing silently

use std::sync::Arc;

use http::HeaderMap;

use crate::api::caller::Caller;
use crate::error::{Code, Error, Result, reason};
use crate::pb::coaching::access::v1::Role;

const USER: &str = "x-coaching-user";
const ROLE: &str = "x-coaching-role";

/// Establishes callers.
pub(super) struct Auth {
    trust_headers: bool,
    operator: Arc<Caller>,
}

impl Auth {
    /// With `trust_headers` off, a request that carries the headers is refused rather than run as the operator.
    pub(super) fn new(trust_headers: bool) -> Self {
        Self { trust_headers, operator: Arc::new(Caller::operator()) }
    }

    /// The caller, or UNAUTHENTICATED with reason INVALID_CALLER and the header's name.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>> {
        let (user, role) = (one(headers, USER)?, one(headers, ROLE)?);
        if let (false, Some(header)) = (self.trust_headers, user.map(|_| USER).or(role.map(|_| ROLE))) {
            return Err(invalid(header, "is not accepted by this server (setting trust_caller_headers)"));
        }
        let Some(user) = user else {
            return match role {
                None => Ok(self.operator.clone()),
                Some(_) => Err(invalid(ROLE, "needs x-coaching-user beside it")),
            };
        };
        let role = match role {
            None | Some("admin") => Role::Admin,
            Some("manager") => Role::Manager,
            Some("grader") => Role::Grader,
            Some("agent") => Role::Agent,
            Some("service") => Role::Service,
            Some(_) => return Err(invalid(ROLE, "must be admin, manager, grader, agent or service")),
        };
        let caller = Caller::user(user, role);
        caller.map(Arc::new).ok_or_else(|| invalid(USER, "must have the form customers/{customer}/users/{user}"))
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| invalid(name, "must be plain ASCII")),
        (Some(_), Some(_)) => Err(invalid(name, "is given more than once")),
    }
}

fn invalid(header: &'static str, what: &str) -> Error {
    Error::new(Code::Unauthenticated, reason::INVALID_CALLER, format!("{header} {what}")).with("header", header)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(trust: bool, headers: &[(&'static str, &str)]) -> Result<Arc<Caller>> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Auth::new(trust).caller(&map)
    }

    #[test]
    fn no_header_is_the_operator() {
        assert_eq!(*caller(true, &[]).unwrap(), Caller::operator());
        assert_eq!(*caller(false, &[]).unwrap(), Caller::operator());
    }

    #[test]
    fn a_named_user_is_held_to_their_customer_with_the_role_given_or_admin() {
        let name = "customers/acme/users/ann";
        assert_eq!(Some((*caller(true, &[(USER, name)]).unwrap()).clone()), Caller::user(name, Role::Admin));
        let roles =
            [("manager", Role::Manager), ("grader", Role::Grader), ("agent", Role::Agent), ("service", Role::Service)];
        for (text, role) in roles {
            assert_eq!(caller(true, &[(USER, name), (ROLE, text)]).unwrap().role, role);
        }
    }

    #[test]
    fn what_is_malformed_is_refused_by_the_headers_name() {
        let long = format!("customers/{}/users/u", "c".repeat(129));
        let cases: &[(&[(&'static str, &str)], &str)] = &[
            (&[(USER, "ann")], USER),
            (&[(USER, "")], USER),
            (&[(USER, "customers/a/users/")], USER),
            (&[(USER, "customers/a/users/b/c")], USER),
            (&[(USER, "customers/a b/users/c")], USER),
            (&[(USER, "customers/ä/users/c")], USER),
            (&[(USER, &long)], USER),
            (&[(USER, "customers/a/users/b"), (USER, "customers/a/users/c")], USER),
            (&[(USER, "customers/a/users/b"), (ROLE, "root")], ROLE),
            (&[(USER, "customers/a/users/b"), (ROLE, "Admin")], ROLE),
            (&[(ROLE, "agent")], ROLE),
        ];
        for (headers, name) in cases {
            let error = caller(true, headers).unwrap_err();
            assert_eq!((error.code(), error.reason()), (Code::Unauthenticated, reason::INVALID_CALLER), "{headers:?}");
            assert!(error.message().starts_with(name), "{headers:?}: {error}");
        }
    }

    #[test]
    fn headers_that_are_not_trusted_are_refused_and_never_ignored() {
        for header in [(USER, "customers/a/users/b"), (ROLE, "agent")] {
            assert_eq!(caller(false, &[header]).unwrap_err().reason(), reason::INVALID_CALLER);
        }
    }
}
