//! The demo's three templates, with their targets and the people who work with them.

use tonic::Status;

use super::cast::AGENTS;
use super::stage::{Stage, made};
use super::{Loaded, SCORECARDS, forms};
use crate::pb::coaching::access::v1::Role;
use crate::pb::cresta::v1::coaching::*;

/// One of the demo's templates and who works with it.
pub(super) struct Floor {
    pub(super) customer: &'static str,
    pub(super) template: &'static str,
    pub(super) title: &'static str,
    pub(super) usecase: &'static str,
    pub(super) process: bool,
    pub(super) agents: &'static [&'static str],
    /// Those with coaching plans.
    pub(super) coached: &'static [&'static str],
    /// Who coaches them.
    pub(super) manager: &'static str,
    pub(super) scorecards: usize,
    pub(super) form: TemplateStructure,
}

/// All of them.
pub(super) fn floors() -> [Floor; 3] {
    [
        Floor {
            customer: "acme",
            template: "call-quality",
            title: "Call quality",
            usecase: "voice",
            process: false,
            agents: &AGENTS[..20],
            coached: &AGENTS[..6],
            manager: "mara-lindt",
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
            coached: &AGENTS[24..28],
            manager: "omar-said",
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
            coached: &AGENTS[28..32],
            manager: "petra-klein",
            scorecards: SCORECARDS - 1_500,
            form: forms::claims(),
        },
    ]
}

impl Floor {
    /// The profile of everything on it.
    pub(super) fn parent(&self) -> String {
        format!("customers/{}/profiles/main", self.customer)
    }

    /// Resource name of somebody who works there.
    pub(super) fn user(&self, id: &str) -> String {
        format!("customers/{}/users/{id}", self.customer)
    }

    /// Resource name of its usecase.
    pub(super) fn usecase_name(&self) -> String {
        format!("{}/usecases/{}", self.parent(), self.usecase)
    }

    /// Resource name of its template.
    pub(super) fn template_name(&self) -> String {
        format!("{}/scorecardTemplates/{}", self.parent(), self.template)
    }
}

/// Makes its template and targets.
pub(super) async fn prepare(stage: &mut Stage, floor: &Floor, loaded: &mut Loaded) -> Result<(), Status> {
    let parent = floor.parent();
    let template = floor.template_name();
    let usecase = floor.usecase_name();
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
