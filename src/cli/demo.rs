//! `coaching demo`: a believable small contact centre, the same every time, loaded through the public API.
//!
//! The gRPC service is called in process over the store, with a clock that walks through the ninety days, so that
//! creation and submission times are those of the past. What exists already is left as it is, so an interrupted load is
//! finished by running it again.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use prost_types::Timestamp;
use tonic::service::{Interceptor, Routes, interceptor::InterceptedService};
use tonic::{Code, Request, Status};

use super::Failure;
use crate::api::Api;
use crate::api::caller::Caller;
use crate::clock::{Clock as _, ManualClock, Micros, SystemClock, UuidV7};
use crate::config::Settings;
use crate::pb::coaching::access::v1::Role;
use crate::pb::cresta::v1::coaching::coaching_service_client::CoachingServiceClient;
use crate::pb::cresta::v1::coaching::*;
use crate::store::Db;
use cast::{AGENTS, Dice, GRADERS, REMARKS, REPLIES};

mod cast;
mod forms;

/// Arguments of `coaching demo`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Serve the API when the demo is loaded
    #[arg(long)]
    serve: bool,
    /// Day on which the ninety days end; today where it is left out. The same day gives the same records
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Micros>,
    #[command(flatten)]
    _settings: Settings,
}

/// Midnight UTC of a day written `YYYY-MM-DD`.
fn day(text: &str) -> Result<Micros, String> {
    let time = format!("{text}T00:00:00Z").parse::<Timestamp>();
    time.map(|time| Micros::of(&time)).map_err(|_| "must be a day such as 2026-06-30".to_owned())
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let now = SystemClock::default().now();
    let until = arguments.until.unwrap_or(Micros(now.0 - now.0.rem_euclid(DAY)));
    if arguments.serve {
        return super::serve::run(settings, async |db| load_with_bar(db.clone(), until).await);
    }
    super::block_on(async {
        let db = super::serve::open(settings).await?;
        load_with_bar(db.clone(), until).await?;
        db.close().await.map_err(Failure::Store)?;
        println!("Serve it with: coaching serve --data {}", settings.data.display());
        Ok(())
    })
}

/// Loads the demo and tells what there is to look at.
async fn load_with_bar(db: Db, until: Micros) -> Result<(), Failure> {
    let loaded =
        load(db, until, &bar()).await.map_err(|status| Failure::Other(format!("the demo stopped: {status}")))?;
    println!(
        "{} templates, {} agents, {} targets, {} scorecards ({} submitted, {} acknowledged) in customers/acme and customers/globex",
        loaded.templates, loaded.agents, loaded.targets, loaded.scorecards, loaded.submitted, loaded.acknowledged
    );
    Ok(())
}

const SEED: u64 = 20_260_101;
const DAYS: i64 = 90;
const DAY: i64 = 24 * 3_600 * 1_000_000;
/// Scorecards in all.
pub const SCORECARDS: usize = 2_000;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Templates, over both customers.
    pub templates: usize,
    /// Agents, over both customers.
    pub agents: usize,
    /// Scorecards, drafts included.
    pub scorecards: usize,
    /// Of these, submitted.
    pub submitted: usize,
    /// Of these, acknowledged.
    pub acknowledged: usize,
    /// Targets.
    pub targets: usize,
}

/// One of the demo's templates and who works with it.
struct Floor {
    customer: &'static str,
    template: &'static str,
    title: &'static str,
    usecase: &'static str,
    process: bool,
    agents: &'static [&'static str],
    scorecards: usize,
    form: TemplateStructure,
}

fn floors() -> [Floor; 3] {
    [
        Floor {
            customer: "acme",
            template: "call-quality",
            title: "Call quality",
            usecase: "voice",
            process: false,
            agents: &AGENTS[..20],
            scorecards: 1_000,
            form: forms::call_quality(),
        },
        Floor {
            customer: "acme",
            template: "chat-quality",
            title: "Chat quality",
            usecase: "chat",
            process: false,
            agents: &AGENTS[12..28],
            scorecards: 500,
            form: forms::chat_quality(),
        },
        Floor {
            customer: "globex",
            template: "claims",
            title: "Claims handling",
            usecase: "claims",
            process: true,
            agents: &AGENTS[28..],
            scorecards: SCORECARDS - 1_500,
            form: forms::claims(),
        },
    ]
}

/// Says who calls, as the server's front does for calls from outside.
#[derive(Clone)]
struct As(Arc<std::sync::Mutex<Arc<Caller>>>);

impl Interceptor for As {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

/// The service, called in process at a time and by a user of the demo's choice.
struct Stage {
    client: CoachingServiceClient<InterceptedService<Routes, As>>,
    clock: Arc<ManualClock>,
    caller: As,
}

impl Stage {
    fn new(db: Db, start: Micros) -> Self {
        let clock = Arc::new(ManualClock::at(start));
        let routes = crate::services::routes(Api::new(db, clock.clone(), Arc::new(UuidV7)), usize::MAX);
        let caller = As(Arc::new(std::sync::Mutex::new(Arc::new(Caller::operator()))));
        Self { client: CoachingServiceClient::with_interceptor(routes, caller.clone()), clock, caller }
    }

    /// From here on this user calls.
    fn enter(&self, customer: &str, user: &str, role: Role) {
        let name = format!("customers/{customer}/users/{user}");
        let caller = Arc::new(Caller::user(&name, customer, role));
        *self.caller.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = caller;
    }

    fn minutes_pass(&self, minutes: usize) {
        self.clock.advance(i64::try_from(minutes).unwrap_or_default() * 60_000_000);
    }
}

/// Whether it was made now; that it is there already is no failure.
fn made<T>(answer: Result<T, Status>) -> Result<bool, Status> {
    match answer {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::AlreadyExists => Ok(false),
        Err(status) => Err(status),
    }
}

/// Loads the demo, whose ninety days end at `until`. The same `until` gives the same records.
pub async fn load(db: Db, until: Micros, bar: &ProgressBar) -> Result<Loaded, Status> {
    let start = Micros(until.0 - DAYS * DAY);
    let mut stage = Stage::new(db, start);
    let mut dice = Dice::new(SEED);
    let mut loaded = Loaded { agents: AGENTS.len(), ..Loaded::default() };
    let floors = floors();
    for floor in &floors {
        prepare(&mut stage, floor, &mut loaded).await?;
    }
    bar.set_length(SCORECARDS as u64);
    for floor in &floors {
        for number in 0..floor.scorecards {
            // Evenly over the days, within a shift from 8 to 18 o'clock.
            let day =
                i64::try_from(number).unwrap_or_default() * DAYS / i64::try_from(floor.scorecards.max(1)).unwrap_or(1);
            let minute = 8 * 60 + dice.below(10 * 60);
            stage.clock.set(Micros(start.0 + day * DAY + i64::try_from(minute).unwrap_or_default() * 60_000_000));
            grade(&mut stage, floor, number, day, &mut dice, &mut loaded).await?;
            bar.inc(1);
        }
    }
    bar.finish();
    Ok(loaded)
}

/// A progress bar for [`load`].
pub fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("loading the demo [{bar:40}] {pos}/{len} scorecards, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn parent(floor: &Floor) -> String {
    format!("customers/{}/profiles/main", floor.customer)
}

async fn prepare(stage: &mut Stage, floor: &Floor, loaded: &mut Loaded) -> Result<(), Status> {
    let parent = parent(floor);
    let template = format!("{parent}/scorecardTemplates/{}", floor.template);
    let usecase = format!("{parent}/usecases/{}", floor.usecase);
    stage.enter(floor.customer, "admin", Role::Admin);
    let kind = if floor.process { ScorecardTemplateType::Process } else { ScorecardTemplateType::Conversation };
    made(
        stage
            .client
            .create_scorecard_template(CreateScorecardTemplateRequest {
                parent: parent.clone(),
                scorecard_template: Some(ScorecardTemplate {
                    name: template.clone(),
                    title: floor.title.into(),
                    template: Some(floor.form.clone()),
                    usecase_names: vec![usecase.clone()],
                    r#type: kind.into(),
                    qa_score_config: Some(QaScoreConfig { included: true, weight: None }),
                    ..Default::default()
                }),
            })
            .await,
    )?;
    loaded.templates += 1;
    let first = floor.form.chapters.first().map(|chapter| chapter.id.clone()).unwrap_or_default();
    for (part, percent) in [(String::new(), 85.0), (first, 90.0)] {
        made(
            stage
                .client
                .create_target(CreateTargetRequest {
                    parent: parent.clone(),
                    target: Some(Target {
                        name: format!(
                            "{parent}/targets/{}-{}",
                            floor.template,
                            if part.is_empty() { "all" } else { &part }
                        ),
                        scorecard_template_name: template.clone(),
                        criterion_or_chapter_id: part,
                        target: Some(percent),
                        usecase_name: usecase.clone(),
                        ..Default::default()
                    }),
                })
                .await,
        )?;
        loaded.targets += 1;
    }
    Ok(())
}

/// One scorecard's life, as far as it gets.
async fn grade(
    stage: &mut Stage,
    floor: &Floor,
    number: usize,
    day: i64,
    dice: &mut Dice,
    loaded: &mut Loaded,
) -> Result<(), Status> {
    let agent = dice.below(floor.agents.len());
    // Every agent has a level of their own, and most get better over the days.
    let skill = (0.55 + 0.4 * ((agent * 37 % 20) as f64 / 20.0) + 0.1 * day as f64 / DAYS as f64).min(0.97);
    let scores = answers(&floor.form, skill, dice);
    let grader = GRADERS[dice.below(GRADERS.len())];
    let remark = REMARKS[dice.below(REMARKS.len())];
    let (submits, acknowledges) = (dice.chance(0.88), dice.chance(0.6));
    let reply = REPLIES[dice.below(REPLIES.len())];

    let parent = parent(floor);
    let name = format!("{parent}/scorecards/{}-{:04}", floor.template, number + 1);
    let agent = floor.agents[agent];
    let happened: Timestamp = Micros(stage.clock.now().0 - 3_600_000_000).timestamp();
    let mut card = Scorecard {
        name: name.clone(),
        agent_user_name: format!("customers/{}/users/{agent}", floor.customer),
        template_name: format!("{parent}/scorecardTemplates/{}", floor.template),
        usecase_name: format!("{parent}/usecases/{}", floor.usecase),
        comment: remark.into(),
        scores,
        ..Default::default()
    };
    if floor.process {
        card.process_id = format!("claim-{:05}", 10_000 + number);
        card.process_interaction_time = Some(happened);
    } else {
        card.conversation_name = format!("{parent}/conversations/{}-{:05}", floor.usecase, 10_000 + number);
    }
    stage.enter(floor.customer, grader, Role::Grader);
    made(stage.client.create_scorecard(CreateScorecardRequest { parent, scorecard: Some(card) }).await)?;
    loaded.scorecards += 1;
    if !submits {
        return Ok(());
    }
    stage.minutes_pass(12);
    stage.client.submit_scorecard(SubmitScorecardRequest { name: name.clone(), etag: String::new() }).await?;
    loaded.submitted += 1;
    if acknowledges {
        stage.minutes_pass(90);
        stage.enter(floor.customer, agent, Role::Agent);
        let acknowledge_comment = Some(reply.into());
        stage
            .client
            .acknowledge_scorecard(AcknowledgeScorecardRequest { name, acknowledge_comment, etag: String::new() })
            .await?;
        loaded.acknowledged += 1;
    }
    Ok(())
}

/// Answers as an agent of this skill earns them.
fn answers(form: &TemplateStructure, skill: f64, dice: &mut Dice) -> Vec<Score> {
    let mut scores = Vec::new();
    for criterion in form.chapters.iter().flat_map(|chapter| &chapter.criteria) {
        let score =
            |value| Score { criterion_id: criterion.id.clone(), numeric_value: Some(value), ..Default::default() };
        let good = dice.chance(skill);
        if criterion.allow_not_applicable && dice.chance(0.3) {
            scores.push(Score { criterion_id: criterion.id.clone(), not_applicable: true, ..Default::default() });
            continue;
        }
        match &criterion.r#type {
            // An automatic fail is rare.
            Some(criterion::Type::YesNo(kind)) if kind.auto_fail => {
                scores.push(score(f32::from(u8::from(good || dice.chance(0.9)))))
            }
            Some(criterion::Type::YesNo(_)) => scores.push(score(f32::from(u8::from(good)))),
            Some(criterion::Type::Options(kind)) => {
                let best = kind.options.len().saturating_sub(1);
                let chosen = if good { best } else { dice.below(best.max(1)) };
                scores.push(score(kind.options.get(chosen).map_or(0.0, |option| option.value)));
            }
            Some(criterion::Type::Range(_)) => {
                let seconds = if good { dice.below(61) } else { 61 + dice.below(400) };
                scores.push(score(seconds as f32));
            }
            _ => {}
        }
    }
    scores
}
