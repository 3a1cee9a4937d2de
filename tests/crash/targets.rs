//! A writer's targets. Each may cover one of two usecases of its own; what covers one keeps others out of it, by a
//! record beside the target's. The two change together, and a target can move.

use coaching::pb::cresta::v1::coaching::*;
use tonic::Code;

use super::client::{Client, PARENT, answer, found};
use super::dice::Dice;

const PLACES: usize = 4;

pub(crate) struct Targets {
    writer: usize,
    /// By place, where there is one.
    targets: [Option<Target>; PLACES],
    /// The call in flight: of this place, and what it sent; nothing for a delete.
    pending: Option<(usize, Option<Target>)>,
}

/// What is kept of a target: its score is that of the moment at which it is asked for.
pub(crate) fn stored(target: Option<Target>) -> Option<Target> {
    target.map(|target| Target { qa_score: None, qa_score_basis: None, ..target })
}

impl Targets {
    pub(crate) fn new(writer: usize) -> Self {
        Self { writer, targets: Default::default(), pending: None }
    }

    /// What must be stored now.
    pub(crate) fn expected(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().flatten()
    }

    fn name(&self, place: usize) -> String {
        format!("{PARENT}/targets/w{}-{place}", self.writer)
    }

    fn usecases(&self, place: usize) -> [String; 2] {
        ["a", "b"].map(|side| format!("{PARENT}/usecases/w{}-{place}-{side}", self.writer))
    }

    /// Makes one random call; false where no answer came.
    pub(crate) async fn change(&mut self, client: &mut Client, dice: &mut Dice, template: &str) -> bool {
        let place = dice.pick(PLACES);
        let exists = self.targets[place].is_some();
        let sent = Target {
            name: self.name(place),
            scorecard_template_name: template.to_owned(),
            usecase_name: self.usecases(place)[dice.pick(2)].clone(),
            target: Some(f32::from(u16::try_from(dice.below(101)).unwrap())),
            ..Default::default()
        };
        if exists && dice.one_in(4) {
            self.pending = Some((place, None));
            let request = DeleteTargetRequest { name: sent.name, ..Default::default() };
            return self.settle(answer(client.delete_target(request).await).map(|_| None));
        }
        self.pending = Some((place, Some(sent.clone())));
        let answered = if exists {
            let request = UpdateTargetRequest { target: Some(sent), update_mask: None };
            answer(client.update_target(request).await).map(|made| stored(made.target))
        } else {
            let request = CreateTargetRequest { parent: PARENT.into(), target: Some(sent) };
            answer(client.create_target(request).await).map(|made| stored(made.target))
        };
        self.settle(answered)
    }

    fn settle(&mut self, answered: Option<Option<Target>>) -> bool {
        let Some(target) = answered else { return false };
        let (place, _) = self.pending.take().unwrap();
        self.targets[place] = target;
        true
    }

    pub(crate) async fn check(&mut self, client: &mut Client, template: &str) -> Option<bool> {
        let mut came_of = None;
        for place in 0..PLACES {
            let request = GetTargetRequest { name: self.name(place) };
            let stored = stored(found(client.get_target(request).await).and_then(|got| got.target));
            let pending = self.pending.take_if(|(pending, _)| *pending == place);
            let same = stored == self.targets[place];
            came_of = came_of.or(pending.as_ref().map(|_| !same));
            if !same {
                let shown = |target: &Option<Target>| {
                    target.as_ref().map(|target| (target.usecase_name.clone(), target.target))
                };
                let sent = pending.map(|(_, sent)| shown(&sent));
                assert_eq!(Some(shown(&stored)), sent, "{} was {:?}", self.name(place), self.targets[place]);
                self.targets[place] = stored;
            }
            for usecase in self.usecases(place) {
                self.check_cover(client, template, place, usecase).await;
            }
        }
        came_of
    }

    /// The usecase is free, or taken by the one that is there.
    async fn check_cover(&self, client: &mut Client, template: &str, place: usize, usecase: String) {
        let owner = self.targets[place].as_ref().filter(|target| target.usecase_name == usecase);
        let probe = format!("{PARENT}/targets/w{}-{place}-probe", self.writer);
        let target = Target {
            name: probe.clone(),
            scorecard_template_name: template.to_owned(),
            usecase_name: usecase.clone(),
            target: Some(50.0),
            ..Default::default()
        };
        if template_is_missing(client, template).await {
            return;
        }
        let request = CreateTargetRequest { parent: PARENT.into(), target: Some(target) };
        match (owner, client.create_target(request).await) {
            (None, Ok(_)) => {
                let request = DeleteTargetRequest { name: probe, ..Default::default() };
                client.delete_target(request).await.unwrap();
            }
            (Some(owner), Err(status)) if status.code() == Code::AlreadyExists => {
                assert!(
                    status.message().contains(&owner.name),
                    "{usecase} is {}'s, and the server says {status:?}",
                    owner.name
                );
            }
            (owner, result) => panic!("{usecase} is {owner:?}'s, and a second target on it: {result:?}"),
        }
    }
}

async fn template_is_missing(client: &mut Client, name: &str) -> bool {
    found(
        client
            .get_scorecard_template(GetScorecardTemplateRequest { name: name.to_owned(), ..Default::default() })
            .await,
    )
    .is_none()
}
