//! Where the clients are, and how they are run. `tests/clients/install` puts them where this looks.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Set to 1, a client that is missing fails the test that needs it.
const REQUIRE: &str = "COACHING_TESTS_REQUIRE_CLIENTS";
/// The folder of the clients, where it is not `clients` in the target folder.
const FOLDER: &str = "COACHING_TESTS_CLIENTS";

/// This repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/clients/install` put the clients.
pub(crate) fn folder() -> PathBuf {
    env::var_os(FOLDER).map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients"), PathBuf::from)
}

/// grpcurl, from our folder or from the machine.
pub(crate) fn grpcurl() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join("go/bin"));
    found("grpcurl", [folder().join("bin")].into_iter().chain(home))
}

/// curl, from the machine.
pub(crate) fn curl() -> Option<PathBuf> {
    found("curl", [])
}

/// A Python that has the packages of `python/requirements.txt`.
pub(crate) fn python() -> Option<PathBuf> {
    let python = folder().join("python/bin/python");
    offered("Python with grpcio", python.is_file().then_some(python))
}

/// Node.js and the folder that holds `node_modules` of `node/package.json`.
pub(crate) fn node() -> Option<(PathBuf, PathBuf)> {
    let packages = folder().join("node/node_modules");
    let packages = offered("the npm packages of tests/clients/node", packages.is_dir().then_some(packages))?;
    Some((found("node", [])?, packages))
}

fn found(name: &str, before: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = before.into_iter().chain(env::split_paths(&path));
    let tool = folders.map(|folder| folder.join(name)).find(|tool| tool.is_file());
    offered(name, tool)
}

/// Says loudly that a client is missing, or fails where that was asked for.
fn offered<T>(name: &str, tool: Option<T>) -> Option<T> {
    if tool.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let what = format!("{test}: {name} is missing; run tests/clients/install");
        assert!(env::var_os(REQUIRE).is_none_or(|value| value != "1"), "{what} ({REQUIRE}=1)");
        // Past the test runner's capture, which hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
    }
    tool
}

/// Runs it to its end, without input.
pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs it, which must succeed; answers what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{out}\n{err}", output.status);
    out.into_owned()
}
