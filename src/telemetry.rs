//! Logs: to standard error, as text for people or as JSON, filtered as the settings say.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Settings};

/// Starts logging for the process, panics included, which would else bypass the log. Fails on a filter that cannot be
/// read, and when logging has been started before.
pub fn start(settings: &Settings) -> Result<(), String> {
    let filter =
        EnvFilter::builder().parse(&settings.log).map_err(|error| format!("log = {:?}: {error}", settings.log))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(BoxMakeWriter::new(std::io::stderr));
    let started = match settings.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|error| format!("logging cannot be started: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let backtrace = std::backtrace::Backtrace::capture(); // where RUST_BACKTRACE asks for it
        tracing::error!(target: "panic", place, message, %backtrace, "panicked");
    }));
    Ok(())
}
