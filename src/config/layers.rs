//! Laying the file and the environment under the flags.
//!
//! clap knows flags and defaults. A value from the file or the environment becomes the default of its flag, so that clap
//! parses, checks and types every value alike, whatever it comes from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, FromArgMatches};

use super::Settings;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment variable of this name.
    Environment(String),
    /// The file at this path.
    File(PathBuf),
    /// Nobody said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What is wrong with the settings, for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    /// With this text, which tells what to do.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// One setting as it is in effect.
#[derive(Debug)]
pub struct Effective {
    /// Its key in the file.
    pub key: String,
    /// Its value, as it was written.
    pub value: String,
    /// Where that comes from.
    pub origin: Origin,
}

/// What the process was given beside its flags.
#[derive(Debug, Default)]
pub struct Sources {
    values: BTreeMap<String, (String, Origin)>,
}

impl Sources {
    /// Reads the environment given and the file named by the `--config` of these flags or by `COACHING_CONFIG`.
    pub fn read(
        flags: &ArgMatches,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problem> {
        let mut variables = BTreeMap::new();
        let known = settings();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with("COACHING_")) else { continue };
            let Some(arg) = known.iter().find(|arg| variable(arg) == name) else {
                return Err(unknown("environment variable", name, known.iter().map(variable)));
            };
            let value = value.into_string().map_err(|_| Problem::new(format!("{name} is not valid UTF-8")))?;
            let origin = Origin::Environment(name.to_owned());
            checked(arg, &value, &origin)?;
            variables.insert(key(arg), (value, origin));
        }
        let named = flags.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        let file = named.or_else(|| variables.get("config").map(|(path, _)| path.into()));
        let mut values = match file {
            Some(path) => from_file(&path, &known)?,
            None => BTreeMap::new(),
        };
        values.extend(variables);
        Ok(Self { values })
    }

    /// The command with these values as defaults, wherever it or its subcommands take settings.
    pub fn under(&self, command: Command) -> Command {
        let command = command.mut_args(|arg| match self.values.get(&key(&arg)) {
            Some((value, _)) => arg.default_value(value.clone()),
            None => arg,
        });
        command.mut_subcommands(|sub| self.under(sub))
    }

    /// The settings of these flags, which a command made by [`Sources::under`] has parsed, and where each comes from.
    pub fn settle(&self, flags: &ArgMatches) -> Result<(Settings, Vec<Effective>), Problem> {
        let mut settled = Settings::from_arg_matches(flags).map_err(|error| Problem::new(error.to_string()))?;
        for list in [&mut settled.cors_origins, &mut settled.allowed_hosts] {
            list.retain(|item| !item.is_empty()); // an empty text is one empty item to clap
        }
        settled.check()?;
        let effective = settings().into_iter().map(|arg| {
            let id = arg.get_id().as_str();
            let raw = flags.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
            let origin = match flags.value_source(id) {
                Some(clap::parser::ValueSource::CommandLine) => Origin::Flag,
                _ => self.values.get(&key(&arg)).map_or(Origin::Default, |(_, origin)| origin.clone()),
            };
            Effective { key: key(&arg), value: raw.collect::<Vec<_>>().join(","), origin }
        });
        Ok((settled, effective.collect()))
    }
}

/// The process's environment.
pub fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// The command with the environment variable of each setting in its help text.
pub fn documented(command: Command) -> Command {
    let known: Vec<String> = settings().iter().map(key).collect();
    let command = command.mut_args(|arg| {
        if !known.contains(&key(&arg)) {
            return arg;
        }
        let short = arg.get_help().map(|text| format!("{text} [env: {}]", variable(&arg)));
        let long = arg.get_long_help().map(|text| format!("{text}\n\n[env: {}]", variable(&arg)));
        let arg = match short {
            Some(text) => arg.help(text),
            None => arg,
        };
        match long {
            Some(text) => arg.long_help(text),
            None => arg,
        }
    });
    command.mut_subcommands(documented)
}

/// Every setting as clap knows it, in the order of the struct.
pub(super) fn settings() -> Vec<Arg> {
    <Settings as clap::Args>::augment_args(Command::new("settings")).get_arguments().cloned().collect()
}

/// The setting's key in the file.
pub(super) fn key(arg: &Arg) -> String {
    arg.get_id().as_str().to_owned()
}

/// The setting's environment variable.
pub(super) fn variable(arg: &Arg) -> String {
    format!("COACHING_{}", key(arg).to_ascii_uppercase())
}

fn from_file(path: &std::path::Path, known: &[Arg]) -> Result<BTreeMap<String, (String, Origin)>, Problem> {
    let problem = |what: String| Problem::new(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| problem(error.to_string()))?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        let arg = known.iter().find(|arg| key(arg) == name && name != "config");
        let keys = known.iter().map(key).filter(|key| key != "config");
        let arg = arg.ok_or_else(|| problem(unknown("setting", &name, keys).to_string()))?;
        let value = written(&value)
            .ok_or_else(|| problem(format!("{name}: write text, a number, true, false or a list of texts")))?;
        let origin = Origin::File(path.to_owned());
        checked(arg, &value, &origin)?;
        values.insert(name, (value, origin));
    }
    Ok(values)
}

/// A TOML value as one would write it after the flag.
fn written(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().filter(|text| !text.contains(',')));
            Some(items.collect::<Option<Vec<_>>>()?.join(","))
        }
        _ => None,
    }
}

/// Refuses a bad value under the name by which it was given; clap would name the flag.
fn checked(arg: &Arg, value: &str, origin: &Origin) -> Result<(), Problem> {
    let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
    let command = Command::new("setting").no_binary_name(true).arg(arg.clone());
    command.try_get_matches_from([flag]).map(drop).map_err(|error| {
        let allowed = arg.get_possible_values();
        let why = match std::error::Error::source(&error) {
            Some(source) => source.to_string(),
            None if !allowed.is_empty() => {
                let names = allowed.iter().map(|value| value.get_name()).collect::<Vec<_>>();
                format!("must be {}", names.join(" or "))
            }
            None => "is not a value of this setting".to_owned(),
        };
        match origin {
            Origin::File(path) => Problem::new(format!("{}: {} = {value:?}: {why}", path.display(), key(arg))),
            other => Problem::new(format!("{other}={value}: {why}")),
        }
    })
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = String>) -> Problem {
    let known: Vec<String> = known.collect();
    let nearest = known.iter().min_by_key(|candidate| distance(name, candidate));
    let hint = match nearest {
        Some(nearest) if distance(name, nearest) <= nearest.len() / 3 => format!("did you mean {nearest}?"),
        _ => format!("known are {}", known.join(", ")),
    };
    Problem::new(format!("unknown {what} {name}: {hint}"))
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        flags: &[&str],
        environment: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<(Settings, Vec<Effective>), Problem> {
        let folder = tempfile::tempdir().unwrap();
        let command = || <Settings as clap::Args>::augment_args(Command::new("t").no_binary_name(true));
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        if let Some(text) = file {
            let path = folder.path().join("coaching.toml");
            std::fs::write(&path, text).unwrap();
            flags.push(format!("--config={}", path.display()));
        }
        let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let sources = Sources::read(&command().get_matches_from(&flags), environment)?;
        sources.settle(&sources.under(command()).get_matches_from(&flags))
    }

    fn refused(flags: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> String {
        load(flags, environment, file).unwrap_err().to_string()
    }

    fn origin(effective: &[Effective], key: &str) -> String {
        let origin = &effective.iter().find(|setting| setting.key == key).unwrap().origin;
        if matches!(origin, Origin::File(_)) { "file".into() } else { origin.to_string() }
    }

    #[test]
    fn flags_go_before_the_environment_before_the_file_before_the_default() {
        let file = "max_requests = 1\nmax_streams = 1\nmax_connections = 1\nrequest_timeout = \"1s\"";
        let environment = [("COACHING_MAX_REQUESTS", "2"), ("COACHING_MAX_STREAMS", "2"), ("PATH", "/bin")];
        let (settings, effective) = load(&["--max-requests=3"], &environment, Some(file)).unwrap();
        assert_eq!((settings.max_requests, origin(&effective, "max_requests").as_str()), (3, "flag"));
        assert_eq!((settings.max_streams, origin(&effective, "max_streams").as_str()), (2, "COACHING_MAX_STREAMS"));
        assert_eq!((settings.max_connections, origin(&effective, "max_connections").as_str()), (1, "file"));
        assert_eq!(settings.request_timeout, std::time::Duration::from_secs(1));
        assert_eq!((settings.max_message_size, origin(&effective, "max_message_size").as_str()), (4 << 20, "default"));
    }

    #[test]
    fn lists_and_booleans_come_from_everywhere() {
        let (settings, _) =
            load(&["--insecure"], &[], Some("cors_origins = [\"https://a.example\", \"loopback\"]")).unwrap();
        assert!(settings.insecure);
        assert_eq!(settings.cors_origins, ["https://a.example", "loopback"]);
        let (settings, effective) =
            load(&[], &[("COACHING_CORS_ORIGINS", "*,loopback")], Some("insecure = true")).unwrap();
        assert!(settings.insecure);
        assert_eq!(effective.iter().find(|setting| setting.key == "cors_origins").unwrap().value, "*,loopback");
        assert!(load(&[], &[], None).unwrap().0.allowed_hosts.is_empty());
        assert!(load(&["--cors-origins="], &[], None).unwrap().0.cors_origins.is_empty());
    }

    #[test]
    fn the_environment_can_name_the_file_and_a_flag_names_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.toml");
        std::fs::write(&path, "max_requests = 9").unwrap();
        let environment = [("COACHING_CONFIG", path.to_str().unwrap())];
        assert_eq!(load(&[], &environment, None).unwrap().0.max_requests, 9);
        assert_eq!(load(&[], &environment, Some("max_requests = 8")).unwrap().0.max_requests, 8);
    }

    #[test]
    fn what_is_unknown_is_refused_with_the_nearest_that_is_known() {
        let key = refused(&[], &[], Some("max_request = 1"));
        assert!(key.contains("unknown setting max_request: did you mean max_requests?"), "{key}");
        assert!(refused(&[], &[], Some("config = \"x\"")).contains("unknown setting config"));
        assert!(refused(&[], &[], Some("zebra = 1")).contains("known are listen"));
        assert!(refused(&[], &[], Some("[network]\nlisten = \"x\"")).contains("unknown setting network"));
        let variable = refused(&[], &[("COACHING_LISTN", "127.0.0.1:1")], None);
        assert_eq!(variable, "unknown environment variable COACHING_LISTN: did you mean COACHING_LISTEN?");
    }

    #[test]
    fn a_bad_value_is_refused_under_the_name_by_which_it_was_given() {
        let file = refused(&[], &[], Some("request_timeout = 30"));
        assert!(
            file.ends_with("request_timeout = \"30\": write a whole number and a unit: 500ms, 30s, 5m or 1h"),
            "{file}"
        );
        assert_eq!(
            refused(&[], &[("COACHING_ENGINE", "rocks")], None),
            "COACHING_ENGINE=rocks: must be sled or memory"
        );
        assert!(
            refused(&[], &[("COACHING_LISTEN", "8080")], None)
                .starts_with("COACHING_LISTEN=8080: invalid socket address")
        );
        assert!(refused(&[], &[], Some("listen = 1979-05-27")).contains("listen: write text"));
        assert!(refused(&[], &[], Some("listen = ")).contains("coaching.toml: "));
        assert!(refused(&["--config=/no/such/file"], &[], None).contains("/no/such/file: cannot be read"));
    }

    #[test]
    fn it_listens_beyond_loopback_only_when_told_that_this_is_insecure() {
        let problem = refused(&["--listen=0.0.0.0:8080"], &[], None);
        assert!(problem.contains("no authentication") && problem.contains("--insecure"), "{problem}");
        assert!(refused(&["--listen=[::]:8080"], &[], None).contains("--insecure"));
        let (settings, _) = load(&["--listen=0.0.0.0:8080", "--insecure"], &[], None).unwrap();
        assert_eq!(settings.hosts(), None);
        for loopback in ["127.0.0.1:1", "[::1]:1", "127.9.9.9:1"] {
            assert_eq!(load(&["--listen", loopback], &[], None).unwrap().0.hosts(), Some(vec![]));
        }
        assert!(refused(&["--cors-origins=example.com"], &[], None).contains("is not an origin"));
    }
}
