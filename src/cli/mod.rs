//! The commands of the program: one file for each, one line for each here.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use assemble::assemble;

use crate::config::{self, Problem, Settings, Sources};

mod assemble;
/// The demo's records; public for benchmarks and tests.
pub mod demo;
mod import;
mod serve;
mod show;
mod verify;

const EXIT_CODES: &str = "\
Exit codes:
  0  ended as asked
  1  a stop was cut short, or another failure
  2  the command line or a setting is wrong
  3  the store cannot be opened
  4  the address cannot be listened on
  5  the store failed while serving
  6  verify found damage
  7  import rejected lines

Without a command, `serve` is run. Every setting is also an environment variable and a key of the file: docs/config.md";

/// An open coaching service: gRPC, gRPC-Web and REST on one port
#[derive(Parser)]
#[command(name = "coaching", version, after_help = EXIT_CODES)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until told to stop (the default)
    Serve(Settings),
    /// Load a small contact centre to try things on: two customers, 40 agents, 2,000 scorecards over 90 days, coaching and a directory
    Demo(demo::Arguments),
    /// Feed the directory (users, groups, teams, usecases, conversations) from a file of JSON lines
    Import(import::Arguments),
    /// Check every record, index entry, count and checksum of a store that no server has open
    Verify(verify::Arguments),
    /// Show the settings in effect and where each comes from
    Config(show::Arguments),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Settings(#[from] Problem),
    #[error("{0}")]
    Open(String),
    #[error("cannot listen on {address}: {error}{}", hint(.error))]
    Listen { address: std::net::SocketAddr, error: std::io::Error },
    #[error("{0}\nStart the server again: it checks the store as it opens it, and says what to do if it is damaged")]
    Store(crate::store::Fault),
    #[error("{0}")]
    Damaged(String),
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Other(String),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Other(_) => 1,
            Self::Settings(_) => 2,
            Self::Open(_) => 3,
            Self::Listen { .. } => 4,
            Self::Store(_) => 5,
            Self::Damaged(_) => 6,
            Self::Rejected(_) => 7,
        }
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "\nAnother process has this port: stop it, or choose one with --listen",
        std::io::ErrorKind::PermissionDenied => "\nPorts below 1024 need privileges: choose another with --listen",
        _ => "",
    }
}

/// Runs the program with these arguments, the program's name first, and the process's environment.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(arguments.into_iter().collect(), config::environment()) {
        Err(Refused::Usage(error)) => {
            let _ = error.print(); // help and version end here too, with 0
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        Err(Refused::Settings(problem)) => fail(&problem.into()),
        Ok((command, sources, flags)) => match command.run(&sources, &flags) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => fail(&failure),
        },
    }
}

impl Command {
    fn run(self, sources: &Sources, flags: &clap::ArgMatches) -> Result<(), Failure> {
        match self {
            Self::Serve(_) => serve::run(&sources.settle(flags)?.0, async |_| Ok(())),
            Self::Demo(arguments) => demo::run(&arguments, &sources.settle(flags)?.0),
            Self::Import(arguments) => import::run(&arguments, &sources.settle(flags)?.0),
            Self::Verify(arguments) => verify::run(&arguments, &sources.settle(flags)?.0),
            Self::Config(arguments) => show::run(&arguments, sources, flags),
        }
    }
}

/// Runs a command that waits for things.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Other(format!("the runtime cannot start: {error}")))?.block_on(work)
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("coaching: {failure}");
    ExitCode::from(failure.exit_code())
}

enum Refused {
    Usage(clap::Error),
    Settings(Problem),
}

/// Parses twice: once to learn which file is named, then with the file and the environment laid under the flags.
fn parse(
    mut arguments: Vec<OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Command, Sources, clap::ArgMatches), Refused> {
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let whole = ["-h", "--help", "-V", "--version"];
    if first.is_none_or(|first| first.starts_with('-') && !whole.contains(&first)) {
        arguments.insert(1.min(arguments.len()), "serve".into());
    }
    let command = || config::documented(Program::command());
    let matches = command().try_get_matches_from(&arguments).map_err(Refused::Usage)?;
    let flags = |matches: &clap::ArgMatches| matches.subcommand().map(|(_, flags)| flags.clone()).unwrap_or_default();
    let sources = Sources::read(&flags(&matches), environment).map_err(Refused::Settings)?;
    let matches = sources.under(command()).try_get_matches_from(&arguments).map_err(Refused::Usage)?;
    let program = Program::from_arg_matches(&matches).map_err(Refused::Usage)?;
    Ok((program.command, sources, flags(&matches)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(Command, Sources, clap::ArgMatches), Refused> {
        let arguments = std::iter::once("coaching").chain(arguments.iter().copied()).map(OsString::from).collect();
        parse(arguments, environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    fn served(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
        match parsed(arguments, environment) {
            Ok((Command::Serve(_), sources, flags)) => sources.settle(&flags).unwrap().0,
            _ => panic!("{arguments:?} is not serve"),
        }
    }

    #[test]
    fn without_a_command_it_serves() {
        assert_eq!(served(&[], &[]).listen.port(), 8080);
        assert_eq!(served(&["--listen", "127.0.0.1:1"], &[]).listen.port(), 1);
        assert_eq!(served(&["serve", "--listen=127.0.0.1:2"], &[("COACHING_LISTEN", "127.0.0.1:3")]).listen.port(), 2);
        assert_eq!(served(&[], &[("COACHING_LISTEN", "127.0.0.1:3")]).listen.port(), 3);
    }

    #[test]
    fn help_names_every_command_and_the_variable_of_every_setting() {
        let text = |arguments: &[&str]| match parsed(arguments, &[]) {
            Err(Refused::Usage(error)) => error.to_string(),
            _ => panic!("no help"),
        };
        let whole = text(&["--help"]);
        assert!(whole.contains("serve") && whole.contains("config") && whole.contains("Exit codes"), "{whole}");
        let serve = text(&["serve", "--help"]);
        assert!(serve.contains("COACHING_MAX_REQUESTS") && serve.contains("Storage:"), "{serve}");
        assert!(text(&["--version"]).starts_with("coaching "));
    }

    #[test]
    fn a_wrong_setting_is_told_from_a_wrong_command_line() {
        assert!(matches!(parsed(&["--listen=x"], &[]), Err(Refused::Usage(error)) if error.exit_code() == 2));
        assert!(matches!(parsed(&["sevre"], &[]), Err(Refused::Usage(error)) if error.exit_code() == 2));
        assert!(matches!(parsed(&[], &[("COACHING_LISTEN", "x")]), Err(Refused::Settings(_))));
    }
}
