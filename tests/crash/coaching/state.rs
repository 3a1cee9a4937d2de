//! What a writer's plan and all that belongs to it must be, as far as the calls tell.

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Number of the change that its comment tells.
    pub(super) plan: Option<u32>,
    /// Whether it is in the plan.
    pub(super) cards: [Option<bool>; 3],
    pub(super) sessions: [Option<Session>; 3],
    pub(super) comments: [Option<Comment>; 4],
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Session {
    pub(super) change: u32,
    pub(super) acknowledged: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comment {
    pub(super) change: u32,
    /// Sessions that it links to, by place.
    pub(super) links: Vec<usize>,
}

/// A call. The numbers are places, and those of changes.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Plan(u32),
    Card(usize),
    Add(usize),
    Remove(usize),
    Delete(usize),
    Session(usize, u32),
    Acknowledge(usize),
    Drop(usize),
    Comment(usize, u32, Vec<usize>),
}

impl State {
    /// What this call makes of it.
    pub(super) fn after(&self, op: &Op) -> Self {
        let mut after = self.clone();
        match op {
            Op::Plan(change) => after.plan = Some(*change),
            Op::Card(at) | Op::Remove(at) => after.cards[*at] = Some(false),
            Op::Add(at) => after.cards[*at] = Some(true),
            Op::Delete(at) => after.cards[*at] = None,
            Op::Session(at, change) => {
                let acknowledged = self.sessions[*at].as_ref().is_some_and(|session| session.acknowledged);
                after.sessions[*at] = Some(Session { change: *change, acknowledged });
            }
            Op::Acknowledge(at) => after.sessions[*at].as_mut().unwrap().acknowledged = true,
            Op::Drop(at) => {
                after.sessions[*at] = None;
                after.comments.iter_mut().flatten().for_each(|comment| comment.links.retain(|link| link != at));
            }
            Op::Comment(at, change, links) => {
                after.comments[*at] = Some(Comment { change: *change, links: links.clone() });
            }
        }
        after
    }
}
