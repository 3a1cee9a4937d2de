//! A writer's template. Its head and its revisions are records of their own, and change together.

use coaching::pb::cresta::v1::coaching::*;

use super::client::{Client, PARENT, answer, found};
use super::dice::Dice;

pub(crate) struct Template {
    name: String,
    acknowledged: Option<ScorecardTemplate>,
    /// What the call in flight would make of it: what it sent.
    pending: Option<ScorecardTemplate>,
    /// `…@{revision}` of each one acknowledged, with its greeting's weight.
    revisions: Vec<(String, f64)>,
    changes: u32,
}

/// Greeting, whose weight tells the revisions apart and changes no score, and tone, both always answered.
fn structure(weight: f64) -> TemplateStructure {
    let criterion = |id: &str, weight: f64, kind: criterion::Type| Criterion {
        id: id.into(),
        weight: Some(weight),
        required: id == "tone",
        r#type: Some(kind),
        ..Default::default()
    };
    let tone = RangeType { min: 0.0, max: 5.0, step: 1.0, ..Default::default() };
    let criteria = vec![
        criterion("greeting", weight, criterion::Type::YesNo(YesNoType::default())),
        criterion("tone", weight, criterion::Type::Range(tone)),
    ];
    let chapters = vec![Chapter { id: "opening".into(), criteria, ..Default::default() }];
    TemplateStructure { chapters, ..Default::default() }
}

fn weight(template: &ScorecardTemplate) -> f64 {
    template.template.as_ref().unwrap().chapters[0].criteria[0].weight.unwrap()
}

impl Template {
    pub(crate) fn new(writer: usize) -> Self {
        Self {
            name: format!("{PARENT}/scorecardTemplates/w{writer}"),
            acknowledged: None,
            pending: None,
            revisions: Vec::new(),
            changes: 0,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn exists(&self) -> bool {
        self.acknowledged.is_some()
    }

    pub(crate) async fn make(&mut self, client: &mut Client) -> bool {
        let template = ScorecardTemplate {
            name: self.name.clone(),
            title: "first".into(),
            template: Some(structure(1.0)),
            ..Default::default()
        };
        self.pending = Some(template.clone());
        let request = CreateScorecardTemplateRequest { parent: PARENT.into(), scorecard_template: Some(template) };
        let made = answer(client.create_scorecard_template(request).await);
        self.settle(made.map(|made| made.scorecard_template.unwrap()))
    }

    /// A new title, or with it a new weight and so a new revision.
    pub(crate) async fn change(&mut self, client: &mut Client, dice: &mut Dice) -> bool {
        self.changes += 1;
        let mut template = self.acknowledged.clone().unwrap();
        template.title = format!("change {}", self.changes);
        if dice.one_in(2) {
            template.template = Some(structure(f64::from(self.changes + 1)));
        }
        self.pending = Some(template.clone());
        let request = UpdateScorecardTemplateRequest { scorecard_template: Some(template), update_mask: None };
        let made = answer(client.update_scorecard_template(request).await);
        self.settle(made.map(|made| made.scorecard_template.unwrap()))
    }

    fn settle(&mut self, answered: Option<ScorecardTemplate>) -> bool {
        let Some(template) = answered else { return false };
        self.pending = None;
        self.keep(template);
        true
    }

    fn keep(&mut self, template: ScorecardTemplate) {
        let name = format!("{}@{}", self.name, template.revision);
        if self.revisions.last().is_none_or(|(last, _)| *last != name) {
            self.revisions.push((name, weight(&template)));
        }
        self.acknowledged = Some(template);
    }

    pub(crate) async fn check(&mut self, client: &mut Client) -> Option<bool> {
        let stored = Self::get(client, &self.name).await;
        let pending = self.pending.take();
        let same = stored == self.acknowledged;
        let came_of = pending.as_ref().map(|_| !same);
        if !same {
            let (Some(stored), Some(sent)) = (stored, pending) else {
                panic!("{} was not {:?} and is lost or changed", self.name, self.acknowledged);
            };
            assert_eq!((&stored.title, &stored.template), (&sent.title, &sent.template), "{}", self.name);
            self.keep(stored);
        }
        self.check_revisions(client).await;
        came_of
    }

    /// The head's revision is there and like the head, and so is every earlier one.
    async fn check_revisions(&self, client: &mut Client) {
        let Some(head) = &self.acknowledged else { return };
        let request =
            ListScorecardTemplateRevisionsRequest { name: self.name.clone(), page_size: 1_000, ..Default::default() };
        let listed = client.list_scorecard_template_revisions(request).await.unwrap().into_inner().scorecard_templates;
        let stored: Vec<(String, f64)> = listed.iter().rev().map(|one| (one.name.clone(), weight(one))).collect();
        assert_eq!(stored, self.revisions, "revisions of {}", self.name);
        let last = listed.first().unwrap();
        assert_eq!((&last.title, &last.template), (&head.title, &head.template), "the head of {}", self.name);
        assert_eq!(last.revision_number, head.revision_number);
        for (name, weighed) in self.revisions.iter().rev().take(3) {
            let one = Self::get(client, name).await.unwrap_or_else(|| panic!("{name} is lost"));
            assert_eq!(weight(&one), *weighed, "{name}");
        }
    }

    async fn get(client: &mut Client, name: &str) -> Option<ScorecardTemplate> {
        let request = GetScorecardTemplateRequest { name: name.to_owned(), ..Default::default() };
        found(client.get_scorecard_template(request).await).and_then(|got| got.scorecard_template)
    }

    /// What must be stored now.
    pub(crate) fn expected(&self) -> Option<&ScorecardTemplate> {
        self.acknowledged.as_ref()
    }
}
