//! Pages of a listing (AIP-158): sizes, and tokens that say where to go on and which listing they belong to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use super::behavior::Asks;
use crate::error::{Error, Result, reason};

/// Items on a page whose size the caller leaves open.
pub const DEFAULT_SIZE: usize = 50;
/// Most items on a page.
pub const MAX_SIZE: usize = 1_000;

const FINGERPRINT: usize = 8;

/// Which page of which listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Items wanted.
    pub size: usize,
    /// Position after which the page begins; none for the first page. Opaque to all but the listing itself.
    pub after: Option<Bytes>,
    mark: Bytes,
    fingerprint: [u8; FINGERPRINT],
}

impl Page {
    /// Reads size and token of a request. A token of a request with other filters or another order is refused.
    pub fn of<Q: Asks + Message + Clone>(rpc: &str, request: &Q) -> Result<Self> {
        let size = match request.page_size() {
            0 => DEFAULT_SIZE,
            size => usize::try_from(size)
                .map_err(|_| Error::field("pageSize", "must not be negative; 0 means 50"))?
                .min(MAX_SIZE),
        };
        let mut bare = request.clone();
        bare.clear_page();
        let hash = Sha256::new().chain_update(rpc).chain_update(bare.encode_to_vec()).finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&hash[..FINGERPRINT]);

        let after = match request.page_token() {
            "" => None,
            token => {
                let raw = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign("is no token of this server"))?;
                match raw.split_at_checked(FINGERPRINT) {
                    Some((print, position)) if print == fingerprint => Some(Bytes::copy_from_slice(position)),
                    Some(_) => {
                        return Err(foreign(
                            "belongs to a request with other parameters: repeat them, or leave the token out",
                        ));
                    }
                    None => return Err(foreign("is no token of this server")),
                }
            }
        };
        Ok(Self { size, after, mark: Bytes::new(), fingerprint })
    }

    /// Takes a mark of this length off the position, for listings that go on as they began; none on the first page.
    pub fn take_mark(&mut self, length: usize) -> Result<Option<Bytes>> {
        match &mut self.after {
            None => Ok(None),
            Some(after) if after.len() < length => Err(foreign("is no token of this server")),
            Some(after) => Ok(Some(after.split_to(length))),
        }
    }

    /// The same page, whose next tokens carry this mark.
    pub fn marked(&self, mark: &[u8]) -> Self {
        Self { mark: Bytes::copy_from_slice(mark), ..self.clone() }
    }

    /// The token of the page after this one; empty where there is none.
    pub fn next(&self, position: Option<&[u8]>) -> String {
        let Some(position) = position else { return String::new() };
        URL_SAFE_NO_PAD.encode([self.fingerprint.as_slice(), &self.mark, position].concat())
    }
}

/// The error of a token that does not fit.
pub fn foreign(why: &str) -> Error {
    Error::field("pageToken", why).because(reason::INVALID_PAGE_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::ListTargetsRequest;

    #[test]
    fn a_token_goes_on_where_it_says_and_only_in_its_own_listing() {
        let mut request = ListTargetsRequest { parent: "p".into(), page_size: 7, ..Default::default() };
        let first = Page::of("ListTargets", &request).unwrap();
        assert_eq!((first.size, first.after.as_deref()), (7, None));
        request.page_token = first.next(Some(b"here"));
        request.page_size = 9;
        let second = Page::of("ListTargets", &request).unwrap();
        assert_eq!((second.size, second.after.as_deref()), (9, Some(b"here".as_slice())));
        request.organization_only = true;
        assert_eq!(Page::of("ListTargets", &request).unwrap_err().reason(), reason::INVALID_PAGE_TOKEN);
        assert_eq!(first.next(None), "");
    }

    #[test]
    fn sizes_have_a_default_and_a_cap_and_nonsense_is_refused() {
        let page = |size, token: &str| {
            let request = ListTargetsRequest { page_size: size, page_token: token.into(), ..Default::default() };
            Page::of("ListTargets", &request)
        };
        assert_eq!(page(0, "").unwrap().size, DEFAULT_SIZE);
        assert_eq!(page(1_000_000, "").unwrap().size, MAX_SIZE);
        assert!(page(-1, "").is_err());
        for token in ["!", "AAAA", "x"] {
            assert_eq!(page(1, token).unwrap_err().reason(), reason::INVALID_PAGE_TOKEN);
        }
    }
}
