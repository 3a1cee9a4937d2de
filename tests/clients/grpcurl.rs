//! grpcurl, which knows nothing of our protos but what reflection tells it.

use std::process::Command;

use serde_json::{Value, json};

use super::{Fresh, answers, detail, template, tools};

const SERVICE: &str = "cresta.v1.coaching.CoachingService";

struct Grpcurl {
    program: std::path::PathBuf,
    address: String,
}

impl Grpcurl {
    fn command(&self, options: &[&str], verbs: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-plaintext", "-max-time", "30"]).args(options).arg(&self.address).args(verbs);
        command
    }

    fn ask(&self, verbs: &[&str]) -> String {
        tools::run(&mut self.command(&[], verbs))
    }

    fn call_method(&self, method: &str, request: &Value) -> Value {
        let answer = tools::run(&mut self.command(&["-d", &request.to_string()], &[method]));
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{method} answered {answer:?}: {error}"))
    }

    fn call(&self, rpc: &str, request: &Value) -> Value {
        self.call_method(&format!("{SERVICE}/{rpc}"), request)
    }

    /// The status of a call that must be refused.
    fn refused(&self, rpc: &str, request: &Value) -> Value {
        let method = format!("{SERVICE}/{rpc}");
        let output = tools::output(&mut self.command(&["-format-error", "-d", &request.to_string()], &[&method]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{rpc} was not refused: {}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{rpc} was refused with {said:?}: {error}"))
    }
}

fn started() -> Option<(Fresh, Grpcurl)> {
    let program = tools::grpcurl()?;
    let fresh = Fresh::start();
    let grpcurl = Grpcurl { program, address: fresh.address() };
    Some((fresh, grpcurl))
}

#[test]
fn grpcurl_lists_and_describes_every_service_through_reflection() {
    let Some((fresh, grpcurl)) = started() else { return };
    let listed = grpcurl.ask(&["list"]);
    let services: Vec<&str> = listed.lines().collect();
    for service in [
        SERVICE,
        "coaching.directory.v1.DirectoryService",
        "coaching.history.v1.HistoryService",
        "coaching.jobs.v1.JobService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ] {
        assert!(services.contains(&service), "{service} is not in the list:\n{listed}");
    }
    let described = grpcurl.ask(&["describe", SERVICE]);
    for piece in ["rpc SubmitScorecard (", "rpc ListTargets (", "/v1/{name=customers/*/profiles/*/scorecards/*}:reset"]
    {
        assert!(described.contains(piece), "{piece} is not in the description:\n{described}");
    }
    let scorecard = grpcurl.ask(&["describe", "cresta.v1.coaching.Scorecard"]);
    assert!(scorecard.contains("total_score = 7"), "{scorecard}");
    fresh.stop();
}

#[test]
fn both_versions_of_reflection_answer_the_same_services() {
    let Some((fresh, grpcurl)) = started() else { return };
    let services = |version: &str| {
        let method = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let answer = grpcurl.call_method(&method, &json!({"listServices": ""}));
        answer["listServicesResponse"]["service"].clone()
    };
    let first = services("v1");
    assert!(first.as_array().is_some_and(|services| services.len() >= 6), "{first}");
    assert_eq!(first, services("v1alpha"));
    fresh.stop();
}

#[test]
fn grpcurl_sees_the_health_of_the_whole_and_of_a_service() {
    let Some((fresh, grpcurl)) = started() else { return };
    for service in ["", SERVICE] {
        let answer = grpcurl.call_method("grpc.health.v1.Health/Check", &json!({"service": service}));
        assert_eq!(answer["status"], "SERVING", "of {service:?}");
    }
    fresh.stop();
}

#[test]
fn grpcurl_walks_a_scorecard_through_its_life() {
    let Some((fresh, grpcurl)) = started() else { return };
    let made = grpcurl.call(
        "CreateScorecardTemplate",
        &json!({"parent": "customers/c/profiles/p",
            "scorecardTemplate": template("customers/c/profiles/p/scorecardTemplates/calls")}),
    );
    assert_eq!(made["scorecardTemplate"]["title"], "Call quality");
    let made = grpcurl.call(
        "CreateScorecard",
        &json!({"parent": "customers/c/profiles/p", "scorecard": {
            "name": "customers/c/profiles/p/scorecards/s",
            "templateName": "customers/c/profiles/p/scorecardTemplates/calls",
            "agentUserName": "customers/c/users/ann",
            "conversationName": "customers/c/profiles/p/conversations/1",
            "scores": answers(),
        }}),
    );
    assert_eq!(made["scorecard"]["totalScore"], 85.0, "{made}");
    let name = json!({"name": "customers/c/profiles/p/scorecards/s"});
    let submitted = grpcurl.call("SubmitScorecard", &name);
    assert!(submitted["scorecard"]["submitTime"].is_string(), "{submitted}");
    let listed = grpcurl.call("ListScorecards", &json!({"parent": "customers/c/profiles/p", "submitted": true}));
    assert_eq!(listed["scorecards"].as_array().map(Vec::len), Some(1), "{listed}");
    let reset = grpcurl.call("ResetScorecard", &name);
    assert!(reset["scorecard"]["submitTime"].is_null(), "{reset}");
    grpcurl.call(
        "CreateTarget",
        &json!({"parent": "customers/c/profiles/p", "target": {
            "name": "customers/c/profiles/p/targets/t",
            "scorecardTemplateName": "customers/c/profiles/p/scorecardTemplates/calls",
            "usecaseName": "customers/c/profiles/p/usecases/voice",
            "target": 90,
        }}),
    );
    let target = grpcurl.call("GetTarget", &json!({"name": "customers/c/profiles/p/targets/t"}));
    assert_eq!(target["target"]["target"], 90.0, "{target}");
    fresh.stop();
}

#[test]
fn grpcurl_shows_why_a_call_was_refused() {
    let Some((fresh, grpcurl)) = started() else { return };
    let absent = grpcurl.refused("GetTarget", &json!({"name": "customers/c/profiles/p/targets/none"}));
    assert_eq!(absent["code"], 5, "{absent}");
    assert_eq!(detail(&absent, "google.rpc.ErrorInfo")["reason"], "RESOURCE_NOT_FOUND", "{absent}");
    let wrong =
        grpcurl.refused("CreateTarget", &json!({"parent": "customers/c/profiles/p", "target": {"target": 101}}));
    assert_eq!(wrong["code"], 3, "{wrong}");
    let fields = detail(&wrong, "google.rpc.BadRequest")["fieldViolations"].to_string();
    for field in ["target.scorecardTemplateName", "target.usecaseName"] {
        assert!(fields.contains(field), "{field} is not among {fields}");
    }
    fresh.stop();
}
