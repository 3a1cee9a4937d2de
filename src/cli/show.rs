//! `coaching config`: what is in effect, and where it comes from.

use std::io::Write as _;

use clap::ArgMatches;

use super::Failure;
use crate::config::{self, Settings, Sources};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print the reference of all settings instead, as docs/config.md has it
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    _settings: Settings,
}

pub(super) fn run(arguments: &Arguments, sources: &Sources, flags: &ArgMatches) -> Result<(), Failure> {
    if arguments.markdown {
        return print(&config::reference());
    }
    let (_, effective) = sources.settle(flags)?;
    let width = |of: fn(&config::Effective) -> usize| effective.iter().map(of).max().unwrap_or_default();
    let (keys, values) = (width(|setting| setting.key.len()), width(|setting| setting.value.len()));
    let lines = effective
        .iter()
        .map(|setting| format!("{:keys$}  {:values$}  {}\n", setting.key, setting.value, setting.origin));
    print(&lines.collect::<String>())
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
