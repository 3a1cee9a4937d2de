//! A record type, places to open a store in, and short words for what the tests do all the time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use coaching::store::memory::MemoryEngine;
use coaching::store::sled::{Options, SledEngine};
use coaching::store::{
    Cell, Counted, Db, Entries, Fault, IndexTag, Key, Op, Origin, Record, RecordType, Report, Tag, Tally, TallyTag,
    Txn, tags, tuple, verify,
};
use prost::Message;
use tempfile::TempDir;

/// By number, largest first; the projection is the owner.
pub const BY_NUMBER: IndexTag = IndexTag(101);
/// By owner, then number.
pub const BY_OWNER: IndexTag = IndexTag(102);
/// Only cards with an even number.
pub const EVEN: IndexTag = IndexTag(103);

/// Cards of an owner: how many and their numbers' last digits, the odd ones (1) apart from the even ones (0).
pub const OWNED: TallyTag = TallyTag(101);

/// A record with two or three index entries, which counts for its owner.
#[derive(Clone, PartialEq, Message)]
pub struct Card {
    #[prost(bytes = "vec", tag = "1")]
    pub tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub number: i64,
    #[prost(string, tag = "4")]
    pub owner: String,
    #[prost(bytes = "vec", tag = "5")]
    pub filling: Vec<u8>,
}

impl Card {
    pub fn new(id: &str, number: i64) -> Self {
        Card { tenant: b"acme".into(), id: id.into(), number, owner: "ann".into(), ..Card::default() }
    }

    pub fn owned_by(mut self, owner: &str) -> Self {
        self.owner = owner.into();
        self
    }

    pub fn of(mut self, tenant: &[u8]) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// So many bytes that differ from each other and from those of another number.
    pub fn filled(mut self, len: usize) -> Self {
        let seed = self.number as u8;
        self.filling = (0..len).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect();
        self
    }
}

impl Record for Card {
    const TAG: Tag = tags::SCORECARD;

    fn key(&self) -> Key {
        Key::new(&self.tenant, Self::TAG, &self.id)
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        <Card as Message>::decode(body).map_err(|error| Fault::Corrupt(error.to_string()))
    }
    fn entries(&self, entries: &mut Entries) {
        entries.add(BY_NUMBER, |k| k.i64_desc(self.number), self.owner.as_bytes());
        entries.add(BY_OWNER, |k| k.str(&self.owner).i64(self.number), b"");
        if self.number % 2 == 0 {
            entries.add(EVEN, |k| k, b"even");
        }
    }
    fn tallies(&self, counted: &mut Counted) {
        counted.add(owned(&self.tenant, &self.owner), (self.number & 1) as u64, Tally::one(self.number % 10));
    }
}

/// A record whose body is its id, which may be empty, and which keeps no history.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark(pub Vec<u8>);

impl Record for Mark {
    const TAG: Tag = tags::IDEMPOTENCY_KEY;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        Key::new("acme", Self::TAG, &self.0)
    }
    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        Ok(Mark(body.into()))
    }
    fn entries(&self, _: &mut Entries) {}
}

pub const TYPES: &[RecordType] = &[RecordType::of::<Card>(), RecordType::of::<Mark>()];

pub fn key(id: &str) -> Key {
    Key::new("acme", Card::TAG, id)
}

/// Where the cards of this owner are counted.
pub fn owned(tenant: impl AsRef<[u8]>, owner: &str) -> Cell {
    Cell::new(tenant, OWNED, |terms| terms.str(owner))
}

pub fn origin(rpc: &str) -> Origin {
    Origin { actor: "ann".into(), request_id: "r-1".into(), rpc: rpc.into(), at_us: 1_700_000_000_000_000 }
}

/// Where a store lives while a test opens it again and again.
pub enum Place {
    /// The same instance each time: a memory has nothing to open again.
    Memory(Arc<MemoryEngine>),
    Sled(TempDir),
}

impl Place {
    pub fn memory() -> Self {
        Place::Memory(Arc::new(MemoryEngine::new()))
    }

    pub fn sled() -> Self {
        Place::Sled(tempfile::tempdir().unwrap())
    }

    pub fn open(&self) -> Db {
        match self {
            Place::Memory(engine) => Db::new(engine.clone()),
            Place::Sled(folder) => open_sled(folder.path()),
        }
    }

    /// Closes the store, where closing ends something, and opens it again.
    pub async fn reopen(&self, db: Db) -> Db {
        if let Place::Sled(_) = self {
            db.close().await.unwrap();
        }
        drop(db);
        self.open()
    }
}

pub fn options(folder: &Path) -> Options {
    Options { min_free_bytes: 0, cache_bytes: 16 << 20, ..Options::new(folder) }
}

pub fn open_sled(folder: &Path) -> Db {
    Db::new(Arc::new(SledEngine::open(&options(folder)).unwrap()))
}

/// `Db::write` by nobody in particular.
pub async fn write<T, F, Fut>(db: &Db, f: F) -> Result<T, Fault>
where
    T: Send,
    F: Fn(Txn) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, Fault>> + Send,
{
    db.write(&origin("Write"), f).await
}

pub async fn save(db: &Db, cards: &[Card]) -> Result<(), Fault> {
    let cards = Arc::new(cards.to_vec());
    db.write(&origin("Save"), |txn| {
        let cards = cards.clone();
        async move {
            for card in cards.iter() {
                txn.save(card).await?;
            }
            Ok(())
        }
    })
    .await
}

pub async fn delete(db: &Db, id: &str) -> Result<bool, Fault> {
    let key = key(id);
    db.write(&origin("Delete"), |txn| {
        let key = key.clone();
        async move { txn.delete::<Card>(&key).await }
    })
    .await
}

pub async fn check(db: &Db) -> Report {
    verify(db.engine().as_ref(), TYPES).await.unwrap()
}

/// Fails with the report's words if the full check finds anything.
pub async fn assert_clean(db: &Db) {
    let report = check(db).await;
    assert!(report.is_clean(), "{report:#?}");
}

/// The operations on a record, oldest first.
pub async fn ops(db: &Db, key: &Key) -> Vec<Op> {
    db.history(key, 0, 1_000).await.unwrap().iter().map(|event| event.op).collect()
}

pub fn owner_prefix(owner: &str) -> Bytes {
    tuple(|k| k.str(owner))
}

/// Copies a closed store.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Small, seeded and the same on every machine (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// How often a test with a choice of length repeats: the variable, or a number that keeps the suite quick.
pub fn rounds(variable: &str, quick: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(quick)
}
