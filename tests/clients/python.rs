//! A Python client with stubs that it generates from `proto/`, as anyone would.

use std::path::Path;
use std::process::Command;

use super::{Fresh, tools};

/// Our protos, relative to `proto/`; those of Google come with the Python packages.
fn protos(folder: &Path, found: &mut Vec<String>) {
    let root = tools::repository().join("proto");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path != root.join("google") {
            protos(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path.strip_prefix(&root).unwrap().display().to_string());
        }
    }
}

#[test]
fn a_python_client_with_generated_stubs_works() {
    let Some(python) = tools::python() else { return };
    let fresh = Fresh::start();
    let stubs = fresh.scratch();
    let root = tools::repository().join("proto");
    let mut files = Vec::new();
    protos(&root, &mut files);
    let into = |option: &str| format!("--{option}={}", stubs.display());
    tools::run(
        Command::new(&python)
            .args(["-m", "grpc_tools.protoc"])
            .arg(format!("--proto_path={}", root.display()))
            .args([into("python_out"), into("grpc_python_out")])
            .args(files),
    );
    tools::run(
        Command::new(&python)
            .arg("-B")
            .arg(tools::repository().join("tests/clients/python/client.py"))
            .arg(fresh.address())
            .env("PYTHONPATH", &stubs),
    );
    fresh.stop();
}
