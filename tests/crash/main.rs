//! The real server, killed at random moments under concurrent writers, again and again on the same folder. After each
//! kill: every acknowledged write is there, of each write in flight all or nothing, the indexes are whole, and every
//! listing has exactly what reading one by one finds.
//!
//! `COACHING_TESTS_CRASH_ROUNDS` is how many kills (10 where it is not set); `COACHING_TESTS_CRASH_SEED` repeats a run's
//! choices, though not the moments at which the machine gets to them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed assertion is how a test says no

mod cards;
mod client;
mod coaching;
mod dice;
mod directory;
mod lists;
#[path = "../clients/server.rs"]
mod server;
mod targets;
mod templates;
mod writer;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use client::Client;
use dice::Dice;
use server::Server;
use writer::Writer;

const WRITERS: usize = 16;
/// Writers that share one connection.
const PER_CONNECTION: usize = 4;
/// Kills of one store; then a new one begins, so that young stores are killed too.
const KILLS_OF_A_STORE: usize = 10;
/// The longest that writers run before the kill.
const LONGEST_RUN: u64 = 400;
const OPTIONS: &[&str] = &["--log", "warn"];

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")))
}

/// Past the test runner's capture, which hides what a passing test prints.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "crash: {line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_every_acknowledged_write_and_no_half_change() {
    let rounds = usize::try_from(number("COACHING_TESTS_CRASH_ROUNDS").unwrap_or(10)).unwrap();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("COACHING_TESTS_CRASH_SEED").unwrap_or(clock.as_secs());
    say(&format!("{rounds} kills, COACHING_TESTS_CRASH_SEED={seed}"));
    let begun = Instant::now();
    let mut dice = Dice::new(seed);
    let mut total = Tally::default();
    let mut kills = 0;
    while kills < rounds {
        let here = KILLS_OF_A_STORE.min(rounds - kills);
        total.add(&one_store(&mut dice, here).await);
        kills += here;
    }
    say(&format!(
        "{} writes acknowledged, {} in flight at a kill ({} of them took effect), {} kills while opening, {:?}",
        total.acknowledged,
        total.in_flight,
        total.took_effect,
        total.while_opening,
        begun.elapsed()
    ));
    // Otherwise the test has shown nothing.
    assert!(total.acknowledged > rounds as u64 * WRITERS as u64, "hardly any write was acknowledged");
    assert!(total.in_flight > rounds as u64, "hardly any write was in flight at a kill");
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    in_flight: u64,
    took_effect: u64,
    while_opening: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.acknowledged += other.acknowledged;
        self.in_flight += other.in_flight;
        self.took_effect += other.took_effect;
        self.while_opening += other.while_opening;
    }
}

/// Kills the server of a new store so many times, and checks after each.
async fn one_store(dice: &mut Dice, kills: usize) -> Tally {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let mut tally = Tally::default();
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, dice.next())).collect();
    for kill in 0..kills {
        if dice.one_in(3) {
            kill_while_opening(&data, dice).await;
            tally.while_opening += 1;
        } else if kill > 0 && dice.one_in(2) {
            verify(&data);
        }
        let server = Server::start(&data, OPTIONS);
        let connections = connect(&server).await;
        check(&mut writers, &connections, &mut tally).await;
        run_and_kill(server, &mut writers, &connections, Duration::from_millis(dice.below(LONGEST_RUN))).await;
    }
    let server = Server::start(&data, OPTIONS);
    let connections = connect(&server).await;
    check(&mut writers, &connections, &mut tally).await;
    drop(connections);
    server.stop();
    verify(&data);
    tally.acknowledged += writers.iter().map(|writer| writer.acknowledged).sum::<u64>();
    tally
}

/// Starts the server and kills it while it makes or recovers its store, or a moment later.
async fn kill_while_opening(data: &Path, dice: &mut Dice) {
    let server = Server::spawn(data, OPTIONS);
    tokio::time::sleep(Duration::from_millis(dice.below(150))).await;
    drop(server);
}

async fn connect(server: &Server) -> Vec<Client> {
    let mut connections = Vec::new();
    for _ in 0..WRITERS / PER_CONNECTION {
        connections.push(client::connect(&server.address()).await);
    }
    connections
}

/// Lets all writers write at once, and kills the server after this time.
async fn run_and_kill(server: Server, writers: &mut Vec<Writer>, connections: &[Client], time: Duration) {
    let killed = Arc::new(AtomicBool::new(false));
    let mut running = tokio::task::JoinSet::new();
    for mut writer in writers.drain(..) {
        let client = connections[writer.number / PER_CONNECTION].clone();
        let killed = killed.clone();
        running.spawn(async move {
            writer.write_until_cut_off(client, &killed).await;
            writer
        });
    }
    tokio::time::sleep(time).await;
    killed.store(true, Ordering::SeqCst);
    let log = server.log();
    drop(server);
    writers.extend(running.join_all().await);
    writers.sort_by_key(|writer| writer.number);
    assert!(!log.contains("panicked"), "the server panicked; it said:\n{log}");
}

/// Checks what each writer knows, all of them at once, and then the listings.
async fn check(writers: &mut Vec<Writer>, connections: &[Client], tally: &mut Tally) {
    let mut running = tokio::task::JoinSet::new();
    for mut writer in writers.drain(..) {
        let client = connections[writer.number / PER_CONNECTION].clone();
        running.spawn(async move {
            let came_of = writer.check(client).await;
            (writer, came_of)
        });
    }
    for (writer, came_of) in running.join_all().await {
        tally.in_flight += u64::from(came_of.is_some());
        tally.took_effect += u64::from(came_of == Some(true));
        writers.push(writer);
    }
    writers.sort_by_key(|writer| writer.number);
    lists::check(writers, connections[0].clone()).await;
}

/// The program's own full check of the closed store: every record reads, and the indexes are what a rebuild would make.
fn verify(data: &Path) {
    let output = server::program(data, "verify").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "coaching verify ended with {}\n{out}\n{err}", output.status);
}
