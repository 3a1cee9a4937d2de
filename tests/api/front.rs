//! What only REST can get wrong, in a few strokes; `tests/rest` has the transcoder's own cases.

use serde_json::{Value, json};

use crate::harness::{Harness, PARENT, Raw, Refusal, Transport};
use crate::stage;

/// The reason of an error body.
fn reason(raw: &Raw) -> String {
    Refusal::of_rest(raw.status, &raw.json()).reason
}

async fn house() -> Harness {
    let house = Harness::memory().await;
    stage::template(&house.operator()).await;
    house.operator().call("CreateScorecard", stage::draft("s", "amir", 5)).await.ok();
    let target = json!({"name": stage::name("targets/t"), "scorecardTemplateName": stage::name("scorecardTemplates/qa"), "target": 80, "usecaseName": stage::name("usecases/u")});
    house.operator().call("CreateTarget", json!({"parent": PARENT, "target": target})).await.ok();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_calls_work_as_they_are_published() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    let submitted = rest.http("POST", &format!("/v1/{PARENT}/scorecards/s:submit"), Some("{}")).await;
    assert_eq!((submitted.status, submitted.json()["scorecard"]["totalScore"].as_f64()), (200, Some(50.0)));
    let reset = rest.http("POST", &format!("/v1/{PARENT}/scorecards/s:reset"), Some("{}")).await;
    assert_eq!((reset.status, &reset.json()["scorecard"]["submitTime"]), (200, &Value::Null));
    let target = rest.http("GET", &format!("/v1/{PARENT}/targets/t"), None).await;
    assert_eq!((target.status, target.json()["target"]["target"].as_f64()), (200, Some(80.0)));
    let listed = rest.http("GET", &format!("/v1/{PARENT}/scorecardTemplates"), None).await;
    let current = rest.http("GET", &format!("/v1/{PARENT}/scorecardTemplates:listCurrent"), None).await;
    assert_eq!(listed.json(), current.json());
    assert_eq!(listed.json()["scorecardTemplates"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_405_and_names_the_right_ones() {
    let house = house().await;
    let raw = house.over(Transport::Rest).http("PUT", &format!("/v1/{PARENT}/scorecards/s"), Some("{}")).await;
    assert_eq!(raw.status, 405);
    let mut allowed: Vec<&str> = raw.headers["allow"].to_str().unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
    assert_eq!(raw.json()["details"][0]["reason"], "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_verbs_that_do_not_exist_are_404() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    for (verb, path) in [
        ("POST", format!("/v1/{PARENT}/scorecards/s:explode")),
        ("GET", format!("/v1/{PARENT}/nothing/s")),
        ("GET", format!("/v1/{PARENT}/scorecards/s/")),
        ("GET", format!("/v1//{PARENT}/scorecards/s")),
        ("GET", "/v2/x".to_owned()),
    ] {
        let raw = rest.http(verb, &path, None).await;
        assert_eq!(raw.status, 404, "{verb} {path}: {:?}", raw.body);
        assert!(
            ["ROUTE_NOT_FOUND", "UNKNOWN_VERB"].contains(&reason(&raw).as_str()),
            "{verb} {path}: {}",
            reason(&raw)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_none_or_says_too_much_is_400_and_changes_nothing() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    let path = format!("/v1/{PARENT}/scorecards/s");
    let before = rest.http("GET", &path, None).await.json();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        "{",
        "[]",
        "nonsense",
        r#"{"scorecard": {"nonsense": 1}}"#,
        r#"{"scorecard": {"comment": 7}}"#,
        r#"{"scorecard": {"comment": "a", "comment": "b"}}"#,
        r#"{"scorecard": {"comment": "a"}} trailing"#,
        r#"{"scorecard": {"name": "customers/acme/profiles/main/scorecards/other", "comment": "a"}}"#,
        deep.as_str(),
    ] {
        let raw = rest.http("PATCH", &path, Some(body)).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(raw.status, 400, "{shown}: {:?}", raw.body);
        assert_eq!(raw.json()["status"], "INVALID_ARGUMENT", "{shown}");
        assert!(!reason(&raw).is_empty(), "{shown}: {:?}", raw.body);
    }
    for query in [
        "?pageSize=x",
        "?nonsense=1",
        "?pageSize=1&pageSize=2",
        "?orderBy=SIDEWAYS",
        "?agentUserName=%ff",
        "?submitted=perhaps",
    ] {
        let raw = rest.http("GET", &format!("/v1/{PARENT}/scorecards{query}"), None).await;
        assert_eq!(
            (raw.status, raw.json()["status"].as_str()),
            (400, Some("INVALID_ARGUMENT")),
            "{query}: {:?}",
            raw.body
        );
    }
    assert_eq!(rest.http("GET", &path, None).await.json(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_slash_is_no_part_of_an_id_and_a_whole_name_may_be_escaped() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    let raw = rest.http("GET", &format!("/v1/{PARENT}/scorecards/s%2Fs"), None).await;
    assert_eq!((raw.status, reason(&raw).as_str()), (400, "INVALID_REQUEST"), "{:?}", raw.body);
    // Published paths print these names bare; clients send them escaped.
    let name = stage::name("scorecardTemplates/qa").replace('/', "%2F");
    let escaped = rest.http("POST", &format!("/v1/{name}:retrieveEvaluationPeriods"), Some("{}")).await;
    let plain =
        rest.http("POST", &format!("/v1/{PARENT}/scorecardTemplates/qa:retrieveEvaluationPeriods"), Some("{}")).await;
    assert_eq!(reason(&escaped), "NO_EVALUATION_PERIODS");
    assert_eq!(escaped.json(), plain.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_what_its_body_has_also_to_nothing() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    let path = format!("/v1/{PARENT}/scorecards/s");
    let patch =
        async |query: &str, body: Value| rest.http("PATCH", &format!("{path}{query}"), Some(&body.to_string())).await;
    let set = patch("", json!({"scorecard": {"comment": "fine", "usecaseName": stage::name("usecases/u")}})).await;
    assert_eq!(set.json()["scorecard"]["comment"], "fine");
    let cleared = patch("", json!({"scorecard": {"comment": ""}})).await.json();
    assert_eq!(
        (cleared["scorecard"]["comment"].as_str().unwrap_or_default(), cleared["scorecard"]["usecaseName"].is_string()),
        ("", true)
    );
    let masked =
        patch("?updateMask=comment", json!({"scorecard": {"comment": "masked", "usecaseName": ""}})).await.json();
    assert_eq!(
        (masked["scorecard"]["comment"].as_str(), masked["scorecard"]["usecaseName"].is_string()),
        (Some("masked"), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_and_a_given_one_comes_back() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    for path in [format!("/v1/{PARENT}/scorecards/s"), format!("/v1/{PARENT}/scorecards/none"), "/nowhere".to_owned()] {
        assert!(rest.http("GET", &path, None).await.headers.contains_key("x-request-id"), "{path}");
        let given = rest.with("x-request-id", "given-1").http("GET", &path, None).await;
        assert_eq!(given.headers["x-request-id"], "given-1", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_as_get_without_a_body() {
    let house = house().await;
    let rest = house.over(Transport::Rest);
    let (head, missing) = (
        rest.http("HEAD", &format!("/v1/{PARENT}/scorecards/s"), None).await,
        rest.http("HEAD", &format!("/v1/{PARENT}/scorecards/none"), None).await,
    );
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!((missing.status, missing.body.len()), (404, 0));
}
