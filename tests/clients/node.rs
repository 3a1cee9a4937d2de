//! Connect for ECMAScript on Node.js, with code that buf generates from `proto/`: gRPC-Web as a browser speaks it, and
//! gRPC itself.

use std::env;
use std::process::Command;

use super::{Fresh, tools};

#[test]
fn node_clients_with_generated_code_work_over_grpc_web_and_grpc() {
    let Some((node, packages)) = tools::node() else { return };
    let fresh = Fresh::start();
    // Imports are looked up from where a file stands, so the client is copied beside a link to the packages.
    let scratch = fresh.scratch();
    std::os::unix::fs::symlink(&packages, scratch.join("node_modules")).unwrap();
    let sources = tools::repository().join("tests/clients/node");
    for file in ["client.mjs", "package.json"] {
        std::fs::copy(sources.join(file), scratch.join(file)).unwrap();
    }
    let bins = packages.join(".bin");
    let path =
        env::join_paths([bins.clone()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
    tools::run(
        Command::new(bins.join("buf"))
            .arg("generate")
            .arg("--template")
            .arg(sources.join("buf.gen.yaml"))
            .arg("--output")
            .arg(&scratch)
            .arg(tools::repository())
            .env("PATH", path),
    );
    tools::run(Command::new(&node).arg("client.mjs").arg(fresh.address()).current_dir(&scratch));
    fresh.stop();
}
