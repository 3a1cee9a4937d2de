//! Idempotency keys: the same key and request within a day answers the first result again, without doing it twice.
//!
//! What was answered is kept in the same commit as the change, so there is no instant at which one exists without the
//! other. Keys belong to one caller of one customer.

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;

use super::Ctx;
use crate::clock::Micros;
use crate::error::{Code, Error, Result, reason};
use crate::store::{self, Entries, Fault, IndexRange, Record, Tag, Txn, tags};

const HEADER: &str = "idempotency-key";
/// How long an answer is kept: 24 hours.
const KEPT: i64 = 24 * 3_600 * 1_000_000;
/// Expired answers that one call clears away; more than it adds, so that they do not pile up.
const SWEPT: usize = 4;

/// The answer that was given under a key.
#[derive(Clone, PartialEq, Message)]
pub struct Remembered {
    #[prost(string, tag = "1")]
    tenant: String,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    fingerprint: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    answer: Bytes,
    #[prost(int64, tag = "5")]
    expires: i64,
}

impl Record for Remembered {
    const TAG: Tag = tags::IDEMPOTENCY_KEY;
    const HISTORY: bool = false;

    fn key(&self) -> store::Key {
        store::Key::new(&self.tenant, Self::TAG, &self.id)
    }

    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    fn decode(body: Bytes) -> Result<Self, Fault> {
        super::resource::decode(body)
    }

    fn entries(&self, entries: &mut Entries) {
        entries.add(tags::IDEMPOTENCY_KEY_BY_EXPIRY, |terms| terms.i64(self.expires), &[]);
    }
}

/// The key of one call.
pub(super) struct Key {
    key: store::Key,
    tenant: String,
    fingerprint: Bytes,
    expired: Vec<store::Key>,
}

impl Key {
    /// The key that the call carries, if it carries one; a UUID.
    pub(super) fn read<Q: Message>(metadata: &MetadataMap, ctx: &Ctx, request: &Q) -> Result<Option<Self>> {
        let Some(value) = metadata.get(HEADER) else { return Ok(None) };
        let uuid = value.to_str().ok().and_then(|text| uuid::Uuid::try_parse(text).ok()).ok_or_else(|| {
            Error::field("Idempotency-Key", "must be a UUID, new for each new change")
                .because(reason::INVALID_IDEMPOTENCY_KEY)
        })?;
        let id = store::tuple(|id| id.str(&ctx.caller.name_in(&ctx.customer)).raw(uuid.as_bytes()));
        let fingerprint = Sha256::new().chain_update(ctx.rpc.path).chain_update(request.encode_to_vec()).finalize();
        Ok(Some(Self {
            key: store::Key::new(&ctx.customer, Remembered::TAG, id),
            tenant: ctx.customer.clone(),
            fingerprint: Bytes::copy_from_slice(&fingerprint),
            expired: Vec::new(),
        }))
    }

    /// Looks up a few expired answers of the tenant, to be cleared away with this call's commit.
    pub(super) async fn with_expired(mut self, ctx: &Ctx) -> Result<Self> {
        let range = IndexRange::all(&ctx.customer, tags::IDEMPOTENCY_KEY_BY_EXPIRY).until(|terms| terms.i64(ctx.now.0));
        let page = ctx.db().scan_index(&range, SWEPT, false).await?;
        self.expired = page.hits.into_iter().map(|hit| hit.key).filter(|key| *key != self.key).collect();
        Ok(self)
    }

    /// What the first call with this key was answered, if there was one.
    pub(super) async fn answered<A: Message + Default>(&self, txn: &Txn, now: Micros) -> Result<Option<A>> {
        let Some(first) = txn.get::<Remembered>(&self.key).await?.filter(|first| first.expires > now.0) else {
            return Ok(None);
        };
        if first.fingerprint != self.fingerprint {
            return Err(Error::new(
                Code::InvalidArgument,
                reason::IDEMPOTENCY_KEY_REUSED,
                "the idempotency key was used for another request: make a new one for each new change",
            ));
        }
        A::decode(first.answer).map(Some).map_err(Error::internal)
    }

    /// Keeps the answer, in the transaction that makes the change.
    pub(super) async fn remember<A: Message>(&self, txn: &Txn, now: Micros, answer: &A) -> Result<()> {
        for expired in &self.expired {
            txn.delete::<Remembered>(expired).await?;
        }
        txn.save(&Remembered {
            tenant: self.tenant.clone(),
            id: self.key.id.clone(),
            fingerprint: self.fingerprint.clone(),
            answer: answer.encode_to_vec().into(),
            expires: now.0 + KEPT,
        })
        .await?;
        Ok(())
    }
}
