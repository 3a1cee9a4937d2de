//! Etags (AIP-154): a fingerprint of the stored resource, so a client can tell whether what it read still stands.

use prost::Message;
use sha2::{Digest, Sha256};

use super::Ctx;
use super::behavior::Described;
use crate::error::{Code, Error, Result, reason};

/// Gives a resource the etag of its present content: 16 hexadecimal digits.
pub fn seal<R: Described + Message>(resource: &mut R) {
    resource.set_etag(String::new());
    let hash = Sha256::digest(resource.encode_to_vec());
    let head = hash.iter().take(8).fold(0u64, |head, byte| head << 8 | u64::from(*byte));
    resource.set_etag(format!("{head:016x}"));
}

/// Refuses a write that expects another version: by an etag in the request, in the resource sent, or in `If-Match`.
pub fn expect<R: Described>(ctx: &Ctx, sent: &[&str], stored: &R) -> Result<()> {
    let differs = sent.iter().any(|etag| !etag.is_empty() && bare(etag) != stored.etag())
        || ctx.if_match.as_deref().is_some_and(|header| !matches_header(header, stored.etag()));
    if !differs {
        return Ok(());
    }
    Err(stale(stored.name(), stored.etag()))
}

/// The error of an etag that is not the resource's, which has this one now, or none where it does not exist.
pub fn stale(name: &str, etag: &str) -> Error {
    let message = format!("{name} was changed since it was read: read it again and repeat the change");
    Error::new(Code::Aborted, reason::STALE_ETAG, message).with("resource", name).with("etag", etag)
}

/// An `If-Match` header (RFC 9110 §13.1.1): `*`, or a list of quoted etags.
fn matches_header(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|one| one == "*" || bare(one) == etag)
}

fn bare(etag: &str) -> &str {
    etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::Scorecard;

    #[test]
    fn an_etag_changes_with_the_content_and_not_with_itself() {
        let mut card = Scorecard { name: "n".into(), ..Default::default() };
        seal(&mut card);
        let first = card.etag.clone();
        seal(&mut card);
        assert_eq!(card.etag, first);
        card.comment = "other".into();
        seal(&mut card);
        assert_ne!(card.etag, first);
    }

    #[test]
    fn if_match_takes_a_list_and_a_star() {
        assert!(matches_header("\"a\", \"b\"", "b"));
        assert!(matches_header("*", "b"));
        assert!(!matches_header("\"a\"", "b"));
    }
}
