//! Logs: to standard error, as text for people or as JSON, filtered as the settings say.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Settings};
use lines::Lines;

mod lines;

/// Writes the last lines when it is dropped, at the end of the program.
#[must_use]
pub struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts logging for the process, panics included, which would else bypass the log. Fails on a filter that cannot be
/// read, and when logging has been started before.
pub fn start(settings: &Settings) -> Result<Logging, String> {
    let filter =
        EnvFilter::builder().parse(&settings.log).map_err(|error| format!("log = {:?}: {error}", settings.log))?;
    let lines = Lines::start(std::io::stderr()).map_err(|error| format!("logging cannot be started: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    let started = match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => log.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|error| format!("logging cannot be started: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("no message");
        let backtrace = std::backtrace::Backtrace::capture(); // where RUST_BACKTRACE asks for it
        tracing::error!(target: "panic", place, message, %backtrace, "panicked");
    }));
    Ok(Logging(lines))
}
