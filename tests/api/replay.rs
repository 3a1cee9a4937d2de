//! Cases are data: a file holds scenarios, a scenario holds steps, and each file is replayed over every transport on
//! every engine. `cases/README.md` says how to write one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use coaching::pb::coaching::access::v1::Role;
use coaching::services::RECORDS;
use coaching::store::verify;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Harness, Kept, Refusal, START, Transport};

mod matching;
mod vars;

use vars::Vars;

/// A file of cases.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// What the file is about.
    pub(crate) about: String,
    /// Values with names, for `${name}`.
    #[serde(default)]
    r#let: BTreeMap<String, Value>,
    /// Steps with names, for `given`.
    #[serde(default)]
    given: BTreeMap<String, Vec<Step>>,
    #[serde(default)]
    pub(crate) scenarios: Vec<Scenario>,
}

/// A sentence, and the steps that show it. Each scenario has a customer of its own, and begins at the same instant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The sentence.
    pub(crate) name: String,
    /// Names of the steps that come first.
    #[serde(default)]
    given: Vec<String>,
    /// The transports that can express it; all of them where nothing is said.
    #[serde(default)]
    over: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    /// Whether this transport can express it.
    pub(crate) fn plays_over(&self, transport: &str) -> bool {
        self.over.is_empty() || self.over.iter().any(|one| one == transport)
    }
}

/// One call and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) rpc: String,
    /// `role user`, `role user of other`, or the operator.
    #[serde(default)]
    r#as: Option<String>,
    /// By how much the clock is moved on before: `+90s`, `+5m`, `+24h`, `+30d`.
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request: Value,
    /// What the response has at least.
    #[serde(default)]
    pub(crate) want: Option<Value>,
    /// What it is refused with.
    #[serde(default)]
    pub(crate) error: Option<Expected>,
    /// Values of the response to keep, by path.
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// A refusal expected: `CODE REASON`, or that with more.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expected {
    Short(String),
    Long(Long),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Long {
    is: String,
    /// A part of the message, or with `=` before it the whole.
    #[serde(default)]
    message: Option<String>,
    /// The bad fields, all of them: paths, or paths with a part of each description.
    #[serde(default)]
    fields: Option<Value>,
    /// A part of the metadata.
    #[serde(default)]
    metadata: Option<Value>,
}

impl Expected {
    /// The canonical code.
    pub(crate) fn code(&self) -> &str {
        let is = match self {
            Self::Short(is) => is,
            Self::Long(long) => &long.is,
        };
        is.split(' ').next().unwrap_or_default()
    }

    fn faults(&self, got: &Refusal, vars: &Vars) -> Vec<String> {
        let bare;
        let long = match self {
            Self::Long(long) => long,
            Self::Short(is) => {
                bare = Long { is: is.clone(), message: None, fields: None, metadata: None };
                &bare
            }
        };
        let mut faults = Vec::new();
        let is = format!("{} {}", got.code, got.reason);
        if is != long.is {
            faults.push(format!("wanted {}, got {is}", long.is));
        }
        if let Some(message) = &long.message {
            let message = vars.text(message);
            let fits = match message.strip_prefix('=') {
                Some(whole) => got.message == whole,
                None => got.message.contains(&message),
            };
            if !fits {
                faults.push(format!("message: wanted {message:?}, got {:?}", got.message));
            }
        }
        let wanted = match &long.fields {
            None => None,
            Some(Value::Array(paths)) => Some(paths.iter().map(|p| (p.as_str().unwrap_or_default(), "")).collect()),
            Some(Value::Object(map)) => {
                Some(map.iter().map(|(p, why)| (p.as_str(), why.as_str().unwrap_or_default())).collect())
            }
            Some(other) => panic!("fields are a list or a map, not {other}"),
        };
        let wanted: Option<Vec<(&str, &str)>> = wanted;
        if let Some(mut wanted) = wanted {
            wanted.sort_unstable();
            let paths: Vec<&str> = wanted.iter().map(|(path, _)| *path).collect();
            if got.paths() != paths {
                faults.push(format!("fields: wanted {paths:#?}, got {:#?}", got.paths()));
            }
            for (path, why) in wanted {
                if !got.fields.iter().any(|(p, w)| p == path && w.contains(why)) {
                    faults.push(format!("{path}: nothing says {why:?}"));
                }
            }
        }
        if let Some(metadata) = &long.metadata {
            faults.extend(matching::faults(&vars.fill(metadata), &json!(got.metadata)));
        }
        faults
    }
}

/// The folder of the cases.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/cases")
}

/// The cases of the file with this name; what `_given.yaml` names stands in every file.
pub(crate) fn read(name: &str) -> File {
    let mut file = parse(&folder().join(format!("{name}.yaml")));
    let common = parse(&folder().join("_given.yaml"));
    for (key, value) in common.r#let {
        file.r#let.entry(key).or_insert(value);
    }
    for (key, steps) in common.given {
        file.given.entry(key).or_insert(steps);
    }
    file
}

fn parse(path: &Path) -> File {
    let fail = |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", path.display()) };
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| fail(&error));
    let mut yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap_or_else(|error| fail(&error));
    yaml.apply_merge().unwrap_or_else(|error| fail(&error));
    serde_yaml_ng::from_value(yaml).unwrap_or_else(|error| fail(&error))
}

/// Replays every scenario of a file and fails with all that was not as it should be.
pub(crate) async fn replay(name: &str, transport: Transport, kept: Kept) {
    let file = read(name);
    let house = Harness::on(kept).await;
    let mut failed = String::new();
    let mut count = 0;
    for (number, scenario) in file.scenarios.iter().enumerate() {
        if !scenario.plays_over(transport.name()) {
            continue;
        }
        count += 1;
        house.clock().set(START);
        let customer = format!("c{}", number + 1);
        if let Err(why) = run(&file, scenario, &house, transport, &customer).await {
            let _ = writeln!(failed, "\n── {name}.yaml: {}\n{why}", scenario.name);
        }
    }
    assert!(count > 0, "{name}.yaml has nothing to replay over {}", transport.name());
    // Whatever the calls were: indexes and counts are those of the records.
    let report = verify(house.db().engine().as_ref(), RECORDS).await.expect("the store is read");
    if !report.is_clean() {
        let _ = writeln!(failed, "\n── {name}.yaml left a store that is not whole: {:#?}", report.problems);
    }
    assert!(failed.is_empty(), "over {} on {kept:?}:\n{failed}", transport.name());
}

async fn run(
    file: &File,
    scenario: &Scenario,
    house: &Harness,
    transport: Transport,
    customer: &str,
) -> Result<(), String> {
    let mut vars = Vars::of(customer);
    for name in &scenario.given {
        let steps = file.given.get(name).unwrap_or_else(|| panic!("{}: nothing is given as {name:?}", scenario.name));
        for (number, step) in steps.iter().enumerate() {
            let at = format!("given {name:?}, step {}", number + 1);
            take(file, step, house, transport, customer, &mut vars).await.map_err(|why| format!("{at}: {why}"))?;
        }
    }
    for (number, step) in scenario.steps.iter().enumerate() {
        let at = format!("step {} ({})", number + 1, step.rpc);
        take(file, step, house, transport, customer, &mut vars).await.map_err(|why| format!("{at}: {why}"))?;
    }
    Ok(())
}

async fn take(
    file: &File,
    step: &Step,
    house: &Harness,
    transport: Transport,
    customer: &str,
    vars: &mut Vars,
) -> Result<(), String> {
    vars.name(&file.r#let);
    if let Some(pause) = &step.at {
        house.clock().advance(vars::micros(pause));
    }
    let mut caller = actor(house.over(transport), step.r#as.as_deref(), customer);
    for (name, value) in &step.headers {
        caller = caller.with(name, &vars.text(value));
    }
    let request = vars.fill(&step.request);
    let answer = caller.call(&step.rpc, request.clone()).await;
    judge(step, answer, vars).map_err(|why| format!("{why}\nrequest: {request:#}"))
}

fn judge(step: &Step, answer: Answer, vars: &mut Vars) -> Result<(), String> {
    match (answer.outcome, &step.want, &step.error) {
        (_, Some(_), Some(_)) => panic!("{}: a step wants a response or an error, not both", step.rpc),
        (Ok(response), want, None) => {
            let want = want.as_ref().map(|want| vars.fill(want)).unwrap_or_else(|| json!({}));
            let faults = matching::faults(&want, &response);
            if !faults.is_empty() {
                return Err(format!("\n  {}\nresponse: {response:#}", faults.join("\n  ")));
            }
            for (name, path) in &step.save {
                let value = matching::at(&response, path).filter(|value| !value.is_null());
                let value = value.ok_or_else(|| format!("nothing at {path} to save\nresponse: {response:#}"))?;
                vars.set(name, value.clone());
            }
            Ok(())
        }
        (Err(refusal), _, Some(expected)) => {
            let faults = expected.faults(&refusal, vars);
            if faults.is_empty() { Ok(()) } else { Err(format!("\n  {}\nrefusal: {refusal}", faults.join("\n  "))) }
        }
        (Ok(response), _, Some(expected)) => Err(format!("was not refused with {expected:?}\nresponse: {response:#}")),
        (Err(refusal), _, None) => Err(format!("was refused with {refusal}")),
    }
}

fn actor(caller: Caller, who: Option<&str>, customer: &str) -> Caller {
    let Some(who) = who.filter(|who| *who != "operator") else { return caller };
    let words: Vec<&str> = who.split(' ').collect();
    let (role, user, customer) = match words.as_slice() {
        [role, user] => (*role, *user, customer.to_owned()),
        [role, user, "of", "other"] => (*role, *user, format!("{customer}-other")),
        _ => panic!("{who:?} is nobody: say `role user`, `role user of other` or `operator`"),
    };
    let role =
        Role::from_str_name(&format!("ROLE_{}", role.to_uppercase())).unwrap_or_else(|| panic!("no role {role}"));
    caller.as_user_of(&customer, user, role)
}
