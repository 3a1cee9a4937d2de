//! sled alone, doing what one create does: the same number of keys of the same sizes in the same order of places, the
//! same group commit by one thread, and no more. What a create writes is read from a store after a real one.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use coaching::clock::{Ids as _, Micros, UuidV7};
use coaching::names::last_segment;
use coaching::pb::cresta::v1::coaching::Scorecard;
use coaching::store::sled::{Options as SledOptions, SledEngine};
use coaching::store::{Db, Key, tags, tuple};
use tokio::sync::oneshot;

use crate::generator::Round;
use crate::{Result, world};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What one create writes, and which stretches of its keys differ from create to create.
pub(crate) struct Shape {
    pairs: Pairs,
    id: Vec<u8>,
    conversation: Vec<u8>,
    agent: Vec<u8>,
    template: Vec<u8>,
    time: Vec<u8>,
    score: Vec<u8>,
    version: Vec<u8>,
}

impl Shape {
    /// Makes a scorecard in a store of its own and reads what that added to the keys.
    pub(crate) async fn of_a_create(folder: &Path) -> Result<Self> {
        let number = 7;
        let open = || SledEngine::open(&SledOptions::new(folder)).map(|engine| Db::new(Arc::new(engine)));
        let db = open()?;
        world::prepare(&mut world::client(db.clone())).await?;
        db.close().await?;
        drop(db);
        let before = pairs(folder)?;
        let db = open()?;
        let made = world::client(db.clone()).create_scorecard(world::scorecard(number, 40)).await?.into_inner();
        let card = made.scorecard.unwrap_or_default();
        let id = last_segment(&card.name).to_owned();
        let key = Key::new(world::CUSTOMER, tags::SCORECARD, tuple(|key| key.str("voice-support").str(&id)));
        let (_, version) = db.get_versioned::<Scorecard>(&key).await?.ok_or("the scorecard is gone")?;
        db.close().await?;
        drop(db);
        let mut pairs = pairs(folder)?;
        pairs.retain(|key, _| !before.contains_key(key));
        let own = |text: &str| last_segment(coaching::names::without_revision(text)).as_bytes().to_vec();
        let time = card.create_time.as_ref().map_or(0, |time| Micros::of(time).0);
        let score = card.total_score_billionths.unwrap_or(i64::MIN);
        Ok(Self {
            pairs,
            id: id.into_bytes(),
            conversation: own(&card.conversation_name),
            agent: own(&card.agent_user_name),
            template: own(&card.template_name),
            time: tuple(|key| key.i64(time)).to_vec(),
            score: tuple(|key| key.i64(score)).to_vec(),
            version: tuple(|key| key.u64(version)).to_vec(),
        })
    }

    pub(crate) fn describe(&self) -> String {
        let sizes = |value: bool| self.pairs.iter().map(|(k, v)| if value { v.len() } else { k.len() }).sum::<usize>();
        format!("{} keys, {} bytes of keys, {} of values", self.pairs.len(), sizes(false), sizes(true))
    }

    /// The same for another scorecard, made now.
    fn another(&self, number: u64, now: Micros) -> Vec<(Vec<u8>, Vec<u8>)> {
        let dice = (number as usize).wrapping_mul(0x9e37_79b9) >> 7;
        let agent = last_segment(&world::agent_name(dice % 40)).as_bytes().to_vec();
        let template = last_segment(&world::template_name(dice)).as_bytes().to_vec();
        let changes = [
            (&self.id, UuidV7.next(now).into_bytes()),
            (&self.conversation, format!("c-{number:09}").into_bytes()),
            (&self.agent, agent),
            (&self.template, template),
            (&self.time, tuple(|key| key.i64(now.0)).to_vec()),
            (&self.score, tuple(|key| key.i64((dice % 21) as i64 * 5_000_000_000)).to_vec()),
            (&self.version, tuple(|key| key.u64(number)).to_vec()),
        ];
        let replaced = |key: &Vec<u8>| changes.iter().fold(key.clone(), |key, (from, to)| replace(key, from, to));
        self.pairs.iter().map(|(key, value)| (replaced(key), value.clone())).collect()
    }
}

fn replace(mut key: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    if let Some(at) = key.windows(from.len()).position(|window| window == from) {
        key.splice(at..at + from.len(), to.iter().copied());
    }
    key
}

/// Every key and value of a store that nobody has open.
fn pairs(folder: &Path) -> Result<Pairs> {
    let db = config(&folder.join("store/sled")).open()?;
    db.iter().map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(Into::into)).collect()
}

/// As the engine opens it.
fn config(folder: &Path) -> sled::Config {
    sled::Config::new().path(folder).segment_size(2 << 20).cache_capacity(128 << 20).flush_every_ms(Some(500))
}

struct Job {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    done: oneshot::Sender<()>,
}

/// sled and its one writing thread.
pub(crate) struct Bare {
    queue: SyncSender<Job>,
    shape: Arc<Shape>,
    made: u64,
}

impl Bare {
    pub(crate) fn open(folder: &Path, shape: Shape) -> Result<Self> {
        let db = config(folder).open()?;
        db.flush()?;
        let data = File::open(folder.join("db"))?;
        let (queue, jobs) = sync_channel(1_024);
        std::thread::spawn(move || {
            if let Err(error) = write(&db, &data, &jobs) {
                eprintln!("bare sled stopped: {error}");
            }
        });
        Ok(Self { queue, shape: Arc::new(shape), made: 0 })
    }

    /// So many callers write one record after another for this long.
    pub(crate) async fn run(&mut self, callers: u64, time: Duration) -> Result<Round> {
        let start = Instant::now();
        let end = start + time;
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let (queue, shape, first) = (self.queue.clone(), self.shape.clone(), self.made + caller);
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    for number in (first..).step_by(callers as usize) {
                        let begun = Instant::now();
                        if begun >= end {
                            break;
                        }
                        let now = Micros(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_micros())?);
                        let (done, told) = oneshot::channel();
                        queue
                            .try_send(Job { pairs: shape.another(number, now), done })
                            .map_err(|error| error.to_string())?;
                        told.await?;
                        took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(took)
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await??);
        }
        took.sort_unstable();
        self.made += took.len() as u64 * 2 + callers; // callers are not equally fast, and no number comes twice
        Ok(Round { seconds: start.elapsed().as_secs_f64(), took, bytes: 0, cpu: Duration::ZERO })
    }
}

/// Drain, apply, flush, sync, answer: batches and groups as large as the engine's.
fn write(db: &sled::Db, data: &File, jobs: &Receiver<Job>) -> Result<()> {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < 256 {
            let Ok(job) = jobs.try_recv() else { break };
            group.push(job);
        }
        let mut answers = Vec::with_capacity(group.len());
        let mut group = group.into_iter().peekable();
        while group.peek().is_some() {
            let mut batch = sled::Batch::default();
            for job in group.by_ref().take(64) {
                for (key, value) in job.pairs {
                    batch.insert(key, value);
                }
                answers.push(job.done);
            }
            db.apply_batch(batch)?;
        }
        db.flush()?;
        data.sync_data()?;
        for done in answers {
            let _ = done.send(()); // the caller may have gone
        }
    }
    Ok(())
}
