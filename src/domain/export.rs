//! Scorecards as the rows of an export: one for each criterion of the revision that the scorecard was made on, whether it
//! was answered or not.

use std::sync::Arc;

use num_traits::Zero;
use prost_types::Timestamp;

use super::csv::Table;
use super::exact;
use super::form::Form;
use super::revision::unrevised;
use super::scoring::{Mode, Outcome, score};
use crate::error::Result;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::score::State;
use crate::pb::cresta::v1::coaching::{Score, Scorecard};
use crate::pb::cresta::v1::user::User;

/// The header row. The columns from `chapter_id` to `comment` are of the criterion, all others of the scorecard.
pub const COLUMNS: [&str; 36] = [
    "scorecard_name",
    "template_name",
    "template_revision",
    "template_title",
    "scorecard_type",
    "conversation_name",
    "process_id",
    "usecase_name",
    "agent_user_name",
    "agent_display_name",
    "agent_email",
    "creator",
    "submitted_by",
    "submission_source",
    "create_time",
    "update_time",
    "submit_time",
    "ai_score_time",
    "acknowledge_time",
    "acknowledge_comment",
    "total_score",
    "auto_failed",
    "manually_scored",
    "chapter_id",
    "chapter_name",
    "criterion_id",
    "criterion_name",
    "answer_state",
    "numeric_value",
    "text_value",
    "percentage",
    "weight",
    "applied_weight",
    "auto_fail_triggered",
    "comment",
    "coaching_plan_names",
];

/// Between the names of coaching plans, none of which has it.
const SEPARATOR: &str = ";";

/// The rows of one scorecard, written one at a time.
#[derive(Debug)]
pub struct Rows {
    form: Arc<Form>,
    /// Its first columns.
    scorecard: [String; 23],
    /// Its last.
    plans: String,
    scores: Vec<Score>,
    /// Where in `scores` each of the form's criteria is.
    places: Vec<Option<usize>>,
    mode: Mode,
    /// What the answers come to; only where a criterion has no computed score, and from the first row on.
    outcome: Option<Outcome>,
    /// The criterion of the next row.
    next: usize,
}

impl Rows {
    /// The rows of this scorecard, on the form of its revision with that revision's title. `agent` is whom it scores, where
    /// the directory knows them.
    pub fn of(card: Scorecard, title: &str, form: Arc<Form>, agent: Option<&DirectoryUser>) -> Rows {
        let mut places = vec![None; form.criteria().len()];
        for (place, score) in card.scores.iter().enumerate() {
            if let Some(at) = form.position(&score.criterion_id)
                && score.state() != State::Unspecified
            {
                places[at].get_or_insert(place);
            }
        }
        let mode = if card.submit_time.is_some() { Mode::Submitted } else { Mode::Draft };
        Rows {
            scorecard: columns(&card, title, agent),
            plans: card.coaching_plan_names.join(SEPARATOR),
            scores: card.scores,
            form,
            places,
            mode,
            outcome: None,
            next: 0,
        }
    }

    /// Writes the next row; false where there is none.
    pub fn write(&mut self, table: &mut Table) -> Result<bool> {
        let Some(criterion) = self.form.criteria().get(self.next) else { return Ok(false) };
        if self.next == 0 && self.places.contains(&None) {
            self.outcome = Some(score(&self.form, &self.scores, self.mode));
        }
        let chapter = &self.form.chapters()[criterion.chapter];
        let answer = match (self.places[self.next], &self.outcome) {
            (Some(place), _) => answered(&self.scores[place]),
            (None, Some(outcome)) => unanswered(outcome, self.next),
            (None, None) => Answer::default(),
        };
        let weight = exact::decimal(&criterion.weight);
        let of_criterion = [
            &*chapter.id,
            &*chapter.display_name,
            &*criterion.id,
            &*criterion.display_name,
            answer.state,
            &*answer.number,
            answer.text,
            &*answer.percentage,
            &*weight,
            &*answer.applied_weight,
            truth(answer.auto_fail),
            answer.comment,
        ];
        let of_scorecard = self.scorecard.iter().map(String::as_str);
        table.row(of_scorecard.chain(of_criterion).chain([&*self.plans]))?;
        self.next += 1;
        Ok(true)
    }
}

/// The columns of an answer.
#[derive(Default)]
struct Answer<'a> {
    state: &'static str,
    number: String,
    text: &'a str,
    percentage: String,
    applied_weight: String,
    auto_fail: bool,
    comment: &'a str,
}

fn answered(score: &Score) -> Answer<'_> {
    Answer {
        state: stripped(score.state().as_str_name(), "STATE_"),
        number: score.numeric_value.map(|number| number.to_string()).unwrap_or_default(),
        text: &score.text_value,
        percentage: score.percentage.map(|percent| percent.to_string()).unwrap_or_default(),
        applied_weight: score.applied_weight.to_string(),
        auto_fail: score.auto_fail_triggered,
        comment: &score.comment,
    }
}

/// A criterion that nobody answered: the stored scorecard says nothing of it, but in a submitted one it counts.
fn unanswered(outcome: &Outcome, at: usize) -> Answer<'static> {
    let came = &outcome.criteria[at];
    let percent = |fraction| exact::rounded_f32(&(fraction * exact::whole(100))).to_string();
    let weight = if came.applied_weight.is_zero() { 0.0 } else { exact::rounded_f32(&came.applied_weight) };
    Answer {
        state: stripped(came.state.as_str_name(), "STATE_"),
        percentage: came.fraction.as_ref().map(percent).unwrap_or_default(),
        applied_weight: weight.to_string(),
        auto_fail: came.auto_fail,
        ..Answer::default()
    }
}

fn columns(card: &Scorecard, title: &str, agent: Option<&DirectoryUser>) -> [String; 23] {
    let user = |user: &Option<User>| user.as_ref().map(|user| user.name.clone()).unwrap_or_default();
    let time = |time: &Option<Timestamp>| time.as_ref().map(Timestamp::to_string).unwrap_or_default();
    let template = unrevised(&card.template_name);
    let revision = card.template_name.get(template.len() + 1..).unwrap_or_default();
    [
        card.name.clone(),
        template.to_owned(),
        revision.to_owned(),
        title.to_owned(),
        stripped(card.scorecard_type().as_str_name(), "SCORECARD_TYPE_").to_owned(),
        card.conversation_name.clone(),
        card.process_id.clone(),
        card.usecase_name.clone(),
        card.agent_user_name.clone(),
        agent.map(|agent| agent.display_name.clone()).unwrap_or_default(),
        agent.map(|agent| agent.email.clone()).unwrap_or_default(),
        user(&card.creator),
        user(&card.submitted_by),
        stripped(card.submission_source().as_str_name(), "SCORECARD_SUBMISSION_SOURCE_").to_owned(),
        time(&card.create_time),
        time(&card.update_time),
        time(&card.submit_time),
        time(&card.ai_score_time),
        time(&card.acknowledge_time),
        card.acknowledge_comment.clone(),
        card.total_score.to_string(),
        truth(card.auto_failed).to_owned(),
        truth(card.manually_scored).to_owned(),
    ]
}

/// The value of an enum without the enum's name; nothing where it is not set.
fn stripped(value: &'static str, of: &str) -> &'static str {
    match value.strip_prefix(of).unwrap_or(value) {
        "UNSPECIFIED" => "",
        value => value,
    }
}

fn truth(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::super::scoring::write;
    use super::*;

    /// The rows as maps from columns to cells.
    fn rows(card: Scorecard, form: &Arc<Form>, agent: Option<&DirectoryUser>) -> Vec<impl Fn(&str) -> String + use<>> {
        let mut table = Table::default();
        table.row(COLUMNS).unwrap();
        let mut rows = Rows::of(card, "Quality", form.clone(), agent);
        while rows.write(&mut table).unwrap() {}
        let csv = table.take().unwrap();
        let read = ::csv::Reader::from_reader(&*csv).records().map(Result::unwrap).collect::<Vec<_>>();
        read.into_iter()
            .map(|row| move |column: &str| row[COLUMNS.iter().position(|name| *name == column).unwrap()].to_owned())
            .collect()
    }

    fn questions() -> Arc<Form> {
        let mut hidden = text("why");
        hidden.visible_if = Some(if_answered("hold", 1.0));
        let mut weighty = yes_no("greeting");
        weighty.weight = Some(2.5);
        let mut optional = range("tone", 1.0, 5.0, 1.0);
        optional.allow_not_applicable = true;
        let one = chapter("one", vec![weighty, optional]);
        Arc::new(form(&structure(vec![one, chapter("two", vec![yes_no("hold"), hidden])])))
    }

    #[test]
    fn every_criterion_has_a_row_in_the_forms_order_with_its_state_and_weight() {
        let form = questions();
        let mut remarked = answer("greeting", 1.0);
        remarked.comment = "=well".into();
        let mut card = Scorecard {
            scores: vec![remarked, not_applicable("tone")],
            submit_time: Some(Timestamp::default()),
            ..Scorecard::default()
        };
        write(&score(&form, &card.scores, Mode::Submitted), &form, &mut card);
        let rows = rows(card, &form, None);
        let all = |column: &str| rows.iter().map(|row| row(column)).collect::<Vec<_>>();
        assert_eq!(all("criterion_id"), ["greeting", "tone", "hold", "why"]);
        assert_eq!(all("chapter_name"), ["Chapter one", "Chapter one", "Chapter two", "Chapter two"]);
        assert_eq!(all("answer_state"), ["ANSWERED", "NOT_APPLICABLE", "UNANSWERED", "DISABLED"]);
        assert_eq!(all("numeric_value"), ["1", "", "", ""]);
        assert_eq!(all("percentage"), ["100", "", "", ""]);
        assert_eq!(all("weight"), ["2.5", "1", "1", "1"]);
        // The unanswered one counts as zero; together the weights are the whole.
        assert_eq!(all("applied_weight"), ["71.4286", "0", "28.5714", "0"]);
        assert_eq!(all("comment"), ["'=well", "", "", ""]);
        assert_eq!(all("total_score"), ["71.4286"; 4]);
    }

    #[test]
    fn in_a_draft_what_nobody_answered_weighs_nothing() {
        let form = questions();
        let rows = rows(Scorecard::default(), &form, None);
        let all = |column: &str| rows.iter().map(|row| row(column)).collect::<Vec<_>>();
        assert_eq!(all("answer_state"), ["UNANSWERED", "UNANSWERED", "UNANSWERED", "DISABLED"]);
        assert_eq!(all("applied_weight"), ["0"; 4]);
        assert_eq!((rows[0]("submit_time"), rows[0]("submission_source")), (String::new(), String::new()));
    }

    #[test]
    fn the_scorecards_columns_are_spelled_as_people_read_them() {
        let agent = DirectoryUser { display_name: "Amir".into(), email: "+amir@x".into(), ..DirectoryUser::default() };
        let card = Scorecard {
            name: "customers/c/profiles/p/scorecards/s".into(),
            template_name: "customers/c/profiles/p/scorecardTemplates/t@0011aabb".into(),
            creator: Some(User { name: "customers/c/users/gail".into(), ..User::default() }),
            create_time: Some(Timestamp { seconds: 1_772_442_000, nanos: 250_000_000 }),
            total_score: -1.0,
            manually_scored: true,
            scorecard_type: 2,
            submission_source: 3,
            coaching_plan_names: vec!["a".into(), "b".into()],
            ..Scorecard::default()
        };
        let rows = rows(card, &questions(), Some(&agent));
        let wanted = [
            ("template_name", "customers/c/profiles/p/scorecardTemplates/t"),
            ("template_revision", "0011aabb"),
            ("template_title", "Quality"),
            ("scorecard_type", "PROCESS"),
            ("submission_source", "API"),
            ("agent_display_name", "Amir"),
            ("agent_email", "'+amir@x"),
            ("creator", "customers/c/users/gail"),
            ("create_time", "2026-03-02T09:00:00.250Z"),
            ("update_time", ""),
            ("total_score", "-1"),
            ("auto_failed", "false"),
            ("manually_scored", "true"),
            ("coaching_plan_names", "a;b"),
        ];
        for (column, cell) in wanted {
            assert_eq!(rows[0](column), cell, "{column}");
        }
    }
}
