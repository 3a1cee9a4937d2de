//! Idempotency keys: the same key and request within a day answers the first result again, without doing it twice.
//!
//! What was answered is kept in the same commit as the change, so there is no instant at which one exists without the
//! other. Keys belong to one caller of one customer.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;

use super::Ctx;
use crate::clock::Micros;
use crate::error::{Code, Error, Result, reason};
use crate::store::{self, Entries, Fault, IndexRange, Origin, Record, Tag, Txn, tags};

const HEADER: &str = "idempotency-key";
/// How long an answer is kept: 24 hours.
const KEPT: i64 = 24 * 3_600 * 1_000_000;
/// Keyed calls between two sweeps of expired answers.
const SWEEP_EVERY: u64 = 256;
/// Answers that one commit of a sweep clears away.
const SWEPT: usize = 100;

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
}

impl Key {
    /// The key that the call carries, if it carries one; a UUID.
    pub(super) fn read<Q: Message>(metadata: &MetadataMap, ctx: &Ctx, request: &Q) -> Result<Option<Self>> {
        let bad = || {
            Error::field("Idempotency-Key", "must be one UUID, new for each new change")
                .because(reason::INVALID_IDEMPOTENCY_KEY)
        };
        let Some(text) = super::single(metadata, HEADER, bad)? else { return Ok(None) };
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| bad())?;
        let id = store::tuple(|id| id.str(&ctx.caller.name_in(&ctx.customer)).raw(uuid.as_bytes()));
        let fingerprint = Sha256::new().chain_update(ctx.rpc.path).chain_update(request.encode_to_vec()).finalize();
        Ok(Some(Self {
            key: store::Key::new(&ctx.customer, Remembered::TAG, id),
            tenant: ctx.customer.clone(),
            fingerprint: Bytes::copy_from_slice(&fingerprint),
        }))
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

/// Clears expired answers away, beside the calls and never in their way: one sweep at a time, every so many calls.
#[derive(Default)]
pub(super) struct Sweeper {
    calls: AtomicU64,
    busy: AtomicBool,
}

impl Sweeper {
    /// Counts a keyed call, and begins a sweep of its tenant when one is due.
    pub(super) fn called(ctx: &Ctx) {
        let sweeper = ctx.api.sweeper();
        let due = sweeper.calls.fetch_add(1, Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1;
        if due && !sweeper.busy.swap(true, Acquire) {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                if let Err(error) = sweep(&ctx).await {
                    tracing::warn!(%error, "expired idempotency keys were not all cleared; the next sweep goes on");
                }
                ctx.api.sweeper().busy.store(false, Release);
            });
        }
    }
}

/// Deletes the tenant's answers that are past their time. Each is read again in the transaction that deletes it, as its
/// key may have been used anew.
async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now.0;
    let range = IndexRange::all(&ctx.customer, tags::IDEMPOTENCY_KEY_BY_EXPIRY).until(|terms| terms.i64(now));
    let origin = Origin { actor: "sweeper".into(), request_id: String::new(), rpc: String::new(), at_us: now };
    loop {
        let page = ctx.db().scan_index(&range, SWEPT, false).await?;
        let keys: &Vec<store::Key> = &page.hits.into_iter().map(|hit| hit.key).collect();
        ctx.db()
            .write(&origin, move |txn| async move {
                for (key, found) in keys.iter().zip(txn.get_many::<Remembered>(keys).await?) {
                    if found.is_some_and(|found| found.expires <= now) {
                        txn.delete::<Remembered>(key).await?;
                    }
                }
                Ok::<(), Error>(())
            })
            .await?;
        if page.exhausted {
            return Ok(());
        }
    }
}
