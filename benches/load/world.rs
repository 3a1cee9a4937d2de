//! A believable contact centre: templates of ten questions, scorecards of about 1.8 KB.

use std::sync::Arc;

use coaching::api::Api;
use coaching::api::caller::Caller;
use coaching::clock::{SystemClock, UuidV7};
use coaching::pb::cresta::v1::coaching::coaching_service_client::CoachingServiceClient;
use coaching::pb::cresta::v1::coaching::criterion::Type;
use coaching::pb::cresta::v1::coaching::options_type::Option as Choice;
use coaching::pb::cresta::v1::coaching::*;
use coaching::store::Db;
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Interceptor, Routes};
use tonic::{Request, Status};

use crate::Result;

pub(crate) const CUSTOMER: &str = "acme-insurance";
pub(crate) const PARENT: &str = "customers/acme-insurance/profiles/voice-support";
/// Templates in use.
pub(crate) const TEMPLATES: usize = 4;

const QUESTIONS: [(&str, &str); 10] = [
    ("greeting", "Greeted the caller by name and named the brand"),
    ("identity", "Verified the caller's identity before sharing data"),
    ("listening", "Listened and rephrased the issue in own words"),
    ("empathy", "Acknowledged how the caller feels about it"),
    ("solution", "Offered the solution that the handbook names"),
    ("accuracy", "Everything said was correct and complete"),
    ("hold", "Asked before putting the caller on hold"),
    ("recap", "Recapped what happens next and by when"),
    ("wording", "Plain words, no jargon, no blame"),
    ("closing", "Asked whether anything else is open"),
];

const REMARKS: [&str; 4] = [
    "Well paced, and the caller was never left waiting for an answer.",
    "Missed the second policy number; the recap would have caught it.",
    "Good tone throughout, even when the caller raised their voice.",
    "Handbook chapter 4.2 applies here, see also last week's session.",
];

pub(crate) fn template_name(number: usize) -> String {
    format!("{PARENT}/scorecardTemplates/call-quality-{}", number % TEMPLATES)
}

pub(crate) fn agent_name(number: usize) -> String {
    format!("customers/{CUSTOMER}/users/agent-{number:04}")
}

fn template(number: usize) -> CreateScorecardTemplateRequest {
    let choice = |value: usize, label: &str| Choice {
        value: value as f32,
        label: label.into(),
        points: value as f64,
        ..Default::default()
    };
    let options = vec![choice(0, "Missed"), choice(1, "Partly"), choice(2, "Well done")];
    let criterion = |(id, name): &(&str, &str)| Criterion {
        id: (*id).into(),
        display_name: (*name).into(),
        weight: Some(10.0),
        required: true,
        allow_not_applicable: true,
        r#type: Some(Type::Options(OptionsType { options: options.clone(), max_points: None })),
        ..Default::default()
    };
    let chapter = |id: &str, name: &str, questions: &[(&str, &str)]| Chapter {
        id: id.into(),
        display_name: name.into(),
        criteria: questions.iter().map(criterion).collect(),
        ..Default::default()
    };
    let structure = TemplateStructure {
        chapters: vec![
            chapter("opening", "Opening", &QUESTIONS[..3]),
            chapter("handling", "Handling", &QUESTIONS[3..7]),
            chapter("ending", "Ending", &QUESTIONS[7..]),
        ],
        scoring: Some(Scoring { pass_threshold: Some(75.0), ..Default::default() }),
    };
    CreateScorecardTemplateRequest {
        parent: PARENT.into(),
        scorecard_template: Some(ScorecardTemplate {
            name: template_name(number),
            title: format!("Call quality {number}"),
            template: Some(structure),
            r#type: ScorecardTemplateType::Conversation.into(),
            qa_score_config: Some(QaScoreConfig { included: true, weight: None }),
            ..Default::default()
        }),
    }
}

/// The request that makes the scorecard with this number: ten answers, half of them with a remark.
pub(crate) fn scorecard(number: usize, agents: usize) -> CreateScorecardRequest {
    let dice = number.wrapping_mul(0x9e37_79b9) >> 7;
    let scores = QUESTIONS.iter().enumerate().map(|(at, (id, _))| Score {
        criterion_id: (*id).into(),
        numeric_value: Some(((dice >> at) % 3) as f32),
        comment: if at % 2 == 0 { REMARKS[(dice + at) % REMARKS.len()].into() } else { String::new() },
        ..Default::default()
    });
    CreateScorecardRequest {
        parent: PARENT.into(),
        scorecard: Some(Scorecard {
            agent_user_name: agent_name(dice % agents),
            template_name: template_name(dice),
            conversation_name: format!("{PARENT}/conversations/c-{number:09}"),
            comment: "Calm call about a late payout. One answer came from memory and was right; still, look it up. "
                .repeat(2),
            scores: scores.collect(),
            ..Default::default()
        }),
    }
}

/// The operator calls.
#[derive(Clone)]
pub(crate) struct Operator(Arc<Caller>);

impl Interceptor for Operator {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        request.extensions_mut().insert(self.0.clone());
        Ok(request)
    }
}

pub(crate) type Client = CoachingServiceClient<InterceptedService<Routes, Operator>>;

/// The doorways to a store, as a server has them.
pub(crate) fn api(db: Db) -> Api {
    Api::new(db, Arc::new(SystemClock::default()), Arc::new(UuidV7))
}

/// The service over a store in this process, without a socket.
pub(crate) fn client(db: Db) -> Client {
    let routes = coaching::services::routes(api(db), 4 << 20);
    CoachingServiceClient::with_interceptor(routes, Operator(Arc::new(Caller::operator())))
        .max_decoding_message_size(usize::MAX)
}

/// Makes the templates.
pub(crate) async fn prepare(client: &mut Client) -> Result<()> {
    for number in 0..TEMPLATES {
        client.create_scorecard_template(template(number)).await?;
    }
    Ok(())
}

/// Makes so many scorecards, many at a time, so that they share syncs; answers their names.
pub(crate) async fn fill(client: &Client, cards: usize, agents: usize) -> Result<Vec<String>> {
    const AT_ONCE: usize = 256;
    let tasks: Vec<_> = (0..AT_ONCE.min(cards))
        .map(|first| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let mut names = Vec::new();
                for number in (first..cards).step_by(AT_ONCE) {
                    let made = client.create_scorecard(scorecard(number, agents)).await?.into_inner();
                    names.push(made.scorecard.unwrap_or_default().name);
                }
                Ok::<_, Status>(names)
            })
        })
        .collect();
    let mut names = Vec::with_capacity(cards);
    for task in tasks {
        names.extend(task.await??);
    }
    Ok(names)
}
