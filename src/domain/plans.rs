//! What a coaching plan may say, and what may happen to it.

use std::collections::HashSet;

use super::form::{Form, Place};
use super::lifecycle::Act;
use super::{Faults, answers, revision};
use crate::error::{Error, FieldViolation, reason};
use crate::pb::cresta::v1::coaching::{CoachingPlan, FocusCriterion, Scorecard};

const MAX_FOCUS: usize = 100;
const MAX_NAME: usize = 500;

/// All that is wrong with what a plan says by itself. `at` is the path of the plan, such as `coachingPlan`.
pub fn check(plan: &CoachingPlan, at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    faults.length(format!("{at}.displayName"), &plan.display_name, MAX_NAME);
    faults.length(format!("{at}.comment"), &plan.comment, answers::MAX_COMMENT);
    if let (Some(start), Some(end)) = (&plan.start_time, &plan.end_time)
        && (end.seconds, end.nanos) <= (start.seconds, start.nanos)
    {
        faults.add(format!("{at}.endTime"), "must be after startTime, or unset for a plan without an end");
    }
    if plan.focus_criteria.len() > MAX_FOCUS {
        faults.add(format!("{at}.focusCriteria"), format!("has more than {MAX_FOCUS} items"));
    }
    let mut seen = HashSet::new();
    for (i, focus) in plan.focus_criteria.iter().enumerate() {
        if !seen.insert(place(focus)) {
            faults.add(format!("{at}.focusCriteria[{i}]"), "is there already: each at most once");
        }
    }
    faults.0
}

/// What a focus criterion points at: a template of any revision, and a part of it.
pub fn place(focus: &FocusCriterion) -> (&str, &str) {
    (revision::unrevised(&focus.scorecard_template_name), &focus.criterion_or_chapter_id)
}

/// Names the part of a form that a focus criterion points at; none where the form has no such part. The whole template
/// goes by its `title`.
pub fn name_of(criterion_or_chapter_id: &str, form: &Form, title: &str) -> Option<String> {
    if criterion_or_chapter_id.is_empty() {
        return Some(title.to_owned());
    }
    match form.place(criterion_or_chapter_id)? {
        Place::Chapter(at) => Some(form.chapters()[at].display_name.clone()),
        Place::Criterion(at) => Some(form.criteria()[at].display_name.clone()),
    }
}

/// Spells the focus criteria as they are stored: templates without a revision, with the display names that `old` has for
/// the same ones, so that a client that sends back what it read changes nothing.
pub fn align(plan: &mut CoachingPlan, old: Option<&CoachingPlan>) {
    for focus in &mut plan.focus_criteria {
        focus.scorecard_template_name = revision::unrevised(&focus.scorecard_template_name).to_owned();
        focus.display_name.clear();
        if let Some(known) = old.and_then(|old| known(old, focus)) {
            focus.display_name.clone_from(&known.display_name);
        }
    }
}

/// The same focus criterion of another plan.
pub fn known<'a>(plan: &'a CoachingPlan, focus: &FocusCriterion) -> Option<&'a FocusCriterion> {
    plan.focus_criteria.iter().find(|known| place(known) == place(focus))
}

/// Begins a plan: `plan` is what the caller sent, and becomes what to store.
pub fn create(plan: &mut CoachingPlan, act: &Act<'_>) {
    let time = act.time(None);
    plan.creator_user_name.clone_from(&act.user.name);
    plan.create_time = Some(time);
    plan.update_time = Some(time);
    plan.manager_comment_submit_time = (!plan.comment.is_empty()).then_some(time);
}

/// Changes a plan: `plan` is `old` with the caller's changes in it, and becomes what to store.
pub fn update(old: &CoachingPlan, plan: &mut CoachingPlan, act: &Act<'_>) {
    let time = act.time(old.update_time.as_ref());
    plan.update_time = Some(time);
    if plan.comment != old.comment {
        plan.manager_comment_submit_time = Some(time);
    }
}

/// Adds a scorecard to a plan; `None` where it is there already, which changes nothing.
///
/// # Errors
/// AGENT_DIFFERS where the scorecard is another agent's.
pub fn add(plan: &CoachingPlan, card: &Scorecard, act: &Act<'_>) -> Result<Option<Scorecard>, Error> {
    if card.agent_user_name != plan.agent_user_name {
        let (agent, other) = (&plan.agent_user_name, &card.agent_user_name);
        let message = format!("the plan is of {agent} and the scorecard of {other}");
        return Err(Error::precondition(reason::AGENT_DIFFERS, message)
            .with("agent", agent.clone())
            .with("other", other.clone()));
    }
    if card.coaching_plan_names.contains(&plan.name) {
        return Ok(None);
    }
    let mut card = card.clone();
    card.coaching_plan_names.push(plan.name.clone());
    touch(&mut card, act);
    Ok(Some(card))
}

/// Takes a scorecard from a plan; `None` where it is not there, which changes nothing.
pub fn remove(plan: &CoachingPlan, card: &Scorecard, act: &Act<'_>) -> Option<Scorecard> {
    let at = card.coaching_plan_names.iter().position(|name| *name == plan.name)?;
    let mut card = card.clone();
    card.coaching_plan_names.remove(at);
    touch(&mut card, act);
    Some(card)
}

fn touch(card: &mut Scorecard, act: &Act<'_>) {
    card.update_time = Some(act.time(card.update_time.as_ref()));
    card.updated_by = Some(act.user.clone());
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::domain::fixtures::{chapter, form, structure, yes_no};
    use crate::pb::cresta::v1::user::User;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn mona() -> User {
        User { name: "customers/c/users/mona".into(), ..User::default() }
    }

    fn act(user: &User, seconds: i64) -> Act<'_> {
        Act { now: at(seconds), user, machine: false }
    }

    fn focus(template: &str, id: &str) -> FocusCriterion {
        FocusCriterion {
            scorecard_template_name: template.into(),
            criterion_or_chapter_id: id.into(),
            ..Default::default()
        }
    }

    fn fields(plan: &CoachingPlan) -> Vec<String> {
        check(plan, "coachingPlan").into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn a_plan_ends_after_it_begins_or_never() {
        let plan = |start, end| CoachingPlan { start_time: start, end_time: end, ..Default::default() };
        for fine in [plan(None, None), plan(Some(at(1)), None), plan(None, Some(at(1))), plan(Some(at(1)), Some(at(2)))]
        {
            assert_eq!(fields(&fine), Vec::<String>::new());
        }
        let nanos = Some(Timestamp { seconds: 1, nanos: 5 });
        assert_eq!(fields(&plan(nanos, Some(at(1)))), ["coachingPlan.endTime"]);
        assert_eq!(fields(&plan(Some(at(1)), Some(at(1)))), ["coachingPlan.endTime"]);
    }

    #[test]
    fn a_focus_criterion_stands_once_whatever_revision_is_named() {
        let plan = CoachingPlan {
            focus_criteria: vec![focus("t", ""), focus("t", "a"), focus("u", "a"), focus("t@0123abcd", "a")],
            ..Default::default()
        };
        assert_eq!(fields(&plan), ["coachingPlan.focusCriteria[3]"]);
    }

    #[test]
    fn texts_and_lists_have_an_end() {
        let many = (0..=MAX_FOCUS).map(|i| focus("t", &i.to_string())).collect();
        let plan = CoachingPlan {
            display_name: "é".repeat(MAX_NAME + 1),
            comment: "é".repeat(answers::MAX_COMMENT),
            focus_criteria: many,
            ..Default::default()
        };
        assert_eq!(fields(&plan), ["coachingPlan.displayName", "coachingPlan.focusCriteria"]);
    }

    #[test]
    fn parts_of_a_form_go_by_their_names() {
        let form = form(&structure(vec![chapter("c", vec![yes_no("q")])]));
        let name = |id| name_of(id, &form, "Quality");
        assert_eq!(name("").as_deref(), Some("Quality"));
        assert_eq!(name("c").as_deref(), Some("Chapter c"));
        assert_eq!(name("q").as_deref(), Some("Question q"));
        assert_eq!(name("gone"), None);
    }

    #[test]
    fn what_was_read_comes_back_as_it_was_stored() {
        let mut stored = focus("t", "a");
        stored.display_name = "Known".into();
        let old = CoachingPlan { focus_criteria: vec![stored], ..Default::default() };
        let mut sent = CoachingPlan { focus_criteria: vec![focus("t@0123abcd", "a")], ..Default::default() };
        align(&mut sent, Some(&old));
        assert_eq!(sent, old);
    }

    #[test]
    fn only_a_changed_comment_moves_its_time() {
        let user = mona();
        let mut plan = CoachingPlan::default();
        create(&mut plan, &act(&user, 10));
        assert_eq!((plan.create_time, plan.manager_comment_submit_time), (Some(at(10)), None));
        assert_eq!(plan.creator_user_name, user.name);

        let old = plan.clone();
        plan.display_name = "Second".into();
        update(&old, &mut plan, &act(&user, 20));
        assert_eq!((plan.update_time, plan.manager_comment_submit_time), (Some(at(20)), None));

        let old = plan.clone();
        plan.comment = "well".into();
        update(&old, &mut plan, &act(&user, 30));
        assert_eq!(plan.manager_comment_submit_time, Some(at(30)));

        let old = plan.clone();
        plan.comment.clear();
        update(&old, &mut plan, &act(&user, 40));
        assert_eq!((plan.manager_comment_submit_time, plan.create_time), (Some(at(40)), Some(at(10))));

        let mut spoken = CoachingPlan { comment: "first".into(), ..Default::default() };
        create(&mut spoken, &act(&user, 10));
        assert_eq!(spoken.manager_comment_submit_time, Some(at(10)));
    }

    #[test]
    fn a_scorecard_is_linked_once_and_only_to_plans_of_its_agent() {
        let user = mona();
        let plan = CoachingPlan { name: "p".into(), agent_user_name: "amir".into(), ..Default::default() };
        let card = Scorecard {
            agent_user_name: "amir".into(),
            coaching_plan_names: vec!["other".into()],
            update_time: Some(at(50)),
            ..Default::default()
        };
        let linked = add(&plan, &card, &act(&user, 10)).unwrap().unwrap();
        assert_eq!(linked.coaching_plan_names, ["other", "p"]);
        assert!((linked.update_time.unwrap().seconds, linked.update_time.unwrap().nanos) > (50, 0), "never backwards");
        assert_eq!(add(&plan, &linked, &act(&user, 60)).unwrap(), None);

        let taken = remove(&plan, &linked, &act(&user, 60)).unwrap();
        assert_eq!(
            (taken.coaching_plan_names.as_slice(), taken.update_time),
            (&["other".to_owned()][..], Some(at(60)))
        );
        assert_eq!(remove(&plan, &taken, &act(&user, 70)), None);

        let others = Scorecard { agent_user_name: "bea".into(), ..Default::default() };
        assert_eq!(add(&plan, &others, &act(&user, 10)).unwrap_err().reason(), reason::AGENT_DIFFERS);
    }
}
