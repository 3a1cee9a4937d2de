//! curl: REST as the published examples show it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Fresh, answers, detail, template, tools};

const PROFILE: &str = "/v1/customers/c/profiles/p";

struct Curl {
    program: PathBuf,
    address: String,
}

/// An answer as curl prints it.
#[derive(Debug)]
struct Answer {
    version: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body of a call that must have succeeded.
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The body of a call that must have been refused so.
    #[track_caller]
    fn refused(self, status: u16, code: &str, reason: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{self:?}: {error}"));
        assert_eq!(body["status"], code, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert_eq!(detail(&body, "google.rpc.ErrorInfo")["reason"], reason, "{body}");
        body
    }
}

impl Curl {
    fn send(&self, arguments: &[&str], path: &str) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let said = tools::run(
            Command::new(&self.program)
                .args(["--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "30"])
                .args(arguments)
                .arg(url),
        );
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no headers in {said:?}"));
        let mut lines = head.lines();
        let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
        Answer {
            version: first[0].to_owned(),
            status: first[1].parse().unwrap(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&[], path)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(&[], path, body)
    }

    fn post_with(&self, headers: &[&str], path: &str, body: &Value) -> Answer {
        self.body("POST", headers, path, body)
    }

    fn patch(&self, headers: &[&str], path: &str, body: &Value) -> Answer {
        self.body("PATCH", headers, path, body)
    }

    fn body(&self, method: &str, headers: &[&str], path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let mut arguments = vec!["--request", method, "--header", "content-type: application/json", "--data", &body];
        arguments.extend(headers.iter().flat_map(|header| ["--header", *header]));
        self.send(&arguments, path)
    }

    /// A template `calls` and a draft `s` on it.
    fn draft(&self) -> Value {
        self.post(
            &format!("{PROFILE}/scorecardTemplates"),
            &template("customers/c/profiles/p/scorecardTemplates/calls"),
        )
        .ok();
        let made = self.post(
            &format!("{PROFILE}/scorecards"),
            &json!({
                "name": "customers/c/profiles/p/scorecards/s",
                "templateName": "customers/c/profiles/p/scorecardTemplates/calls",
                "agentUserName": "customers/c/users/ann",
                "conversationName": "customers/c/profiles/p/conversations/1",
            }),
        );
        made.ok()["scorecard"].clone()
    }
}

fn started() -> Option<(Fresh, Curl)> {
    let program = tools::curl()?;
    let fresh = Fresh::start();
    let curl = Curl { program, address: fresh.address() };
    Some((fresh, curl))
}

#[test]
fn curl_walks_a_scorecard_through_its_life_as_the_published_examples_do() {
    let Some((fresh, curl)) = started() else { return };
    let draft = curl.draft();
    assert!(draft["templateName"].as_str().unwrap().contains("scorecardTemplates/calls@"), "{draft}");
    let card = format!("{PROFILE}/scorecards/s");

    // A PATCH wraps the resource; without a mask the fields that it has are the ones that change.
    let filled = curl.patch(&[], &card, &json!({"scorecard": {"scores": answers(), "comment": "warm"}})).ok();
    assert_eq!((&filled["scorecard"]["totalScore"], &filled["scorecard"]["comment"]), (&json!(85), &json!("warm")));

    let submitted = curl.send(&["-X", "POST", "-d", "{}"], &format!("{card}:submit")).ok();
    assert!(submitted["scorecard"]["submitTime"].is_string(), "{submitted}");
    let seen = curl.post(&format!("{card}:acknowledge"), &json!({"acknowledgeComment": "thanks"})).ok();
    assert_eq!(seen["scorecard"]["acknowledgeComment"], "thanks");

    let listed =
        curl.get(&format!("{PROFILE}/scorecards?pageSize=10&agentUserName=customers/c/users/ann&submitted=true"));
    let listed = listed.ok();
    assert_eq!(listed["scorecards"][0]["name"], "customers/c/profiles/p/scorecards/s", "{listed}");
    assert_eq!(listed["scorecardTemplates"][0]["title"], "Call quality", "{listed}");

    let reset = curl.send(&["-X", "POST", "-d", "{}"], &format!("{card}:reset")).ok();
    assert!(reset["scorecard"].get("submitTime").is_none() && reset["scorecard"].get("comment").is_none(), "{reset}");
    let explained = curl.get(&format!("{card}?explain=true")).ok();
    assert_eq!(explained["scorecard"]["explanation"]["kind"], "KIND_TEMPLATE", "{explained}");

    assert_eq!(curl.send(&["-X", "DELETE"], &card).ok(), json!({}));
    curl.get(&card).refused(404, "NOT_FOUND", "RESOURCE_NOT_FOUND");
    fresh.stop();
}

#[test]
fn curl_makes_and_reads_a_target() {
    let Some((fresh, curl)) = started() else { return };
    curl.draft();
    let target = json!({
        "name": "customers/c/profiles/p/targets/t",
        "scorecardTemplateName": "customers/c/profiles/p/scorecardTemplates/calls",
        "criterionOrChapterId": "tone",
        "usecaseName": "customers/c/profiles/p/usecases/voice",
        "target": 87.5,
    });
    curl.post(&format!("{PROFILE}/targets"), &target).ok();
    let read = curl.get(&format!("{PROFILE}/targets/t")).ok();
    assert_eq!(read["target"]["target"], 87.5, "{read}");
    let listed = curl.post(&format!("{PROFILE}/targets:list"), &json!({"criterionOrChapterIds": ["tone"]})).ok();
    assert_eq!(listed["targets"][0]["name"], target["name"], "{listed}");
    let mut second = target;
    second["name"] = json!("customers/c/profiles/p/targets/u");
    curl.post(&format!("{PROFILE}/targets"), &second).refused(409, "ALREADY_EXISTS", "TARGET_ALREADY_EXISTS");
    fresh.stop();
}

#[test]
fn curl_is_told_what_is_wrong_with_a_request() {
    let Some((fresh, curl)) = started() else { return };
    curl.draft();
    let card = format!("{PROFILE}/scorecards/s");
    let incomplete = curl.post(&format!("{card}:submit"), &json!({}));
    let incomplete = incomplete.refused(400, "FAILED_PRECONDITION", "SCORES_INCOMPLETE");
    assert!(incomplete.to_string().contains("greeting"), "{incomplete}");
    curl.post(&format!("{card}:acknowledge"), &json!({})).refused(400, "FAILED_PRECONDITION", "NOT_SUBMITTED");

    let wrong = curl.patch(&[], &card, &json!({"scorecard": {"scores": [{"criterionId": "none", "numericValue": 1}]}}));
    let wrong = wrong.refused(400, "INVALID_ARGUMENT", "INVALID_REQUEST");
    let fields = &detail(&wrong, "google.rpc.BadRequest")["fieldViolations"];
    assert_eq!(fields[0]["field"], "scorecard.scores[0].criterionId", "{wrong}");

    curl.send(&["-X", "PATCH", "-d", r#"{"scorecard""#], &card).refused(400, "INVALID_ARGUMENT", "MALFORMED_JSON");
    for (body, field) in
        [(r#"{"scorecard":{"colour":"red"}}"#, "colour"), (r#"{"scorecard":{"comment":7}}"#, "comment")]
    {
        let answer = curl.send(&["-X", "PATCH", "-d", body], &card);
        let answer = answer.refused(400, "INVALID_ARGUMENT", "INVALID_REQUEST");
        let found = &detail(&answer, "google.rpc.BadRequest")["fieldViolations"][0]["field"];
        assert_eq!(*found, format!("scorecard.{field}"), "{answer}");
    }
    let typo = curl.get(&format!("{PROFILE}/scorecards?pageSise=10"));
    assert_eq!(typo.status, 400, "{typo:?}");
    curl.get("/v1/nothing").refused(404, "NOT_FOUND", "ROUTE_NOT_FOUND");
    fresh.stop();
}

#[test]
fn a_wrong_method_is_405_with_the_methods_that_work() {
    let Some((fresh, curl)) = started() else { return };
    let answer = curl.send(&["-X", "PUT", "-d", "{}"], &format!("{PROFILE}/targets/t"));
    assert_eq!(answer.status, 405, "{answer:?}");
    let mut allowed: Vec<&str> = answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"], "{answer:?}");
    fresh.stop();
}

#[test]
fn a_change_of_what_was_changed_meanwhile_is_refused_by_if_match() {
    let Some((fresh, curl)) = started() else { return };
    let etag = curl.draft()["etag"].as_str().unwrap().to_owned();
    let card = format!("{PROFILE}/scorecards/s");
    let header = format!("if-match: \"{etag}\"");
    let change = json!({"scorecard": {"comment": "one"}});
    curl.patch(&[&header], &card, &change).ok();
    curl.patch(&[&header], &card, &change).refused(409, "ABORTED", "STALE_ETAG");
    curl.send(&["-X", "DELETE", "-H", &header], &card).refused(409, "ABORTED", "STALE_ETAG");
    curl.patch(&["if-match: *"], &card, &change).ok();
    fresh.stop();
}

#[test]
fn an_idempotency_key_makes_a_repeated_create_answer_the_first_result() {
    let Some((fresh, curl)) = started() else { return };
    curl.draft();
    let key = "idempotency-key: 6f1c2a34-8a37-4a3c-9a55-1f0c8b6f2d11";
    let path = format!("{PROFILE}/scorecards");
    let mut card = json!({
        "templateName": "customers/c/profiles/p/scorecardTemplates/calls",
        "agentUserName": "customers/c/users/bob",
        "conversationName": "customers/c/profiles/p/conversations/2",
    });
    let first = curl.post_with(&[key], &path, &card).ok();
    assert_eq!(curl.post_with(&[key], &path, &card).ok(), first);
    card["comment"] = json!("another request");
    curl.post_with(&[key], &path, &card).refused(400, "INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED");
    let key = "idempotency-key: today";
    curl.post_with(&[key], &path, &card).refused(400, "INVALID_ARGUMENT", "INVALID_IDEMPOTENCY_KEY");
    let listed = curl.get(&format!("{path}?agentUserName=customers/c/users/bob")).ok();
    assert_eq!(listed["scorecards"].as_array().map(Vec::len), Some(1), "{listed}");
    fresh.stop();
}

#[test]
fn a_browsers_preflight_is_answered_and_the_answer_may_be_read() {
    let Some((fresh, curl)) = started() else { return };
    let origin = "origin: http://localhost:5173";
    let ask = ["-X", "OPTIONS", "-H", origin, "-H", "access-control-request-method: PATCH"];
    let headers = ["-H", "access-control-request-headers: authorization,content-type,idempotency-key,if-match"];
    let answer = curl.send(&[&ask[..], &headers[..]].concat(), &format!("{PROFILE}/targets/t"));
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"), "{answer:?}");
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PATCH"), "{answer:?}");
    let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for header in ["authorization", "content-type", "idempotency-key", "if-match"] {
        assert!(allowed.contains(header), "{header} is not among {allowed}");
    }
    let answer = curl.send(&["-H", origin], &format!("{PROFILE}/targets/t"));
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"), "{answer:?}");
    let stranger = curl.send(&["-H", "origin: https://elsewhere.example"], &format!("{PROFILE}/targets/t"));
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (403, None), "{stranger:?}");
    fresh.stop();
}

#[test]
fn curl_may_speak_http_2_from_the_first_byte() {
    let Some((fresh, curl)) = started() else { return };
    curl.draft();
    for (option, version) in [("--http2-prior-knowledge", "HTTP/2"), ("--http1.1", "HTTP/1.1")] {
        let answer = curl.send(&[option], &format!("{PROFILE}/scorecards/s"));
        assert_eq!(answer.version, version);
        assert_eq!(answer.ok()["scorecard"]["name"], "customers/c/profiles/p/scorecards/s");
        let answer = curl.send(&[option, "-X", "POST", "-d", "{}"], &format!("{PROFILE}/scorecards/s:reset"));
        assert_eq!(answer.ok()["scorecard"]["name"], "customers/c/profiles/p/scorecards/s");
    }
    fresh.stop();
}

#[test]
fn every_answer_carries_a_request_id_which_is_the_callers_own_where_it_sent_one() {
    let Some((fresh, curl)) = started() else { return };
    let path = format!("{PROFILE}/targets/t");
    assert!(curl.get(&path).header("x-request-id").is_some_and(|id| !id.is_empty()));
    let answer = curl.send(&["-H", "x-request-id: my-own-1"], &path);
    assert_eq!(answer.header("x-request-id"), Some("my-own-1"), "{answer:?}");
    fresh.stop();
}
