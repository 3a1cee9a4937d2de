//! The real program under the clients that people use: grpcurl, curl, Python's grpcio, Connect and gRPC-Web on Node.js.
//! Each test starts a server of its own on an empty folder and stops it with SIGTERM, which must end it well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed assertion is how a test says no

mod curl;
mod grpcurl;
mod node;
mod python;
mod server;
mod tools;

use std::path::PathBuf;

use serde_json::{Value, json};

/// A server on an empty folder, which goes away with it.
struct Fresh {
    server: server::Server,
    root: tempfile::TempDir,
}

impl Fresh {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { server: server::Server::start(&root.path().join("data"), &[]), root }
    }

    fn address(&self) -> String {
        self.server.address()
    }

    /// A new folder for the client's files.
    fn scratch(&self) -> PathBuf {
        let path = self.root.path().join("scratch");
        std::fs::create_dir(&path).unwrap();
        path
    }

    fn stop(self) {
        self.server.stop();
    }
}

/// The form that these tests fill in: a greeting that is required, and three times its weight on the tone.
fn template(name: &str) -> Value {
    json!({
        "name": name,
        "title": "Call quality",
        "template": {"chapters": [{"id": "opening", "displayName": "Opening", "criteria": [
            {"id": "greeting", "displayName": "Greets by name", "weight": 1, "required": true, "yesNo": {}},
            {"id": "tone", "displayName": "Tone of voice", "weight": 3, "range": {"min": 0, "max": 5, "step": 1}},
        ]}]},
    })
}

/// Answers to it that come to 85: one of one, and three times four fifths, over four.
fn answers() -> Value {
    json!([{"criterionId": "greeting", "numericValue": 1}, {"criterionId": "tone", "numericValue": 4}])
}

/// The detail of this type in a `google.rpc.Status` as JSON.
#[track_caller]
fn detail<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let details = status["details"].as_array().unwrap_or_else(|| panic!("no details in {status}"));
    let found = details.iter().find(|detail| detail["@type"].as_str().is_some_and(|name| name.ends_with(kind)));
    found.unwrap_or_else(|| panic!("no {kind} in {status}"))
}
