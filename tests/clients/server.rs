//! The real program as a child process: started on a free port over a folder of the test's, stopped or killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a start or a stop may take before the test fails. Debug builds on a busy machine are slow.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(3);

/// A running server. Dropped, it is killed, as by a crash.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Server {
    /// Starts `coaching serve` on a port of the system's choice and waits until it serves.
    pub(crate) fn start(data: &Path, options: &[&str]) -> Self {
        let mut server = Self::spawn(data, options);
        server.wait();
        server
    }

    /// Starts it and does not wait. `log` beside the data folder takes what it prints.
    pub(crate) fn spawn(data: &Path, options: &[&str]) -> Self {
        let log = data.with_extension("log");
        let out = File::create(&log).unwrap();
        let child = program(data, "serve")
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, log, port: 0 }
    }

    /// Waits until it says where it listens and answers that it is ready.
    pub(crate) fn wait(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            if self.port == 0 {
                self.port = port_in(&self.log()).unwrap_or_default();
            }
            if self.port != 0 && ready(self.port) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status} before it served; it said:\n{}", self.log());
            }
            assert!(Instant::now() < end, "the server does not serve after {PATIENCE:?}; it said:\n{}", self.log());
            sleep(TICK);
        }
    }

    /// `127.0.0.1:{port}`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to stop, and answers how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the server still runs {PATIENCE:?} after SIGTERM; it said:\n{}", self.log());
            sleep(TICK);
        }
    }

    /// Asks it to stop, which must succeed and leave no complaint.
    pub(crate) fn stop(self) {
        let log = self.log.clone();
        let status = self.terminate();
        let said = fs::read_to_string(log).unwrap_or_default();
        assert!(status.success(), "the server ended with {status}; it said:\n{said}");
        assert!(!said.contains("panicked"), "the server panicked; it said:\n{said}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with a subcommand over this folder. Nothing of the tests' environment reaches it.
pub(crate) fn program(data: &Path, command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_coaching"));
    program.env_clear().env("RUST_BACKTRACE", "1").arg(command).arg("--data").arg(data);
    program
}

/// The port that the server says it listens on.
fn port_in(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("127.0.0.1:")?;
    let digits = rest.split_once(|c: char| !c.is_ascii_digit())?.0;
    digits.parse().ok()
}

fn ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
