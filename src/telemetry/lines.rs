//! Log lines gathered before they are written.
//!
//! A line per request is a system call per request, and a reader of standard error that is slow (a terminal, a journal)
//! would slow the calls themselves. So lines wait a few milliseconds for each other and a thread of their own writes
//! them. Warnings and errors do not wait, and take with them what was before. A process that is killed loses the last
//! moment of its access log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes that may wait. Beyond, whoever logs waits for the reader: lines are not dropped.
const MOST: usize = 1 << 20;

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
    /// Held while writing, so that lines keep their order. Taken before `waiting`.
    sink: Mutex<Box<dyn Write + Send>>,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    /// Starts the thread that writes.
    pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Shared { waiting: Mutex::default(), some: Condvar::new(), sink: Mutex::new(Box::new(sink)) };
        let lines = Self(Arc::new(shared));
        let writer = lines.clone();
        std::thread::Builder::new().name("log-writer".into()).spawn(move || {
            loop {
                let waiting = lock(&writer.0.waiting);
                drop(writer.0.some.wait_while(waiting, |waiting| waiting.is_empty()));
                std::thread::sleep(GATHER);
                writer.flush();
            }
        })?;
        Ok(lines)
    }

    /// Writes what waits. A sink that fails has nobody to tell.
    pub(super) fn flush(&self) {
        let mut sink = lock(&self.0.sink);
        let waiting = std::mem::take(&mut *lock(&self.0.waiting));
        let _ = sink.write_all(&waiting).and_then(|()| sink.flush());
    }

    fn add(&self, line: &[u8], urgent: bool) {
        let mut waiting = lock(&self.0.waiting);
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        let many = waiting.len() > MOST;
        drop(waiting);
        if urgent || many {
            self.flush();
        } else if first {
            self.0.some.notify_one();
        }
    }
}

/// Takes one event's line.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.urgent);
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, urgent: false }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, urgent: *event.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Sink(Sender<String>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines, Receiver<String>) {
        let (sent, seen) = channel();
        (Lines::start(Sink(sent)).unwrap(), seen)
    }

    #[test]
    fn an_error_is_written_at_once_after_what_was_before_it() {
        let (lines, seen) = lines();
        lines.add(b"one\n", false);
        lines.add(b"two\n", true);
        let written: String = seen.try_iter().collect();
        assert_eq!(written, "one\ntwo\n");
    }

    #[test]
    fn a_line_is_written_soon_though_nobody_asks() {
        let (lines, seen) = lines();
        for line in ["one\n", "two\n"] {
            lines.add(line.as_bytes(), false);
            assert_eq!(seen.recv_timeout(Duration::from_secs(10)).unwrap(), line);
        }
    }

    #[test]
    fn lines_beyond_the_limit_are_written_by_whoever_logs() {
        let (lines, seen) = lines();
        let line = vec![b'x'; MOST + 1];
        lines.add(&line, false);
        assert_eq!(seen.try_iter().map(|text| text.len()).sum::<usize>(), line.len());
    }
}
