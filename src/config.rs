//! Every setting once: its name, default, meaning and limits. From the one struct below come the flag (`--max-requests`),
//! the environment variable (`COACHING_MAX_REQUESTS`), the key in the file (`max_requests`), the help text, and
//! `docs/config.md`.
//!
//! A flag goes before the environment, the environment before the file, the file before the default. A key or a
//! `COACHING_` variable that no setting has is refused: a setting that is misspelled is a setting that is not set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

mod layers;
mod markdown;
mod units;

pub use layers::{Effective, Origin, Problem, Sources, documented, environment};
pub use markdown::reference;
use units::{duration, size};

/// Where records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// On disk, in the data folder.
    Sled,
    /// In memory; everything is gone when the process ends.
    Memory,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Every setting. Doc comments are the help text and the reference; the first line is the short one.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// File with settings, in TOML
    ///
    /// Keys are the names of this list with underscores: `max_requests = 512`. No file is read unless one is named.
    #[arg(long, value_name = "FILE", global = false)]
    pub config: Option<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one
    ///
    /// gRPC, gRPC-Web and REST share this port. Until the service has authentication, an address beyond this machine
    /// needs `insecure`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", help_heading = "Network")]
    pub listen: SocketAddr,

    /// Listen beyond this machine although nobody has to prove who they are
    ///
    /// Everyone who reaches the port may then read and change everything. Meant for a private network namespace such as
    /// a container whose port is published on loopback, or behind a proxy that authenticates.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", default_value = "false", action = clap::ArgAction::Set, help_heading = "Network")]
    pub insecure: bool,

    /// Believe the x-coaching-user and x-coaching-role headers
    ///
    /// They say on whose behalf a call is made, without proof, so they are for a port that only trusted programs reach.
    /// When false, a call that carries them is refused.
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set, help_heading = "Network")]
    pub trust_caller_headers: bool,

    /// Origins of web pages that may call, separated by commas
    ///
    /// `scheme://host[:port]` each; `loopback` stands for pages served from this machine at any port, `*` for every page
    /// anywhere. Pages served under the server's own host always may. Calls of other pages are refused, not just hidden
    /// from them. Empty allows none.
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', default_value = "loopback", help_heading = "Network")]
    pub cors_origins: Vec<String>,

    /// Host names under which clients reach the server, separated by commas
    ///
    /// Checked against the Host header while the server listens on loopback, or wherever names are given; `localhost` and
    /// IP addresses always pass. This stops pages that make their own name resolve to this machine (DNS rebinding).
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "", help_heading = "Network")]
    pub allowed_hosts: Vec<String>,

    /// Connections open at once; more wait until one closes
    #[arg(long, value_name = "N", default_value = "1024", value_parser = units::at_least_one, help_heading = "Limits")]
    pub max_connections: usize,

    /// Calls in flight at once over all connections; more are answered RESOURCE_EXHAUSTED, reason OVERLOADED
    #[arg(long, value_name = "N", default_value = "512", value_parser = units::at_least_one, help_heading = "Limits")]
    pub max_requests: usize,

    /// Calls in flight at once on one HTTP/2 connection
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_streams: u32,

    /// Size of one request's message, before and after decompression, and of one REST body
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = |t: &str| size(t, 1024, 64 << 20), help_heading = "Limits")]
    pub max_message_size: u64,

    /// Size of one request's headers
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = |t: &str| size(t, 8192, 1 << 20), help_heading = "Limits")]
    pub max_header_size: u64,

    /// How long an answer may take to begin when the caller names no timeout
    ///
    /// A stream that has begun may go on. REST callers cannot name a timeout.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = |t: &str| duration(t, 1), help_heading = "Limits")]
    pub request_timeout: Duration,

    /// How long an answer may take to begin whatever timeout the caller names
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = |t: &str| duration(t, 1), help_heading = "Limits")]
    pub max_request_timeout: Duration,

    /// How long a client may take to send a request's headers, and an HTTP/1.1 connection may be idle
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = |t: &str| duration(t, 1), help_heading = "Limits")]
    pub header_timeout: Duration,

    /// How often an HTTP/2 connection is pinged to learn whether the client still lives
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = |t: &str| duration(t, 1000), help_heading = "Limits")]
    pub keepalive_interval: Duration,

    /// How long the answer to such a ping may take before the connection is closed
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = |t: &str| duration(t, 1), help_heading = "Limits")]
    pub keepalive_timeout: Duration,

    /// How long a stop waits for calls in flight
    ///
    /// After a second interrupt or terminate signal it waits no longer.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = |t: &str| duration(t, 0), help_heading = "Limits")]
    pub shutdown_grace: Duration,

    /// Where records are kept
    #[arg(long, value_name = "ENGINE", default_value = "sled", value_enum, help_heading = "Storage")]
    pub engine: EngineKind,

    /// Folder of the sled engine; made if it does not exist
    #[arg(long, value_name = "FOLDER", default_value = "./data", help_heading = "Storage")]
    pub data: PathBuf,

    /// Make a new store where the data folder has none
    ///
    /// When false, an empty folder is an error. Turn it off once a server has data: a volume that was not mounted is then
    /// noticed, and not taken for an empty store.
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set, help_heading = "Storage")]
    pub create_store: bool,

    /// Memory that the sled engine uses as its cache
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = |t: &str| size(t, 1 << 20, 1 << 40), help_heading = "Storage")]
    pub sled_cache: u64,

    /// Free space on the data folder's disk below which writes are refused
    ///
    /// A disk that is really full would end writing until the server restarts.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = |t: &str| size(t, 0, 1 << 50), help_heading = "Storage")]
    pub min_free_disk: u64,

    /// Refuse writes that name what the directory does not have
    ///
    /// A write that names a user, group, team, use case or conversation that was not brought into the directory is then
    /// answered FAILED_PRECONDITION, reason NOT_IN_DIRECTORY. When false, such a name is taken as it is, and users are
    /// shown with it alone. What is stored already counts in neither case.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", default_value = "false", action = clap::ArgAction::Set, help_heading = "Directory")]
    pub directory_strict: bool,

    /// What is logged: a level (error, warn, info, debug, trace), or a filter such as `info,access=off`
    ///
    /// Targets are module paths (`coaching::store=debug`), and `access` for the line per request.
    #[arg(long, value_name = "FILTER", default_value = "info", help_heading = "Logs")]
    pub log: String,

    /// How log lines look, on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum, help_heading = "Logs")]
    pub log_format: LogFormat,
}

impl Settings {
    /// What no single setting can tell: combinations that are refused.
    pub fn check(&self) -> Result<(), Problem> {
        if !self.listen.ip().is_loopback() && !self.insecure {
            return Err(Problem::new(format!(
                "listen = {}: this server has no authentication yet, and everyone who reaches that address could read \
                 and change everything.\nListen on loopback (127.0.0.1 or [::1]), or give --insecure if only trusted \
                 programs reach it",
                self.listen
            )));
        }
        for origin in &self.cors_origins {
            if !units::is_origin(origin) {
                return Err(Problem::new(format!(
                    "cors_origins: {origin:?} is not an origin: give scheme://host[:port] without a path, loopback, or *"
                )));
            }
        }
        Ok(())
    }

    /// Names that the Host header may have; none to let every name through.
    pub fn hosts(&self) -> Option<Vec<String>> {
        let checked = self.listen.ip().is_loopback() || !self.allowed_hosts.is_empty();
        checked.then(|| self.allowed_hosts.clone())
    }
}
