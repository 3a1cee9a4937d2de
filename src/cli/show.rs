//! `coaching config`: what is in effect, and where it comes from.

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
        print!("{}", config::reference());
        return Ok(());
    }
    let (_, effective) = sources.settle(flags)?;
    let width = |of: fn(&config::Effective) -> usize| effective.iter().map(of).max().unwrap_or_default();
    let (keys, values) = (width(|setting| setting.key.len()), width(|setting| setting.value.len()));
    for setting in &effective {
        println!("{:keys$}  {:values$}  {}", setting.key, setting.value, setting.origin);
    }
    Ok(())
}
