//! Whatever road a listing of scorecards takes through the indexes, it answers what a filter over all of them would, in
//! the same order, in pages of any size.

use coaching::clock::Micros;
use coaching::pb::cresta::v1::coaching::{Scorecard, ScorecardType};
use coaching::pb::cresta::v1::user::User;
use serde_json::{Value, json};

use crate::harness::{Caller, Harness, Kept, PARENT, START};
use crate::stage;

/// More than a window that is gathered may have (1,000), so that both sides of that bound are met.
const CARDS: usize = 2_600;
const MINUTE: i64 = 60_000_000;

/// A small generator (SplitMix64), so that the same requests are made each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

const AGENTS: &[&str] = &["amir", "bea", "cleo"];
const GRADERS: &[&str] = &["gail", "gus"];
const USECASES: &[&str] = &["sales", "support"];

/// Scorecards in every state, made an hour apart from when they were submitted, on two templates.
fn cards(revisions: &[String]) -> Vec<Scorecard> {
    let mut dice = Dice(7);
    let user = |id: &str| User { name: stage::user(id), ..User::default() };
    (0..CARDS)
        .map(|number| {
            let create = START.0 + number as i64 * MINUTE;
            let submit = (dice.roll(5) > 0).then(|| create + dice.roll(600) as i64 * MINUTE);
            let update = submit.unwrap_or(create) + dice.roll(300) as i64 * MINUTE;
            let time = |micros: i64| Some(Micros(micros).timestamp());
            let grade = dice.roll(11) as i64;
            Scorecard {
                name: stage::name(&format!("scorecards/card-{:04}", (number * 7_919) % 10_000)),
                agent_user_name: stage::user(dice.one(AGENTS)),
                template_name: revisions[dice.roll(revisions.len() as u64) as usize].clone(),
                conversation_name: stage::name(&format!("conversations/call-{}", number / 2)),
                usecase_name: stage::name(&format!("usecases/{}", dice.one(USECASES))),
                creator: Some(user(dice.one(GRADERS))),
                submitted_by: submit.map(|_| user(dice.one(GRADERS))),
                create_time: time(create),
                update_time: time(update),
                submit_time: submit.and_then(time),
                acknowledge_time: submit.filter(|_| dice.roll(2) == 0).and_then(time),
                total_score: grade as f32 * 10.0,
                total_score_billionths: (grade > 0).then_some(grade * 10_000_000_000),
                coaching_plan_names: (dice.roll(4) == 0)
                    .then(|| stage::name(&format!("coachingPlans/plan-{}", dice.roll(3))))
                    .into_iter()
                    .collect(),
                scorecard_type: if dice.roll(9) == 0 { ScorecardType::Calibration } else { ScorecardType::Conversation }
                    as i32,
                ..Scorecard::default()
            }
        })
        .collect()
}

/// A request of up to four filters, an order and a direction.
fn request(dice: &mut Dice) -> Value {
    let size = [17, 50, 400, 1_000][dice.roll(4) as usize];
    let mut request = json!({"parent": PARENT, "pageSize": size});
    let time = |dice: &mut Dice| {
        let minutes = dice.roll(CARDS as u64 + 900) as i64;
        let at = Micros(START.0 + minutes * MINUTE).timestamp();
        Value::from(chrono(at.seconds))
    };
    for _ in 0..=dice.roll(4) {
        let (field, value) = match dice.roll(11) {
            0 => ("agentUserName", stage::user(dice.one(AGENTS)).into()),
            1 => (
                "templateName",
                format!("{}@*", stage::name(dice.one(&["scorecardTemplates/qa", "scorecardTemplates/none"]))).into(),
            ),
            2 => ("coachingPlanNames", json!([stage::name(&format!("coachingPlans/plan-{}", dice.roll(4)))])),
            3 => (
                "conversationNames",
                json!([stage::name("conversations/call-77"), stage::name("conversations/call-9")]),
            ),
            4 => ("creatorUserNames", json!([stage::user(dice.one(GRADERS))])),
            5 => ("usecaseNames", json!([stage::name(&format!("usecases/{}", dice.one(USECASES)))])),
            6 => ("submitted", (dice.roll(2) == 0).into()),
            7 => ("acknowledged", (dice.roll(2) == 0).into()),
            8 => ("startSubmitTime", time(dice)),
            9 => ("endSubmitTime", time(dice)),
            _ => (["startUpdateTime", "endUpdateTime"][dice.roll(2) as usize], time(dice)),
        };
        request[field] = value;
    }
    for (start, end) in [("startSubmitTime", "endSubmitTime"), ("startUpdateTime", "endUpdateTime")] {
        // A window that ends before it begins is refused, which is another test's matter.
        if let (Some(from), Some(until)) = (request[start].as_str(), request[end].as_str())
            && until <= from
        {
            request.as_object_mut().expect("an object").remove(end);
        }
    }
    if let Some(order) = ["", "CREATE_TIME", "SUBMIT_TIME", "UPDATE_TIME", "TOTAL_SCORE"].get(dice.roll(5) as usize)
        && !order.is_empty()
    {
        request["orderBy"] = (*order).into();
    }
    if dice.roll(2) == 0 {
        request["orderDirection"] = "ORDER_DIRECTION_ASC".into();
    }
    request
}

/// Seconds since the epoch as RFC 3339, for days of March 2026.
fn chrono(seconds: i64) -> String {
    let since = seconds - 1_772_323_200; // 2026-03-01T00:00:00Z
    format!("2026-03-{:02}T{:02}:{:02}:{:02}Z", 1 + since / 86_400, since / 3_600 % 24, since / 60 % 60, since % 60)
}

fn micros(time: &Option<prost_types::Timestamp>) -> i64 {
    time.as_ref().map_or(0, |time| Micros::of(time).0)
}

/// What the listing should be, by looking at every scorecard.
fn naive(cards: &[Scorecard], request: &Value) -> Vec<String> {
    let text = |field: &str| request[field].as_str();
    let list = |field: &str, value: &str| {
        request[field].as_array().is_none_or(|wanted| wanted.iter().any(|one| one.as_str() == Some(value)))
    };
    let stamp = |micros: i64| chrono(Micros(micros).timestamp().seconds);
    let windowed = text("startSubmitTime").is_some() || text("endSubmitTime").is_some();
    let updated = text("startUpdateTime").is_some() || text("endUpdateTime").is_some();
    let within = |at: i64, start: &str, end: &str| {
        text(start).is_none_or(|start| stamp(at).as_str() >= start)
            && text(end).is_none_or(|end| stamp(at).as_str() < end)
    };
    let order = match text("orderBy") {
        Some(order) => order,
        None if windowed => "SUBMIT_TIME",
        None if updated => "UPDATE_TIME",
        None => "CREATE_TIME",
    };
    let mut found: Vec<(i64, &str)> = cards
        .iter()
        .filter(|card| {
            let submit = micros(&card.submit_time);
            text("agentUserName").is_none_or(|agent| card.agent_user_name == agent)
                && text("templateName")
                    .is_none_or(|name| card.template_name.split('@').next() == name.split('@').next())
                && list("conversationNames", &card.conversation_name)
                && list("creatorUserNames", card.creator.as_ref().map_or("", |user| &user.name))
                && list("usecaseNames", &card.usecase_name)
                && (request["coachingPlanNames"].is_null()
                    || card.coaching_plan_names.iter().any(|plan| list("coachingPlanNames", plan)))
                && request["submitted"].as_bool().is_none_or(|wanted| wanted == (submit != 0))
                && request["acknowledged"].as_bool().is_none_or(|wanted| wanted == card.acknowledge_time.is_some())
                && (!windowed || submit != 0 && within(submit, "startSubmitTime", "endSubmitTime"))
                && within(micros(&card.update_time), "startUpdateTime", "endUpdateTime")
        })
        .map(|card| {
            let key = match order {
                "SUBMIT_TIME" => micros(&card.submit_time),
                "UPDATE_TIME" => micros(&card.update_time),
                "TOTAL_SCORE" => card.total_score_billionths.unwrap_or(i64::MIN),
                _ => micros(&card.create_time),
            };
            (key, card.name.as_str())
        })
        .collect();
    found.sort_unstable();
    if text("orderDirection").is_none() {
        found.reverse();
    }
    found.into_iter().map(|(_, name)| name.to_owned()).collect()
}

async fn listed(caller: &Caller, request: &Value) -> Vec<String> {
    let (mut request, mut seen) = (request.clone(), Vec::new());
    loop {
        let page = caller.call("ListScorecards", request.clone()).await.ok();
        let names = stage::names(&page);
        assert!(names.len() <= request["pageSize"].as_u64().expect("a size") as usize);
        if let Some(total) = page["totalSize"].as_u64()
            && seen.is_empty()
            && page["nextPageToken"] == ""
        {
            assert_eq!(total as usize, names.len(), "{request}");
        }
        seen.extend(names);
        match page["nextPageToken"].as_str() {
            Some("") | None => return seen,
            Some(next) => request["pageToken"] = next.into(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_road_answers_what_a_look_at_every_scorecard_would() {
    for (kept, rounds) in [(Kept::Memory, 60), (Kept::Sled, 24)] {
        let house = Harness::on(kept).await;
        let caller = house.operator();
        let template = stage::template(&caller).await;
        let revision = |name: &str| format!("{name}@{}", template["revision"].as_str().expect("a revision"));
        let revisions =
            [revision(template["name"].as_str().expect("a name")), revision(&stage::name("scorecardTemplates/none"))];
        let cards = cards(&revisions);
        stage::put(house.db(), &cards).await;
        let mut dice = Dice(kept as u64 + 1);
        for _ in 0..rounds {
            let request = request(&mut dice);
            assert_eq!(listed(&caller, &request).await, naive(&cards, &request), "{kept:?}: {request}");
        }
    }
}
