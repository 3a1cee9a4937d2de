//! The shared scoring vectors from end to end: template, answers, submission, and the tree that explains the total.

use num_rational::BigRational;
use num_traits::Zero;
use serde_json::{Value, json};

use crate::harness::{Caller, Harness, PARENT, Transport};
use crate::stage;

const VECTORS: &str = include_str!("../vectors/scoring.json");

fn items(json: &Value) -> Vec<Value> {
    json.as_array().cloned().unwrap_or_default()
}

/// A question of a vector as an options criterion: value 1 earns what the vector says, value 0 is the best or the worst.
fn question(id: &str, given: &Value) -> (Value, Value) {
    let number = |field: &str| given[field].as_f64();
    let points = number("points").or(number("f")).unwrap_or(0.0);
    let max = number("max").filter(|max| *max > 0.0).unwrap_or(if number("points").is_some() { points } else { 1.0 });
    let other = if points < max { max } else { 0.0 };
    let options =
        json!([{"value": 0, "points": other}, {"value": 1, "points": points, "autoFail": given["autoFail"] == true}]);
    let mut criterion =
        json!({"id": id, "allowNotApplicable": true, "bonus": given["bonus"] == true, "options": {"options": options}});
    if let Some(weight) = number("w") {
        criterion["weight"] = weight.into();
    }
    let answer = if given["na"] == true {
        json!({"criterionId": id, "notApplicable": true})
    } else {
        json!({"criterionId": id, "numericValue": 1})
    };
    (criterion, answer)
}

/// Structure and answers of a vector with one knob turned.
fn staged(case: &Value, knob: &str) -> (Value, Value) {
    let given = if case["chapters"].is_array() { items(&case["chapters"]) } else { vec![case.clone()] };
    let (mut chapters, mut scores) = (Vec::new(), Vec::new());
    for (number, chapter) in given.iter().enumerate() {
        let mut criteria = Vec::new();
        for (at, one) in items(&chapter["criteria"]).iter().enumerate() {
            let (criterion, answer) = question(&format!("q{number}-{at}"), one);
            criteria.push(criterion);
            scores.push(answer);
        }
        let mut made = json!({"id": format!("c{number}"), "criteria": criteria});
        if let Some(weight) = chapter["w"].as_f64() {
            made["weight"] = weight.into();
        }
        chapters.push(made);
    }
    let mut scoring = json!({"weighting": format!("WEIGHTING_{}", case["weighting"].as_str().expect("a weighting"))});
    let not_applicable = case["notApplicable"].as_str().unwrap_or(knob);
    if not_applicable.starts_with("DROP") || not_applicable == "FULL_CREDIT" {
        scoring["notApplicable"] = format!("NOT_APPLICABLE_{not_applicable}").into();
    }
    match knob {
        "TEMPLATE" | "CHAPTER" => scoring["autoFail"] = json!({"scope": format!("SCOPE_{knob}")}),
        "FLAG_ONLY" => scoring["autoFail"] = json!({"effect": "EFFECT_FLAG_ONLY"}),
        "CAPPED" | "UNCAPPED" => scoring["bonus"] = format!("BONUS_{knob}").into(),
        _ => {}
    }
    (json!({"chapters": chapters, "scoring": scoring}), scores.into())
}

/// The submitted scorecard with its explanation.
async fn scored(caller: &Caller, id: &str, case: &Value, knob: &str) -> Value {
    let (structure, scores) = staged(case, knob);
    let template =
        json!({"name": stage::name(&format!("scorecardTemplates/{id}")), "title": id, "template": structure});
    caller.call("CreateScorecardTemplate", json!({"parent": PARENT, "scorecardTemplate": template})).await.ok();
    let card = json!({"agentUserName": stage::user("amir"), "templateName": template["name"], "conversationName": stage::name("conversations/k"), "scores": scores});
    let made = caller.call("CreateScorecard", json!({"parent": PARENT, "scorecard": card})).await.ok();
    let name = made["scorecard"]["name"].clone();
    caller.call("SubmitScorecard", json!({"name": name})).await.ok();
    caller.call("GetScorecard", json!({"name": name, "explain": true})).await.ok()["scorecard"].clone()
}

/// What the leaves below a node add up to, exactly.
fn sum(node: &Value) -> BigRational {
    let children = items(&node["children"]);
    if children.is_empty() {
        let text = node["exactContribution"].as_str().unwrap_or_default();
        return if text.is_empty() { BigRational::zero() } else { text.parse().expect("a fraction") };
    }
    children.iter().map(sum).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_comes_to_its_total_over_every_transport_and_its_explanation_adds_up() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let house = Harness::memory().await;
    let (mut totals, mut turned) = (0, std::collections::BTreeSet::new());
    for transport in Transport::ALL {
        let caller = house.over(transport);
        for case in items(&vectors["cases"]).iter().filter(|case| case["kind"].is_null()) {
            let id = case["id"].as_str().expect("an id");
            let expected: Vec<(String, f64)> = match &case["total"] {
                Value::Object(by_knob) => {
                    by_knob.iter().map(|(knob, total)| (knob.clone(), total.as_f64().unwrap())).collect()
                }
                total => vec![("default".to_owned(), total.as_f64().expect("a total"))],
            };
            for (knob, total) in expected {
                let card = scored(&caller, &format!("{}-{id}-{knob}", transport.name()), case, &knob).await;
                let what = format!("{id} with {knob} over {}", transport.name());
                assert_eq!(card["totalScore"].as_f64().map(|n| n as f32), Some(total as f32), "{what}");
                assert_eq!(card["autoFailed"] == true, case["autoFailed"] == true, "{what}");
                let tree = &card["explanation"];
                assert_eq!(tree["kind"], "KIND_TEMPLATE", "{what}");
                let whole = tree["exactContribution"].as_str().unwrap_or_default();
                let whole: BigRational =
                    if whole.is_empty() { BigRational::zero() } else { whole.parse().expect("a fraction") };
                assert_eq!(sum(tree), whole, "{what}: the leaves add up to the total\n{tree:#}");
                assert_eq!(tree["contribution"].as_f64().map(|n| n as f32), Some(total.max(0.0) as f32), "{what}");
                totals += 1;
                turned.insert(knob);
            }
        }
    }
    assert_eq!(totals, 3 * 16, "vectors were added or lost");
    for knob in
        ["DROP_GLOBALLY", "DROP_IN_CHAPTER", "FULL_CREDIT", "TEMPLATE", "CHAPTER", "FLAG_ONLY", "CAPPED", "UNCAPPED"]
    {
        assert!(turned.contains(knob), "no vector turns {knob}");
    }
}
