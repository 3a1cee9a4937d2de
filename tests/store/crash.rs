//! Kill -9 at random moments: what was acknowledged is there, what was not is there whole or not at all.
//!
//! `STORE_KILLS` sets the number of rounds. The parent starts this test binary again as the child that writes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use coaching::store::{Db, Op, Record};
use tokio::task::JoinSet;

use crate::support::*;

const WRITERS: u64 = 8;
const SLOTS: u64 = 12;
const FOLDER: &str = "STORE_CRASH_FOLDER";

fn slot(writer: u64, slot: u64, half: &str) -> String {
    format!("{writer}-{slot}-{half}")
}

/// Two records of one commit with the same number: a main one of changing size, up to many chunks, and a mirror.
fn pair(writer: u64, at: u64, number: i64) -> [Card; 2] {
    let len = match (at as i64 + number) % 12 {
        0 => 150_000,
        1 | 2 => 20_000,
        _ => 500 + (number as usize * 37) % 2_000,
    };
    ["main", "mirror"].map(|half| {
        let len = if half == "main" { len } else { 10 };
        Card::new(&slot(writer, at, half), number).owned_by(&format!("owner-{}", number % 5)).filled(len)
    })
}

#[test]
#[ignore = "the child of the kill test, of no use alone"]
fn is_the_child_that_writes_until_it_is_killed() {
    let folder = std::env::var(FOLDER).expect("the kill test sets it");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = open_sled(Path::new(&folder));
        say("ready");
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let db = db.clone();
            writers.spawn(async move { write_for_ever(db, writer).await });
        }
        while writers.join_next().await.is_some() {}
    });
}

async fn write_for_ever(db: Db, writer: u64) {
    for turn in 0.. {
        let at = (turn * 5 + writer) % SLOTS;
        let key = key(&slot(writer, at, "main"));
        let number = write(&db, |txn| {
            let key = key.clone();
            async move {
                let old = txn.get::<Card>(&key).await?.map_or(0, |card| card.number);
                for card in pair(writer, at, old + 1) {
                    // Now and then the mirror goes away and comes back, so that deletes are killed too.
                    if old % 7 == 6 && card.id.ends_with(b"mirror") {
                        txn.delete::<Card>(&card.key()).await?;
                    } else {
                        txn.save(&card).await?;
                    }
                }
                Ok(old + 1)
            }
        })
        .await
        .unwrap();
        say(&format!("ack {writer} {at} {number}"));
    }
}

/// One write per line, so that a kill leaves no half line unseen in a buffer of ours.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::is_the_child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts the child, kills it after a random while, and answers what it acknowledged.
fn kill_once(folder: &Path, random: &mut Random) -> Vec<(u64, u64, i64)> {
    let mut child = child(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "ready"), "the child did not open the store: {:?}", child.wait());
    let after = Duration::from_micros(random.below(300_000));
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let acks = lines.filter_map(|line| {
        let mut words = line.strip_prefix("ack ")?.split(' ').map(|word| word.parse::<u64>().unwrap());
        Some((words.next()?, words.next()?, words.next()? as i64))
    });
    let acks = acks.collect();
    assert!(!killer.join().unwrap().success());
    acks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_and_none_is_half_done_when_the_process_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let mut random = Random(std::process::id().into());
    let mut numbers = vec![[0i64; SLOTS as usize]; WRITERS as usize];
    let (mut last_version, mut total) = (0, 0);
    let kills = rounds("STORE_KILLS", 15);
    for round in 0..kills {
        let acks = kill_once(place.path(), &mut random);
        total += acks.len();
        let before = numbers.clone();
        for (writer, at, number) in acks {
            let known = &mut numbers[writer as usize][at as usize];
            assert_eq!(number, *known + 1, "round {round}: {writer}-{at} went from {known} to {number}");
            *known = number;
        }
        let db = open_sled(place.path());
        for writer in 0..WRITERS {
            let mut in_flight = 0;
            for at in 0..SLOTS {
                let acked = numbers[writer as usize][at as usize];
                let found = db.get_versioned::<Card>(&key(&slot(writer, at, "main"))).await.unwrap();
                let number = found.as_ref().map_or(0, |(card, _)| card.number);
                assert!(number >= acked, "round {round}: {writer}-{at} is at {number}, acknowledged {acked}");
                in_flight += number - acked;
                if number == 0 {
                    continue;
                }
                let [main, mirror] = pair(writer, at, number);
                let (card, version) = found.unwrap();
                assert!(card == main, "round {round}: {writer}-{at} has other content");
                if number > before[writer as usize][at as usize] {
                    assert!(version > last_version, "round {round}: version {version} comes again");
                }
                let other = db.get_versioned::<Card>(&mirror.key()).await.unwrap();
                let want = (number % 7 != 0).then_some((mirror, version));
                assert!(other == want, "round {round}: {writer}-{at} is half done at {number}");
                let ops = ops(&db, &main.key()).await;
                assert!(ops.len() == number as usize && ops[1..].iter().all(|op| *op == Op::Update));
                numbers[writer as usize][at as usize] = number;
            }
            assert!(in_flight <= 1, "round {round}: writer {writer} has {in_flight} writes nobody asked for");
        }
        assert_clean(&db).await;
        let feed = db.changes(last_version, usize::MAX).await.unwrap();
        last_version = feed.last().map_or(last_version, |change| change.commit);
        db.close().await.unwrap();
    }
    println!("{kills} kills, {total} acknowledged writes, none lost");
    assert!(total > kills as usize, "the child wrote too little to mean anything");
}
