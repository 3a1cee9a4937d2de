//! A writer's scorecards. Comment and answers of each change tell the same number, so that half of one would show.

use coaching::pb::cresta::v1::coaching::*;

use super::client::{Client, PARENT, answer, found, keyed};
use super::dice::Dice;

/// Most scorecards that a writer has at a time.
const MOST: usize = 30;

pub(crate) struct Cards {
    writer: usize,
    cards: Vec<Scorecard>,
    pending: Option<Pending>,
    made: u32,
    changes: u32,
}

/// A call; but for the first, of the card at this place.
enum Pending {
    /// Under the name that it carries or one of the server's, told again by the idempotency key.
    Create {
        sent: Box<Scorecard>,
        key: String,
    },
    /// With the number of the change.
    Update(usize, u32),
    Submit(usize),
    Reset(usize),
    Acknowledge(usize),
    Delete(usize),
}

fn comment(change: u32) -> String {
    format!("change {change}")
}

fn scores(change: u32) -> Vec<Score> {
    let score = |id: &str, value: u16| Score {
        criterion_id: id.into(),
        numeric_value: Some(value.into()),
        ..Default::default()
    };
    vec![score("greeting", 1), score("tone", u16::try_from(change % 6).unwrap())]
}

/// Nothing of it contradicts the rest.
fn whole(card: &Scorecard) {
    let submitted = card.submit_time.is_some();
    assert_eq!(submitted, card.submitted_by.is_some(), "{card:?}");
    assert_eq!(submitted, card.submission_source() != ScorecardSubmissionSource::Unspecified, "{card:?}");
    assert!(submitted || card.acknowledge_time.is_none(), "{card:?}");
    let change = card.comment.strip_prefix("change ").map(|number| number.parse::<u32>().unwrap());
    let answered: Vec<_> = card.scores.iter().filter(|score| score.numeric_value.is_some()).collect();
    match change {
        Some(change) => {
            let values: Vec<_> = answered.iter().map(|score| score.numeric_value).collect();
            let sent: Vec<_> = scores(change).iter().map(|score| score.numeric_value).collect();
            assert_eq!(values, sent, "{card:?}");
        }
        None => assert!(card.comment.is_empty() && answered.is_empty(), "{card:?}"),
    }
}

impl Cards {
    pub(crate) fn new(writer: usize) -> Self {
        Self { writer, cards: Vec::new(), pending: None, made: 0, changes: 0 }
    }

    /// What must be stored now.
    pub(crate) fn expected(&self) -> &[Scorecard] {
        &self.cards
    }

    /// Makes one random call; false where no answer came.
    pub(crate) async fn change(&mut self, client: &mut Client, dice: &mut Dice, template: &str) -> bool {
        if self.cards.is_empty() || (self.cards.len() < MOST && dice.one_in(4)) {
            return self.create(client, dice, template).await;
        }
        let at = dice.pick(self.cards.len());
        let card = &self.cards[at];
        let pending = match dice.below(8) {
            0 if card.submit_time.is_some() => Pending::Acknowledge(at),
            1 if self.cards.len() > MOST / 2 => Pending::Delete(at),
            2 => Pending::Reset(at),
            3 | 4 if !card.comment.is_empty() => Pending::Submit(at),
            _ => {
                self.changes += 1;
                Pending::Update(at, self.changes)
            }
        };
        let answered = self.call(client, card.name.clone(), &pending).await;
        self.settle(pending, answered)
    }

    /// Makes this call; answers the card as it is after it, none where it is gone; nothing where no answer came.
    async fn call(&self, client: &mut Client, name: String, pending: &Pending) -> Option<Option<Scorecard>> {
        match *pending {
            Pending::Create { .. } => unreachable!("made by create"),
            Pending::Update(at, change) => {
                let card = Scorecard {
                    name,
                    etag: self.cards[at].etag.clone(),
                    comment: comment(change),
                    scores: scores(change),
                    ..Default::default()
                };
                let update_mask = Some(prost_types::FieldMask { paths: vec!["comment".into(), "scores".into()] });
                let request = UpdateScorecardRequest { scorecard: Some(card), update_mask };
                answer(client.update_scorecard(request).await).map(|made| made.scorecard)
            }
            Pending::Submit(_) => {
                let request = SubmitScorecardRequest { name, ..Default::default() };
                answer(client.submit_scorecard(request).await).map(|made| made.scorecard)
            }
            Pending::Reset(_) => {
                let request = ResetScorecardRequest { name, ..Default::default() };
                answer(client.reset_scorecard(request).await).map(|made| made.scorecard)
            }
            Pending::Acknowledge(_) => {
                let acknowledge_comment = Some("seen".into());
                let request = AcknowledgeScorecardRequest { name, acknowledge_comment, ..Default::default() };
                answer(client.acknowledge_scorecard(request).await).map(|made| made.scorecard)
            }
            Pending::Delete(_) => {
                let request = DeleteScorecardRequest { name, ..Default::default() };
                answer(client.delete_scorecard(request).await).map(|_| None)
            }
        }
    }

    /// A new one: under a name of ours or of the server's, with answers or without.
    async fn create(&mut self, client: &mut Client, dice: &mut Dice, template: &str) -> bool {
        self.made += 1;
        let id = format!("w{}-{}", self.writer, self.made);
        let mut card = Scorecard {
            template_name: template.to_owned(),
            agent_user_name: format!("customers/c/users/agent-{}", dice.below(5)),
            conversation_name: format!("{PARENT}/conversations/{id}"),
            ..Default::default()
        };
        if dice.one_in(2) {
            card.name = format!("{PARENT}/scorecards/{id}");
        }
        if dice.one_in(2) {
            self.changes += 1;
            card.comment = comment(self.changes);
            card.scores = scores(self.changes);
        }
        let key = dice.uuid();
        let request = CreateScorecardRequest { parent: PARENT.into(), scorecard: Some(card.clone()) };
        let answered = answer(client.create_scorecard(keyed(request, &key)).await).map(|made| made.scorecard);
        self.settle(Pending::Create { sent: Box::new(card), key }, answered)
    }

    fn settle(&mut self, pending: Pending, answered: Option<Option<Scorecard>>) -> bool {
        let Some(card) = answered else {
            self.pending = Some(pending);
            return false;
        };
        self.keep(&pending, card);
        true
    }

    fn keep(&mut self, pending: &Pending, card: Option<Scorecard>) {
        card.as_ref().inspect(|card| whole(card));
        match (pending, card) {
            (Pending::Create { .. }, card) => self.cards.extend(card),
            (Pending::Delete(at), _) => drop(self.cards.swap_remove(*at)),
            (pending, card) => self.cards[pending.at().unwrap()] = card.unwrap(),
        }
    }

    pub(crate) async fn check(&mut self, client: &mut Client) -> Option<bool> {
        let pending = self.pending.take();
        let in_question = pending.as_ref().and_then(Pending::at);
        let mut found_in_question = None;
        for (at, card) in self.cards.iter().enumerate() {
            let stored = get(client, &card.name).await;
            if in_question == Some(at) {
                found_in_question = stored;
            } else {
                assert_eq!(stored.as_ref(), Some(card), "{} is lost or changed", card.name);
            }
        }
        match pending? {
            Pending::Create { sent, key } => Some(self.check_created(client, *sent, &key).await),
            pending => {
                let before = &self.cards[in_question?];
                if found_in_question.as_ref() == Some(before) {
                    return Some(false);
                }
                assert!(
                    pending.explains(before, found_in_question.as_ref()),
                    "{} was {before:?}, and is now {found_in_question:?}",
                    before.name
                );
                self.keep(&pending, found_in_question);
                Some(true)
            }
        }
    }

    /// A create in flight took effect once or not at all, and repeating it makes that once.
    async fn check_created(&mut self, client: &mut Client, sent: Scorecard, key: &str) -> bool {
        let before = of_conversation(client, &sent.conversation_name).await;
        assert!(before.len() <= 1, "created {} times: {before:?}", before.len());
        let request = CreateScorecardRequest { parent: PARENT.into(), scorecard: Some(sent.clone()) };
        let made = client.create_scorecard(keyed(request, key)).await.unwrap().into_inner().scorecard.unwrap();
        assert_eq!(made.comment, sent.comment);
        assert!(sent.name.is_empty() || made.name == sent.name, "{made:?}");
        before.first().inspect(|stored| assert_eq!(**stored, made, "the answer under the idempotency key"));
        assert_eq!(of_conversation(client, &sent.conversation_name).await, [made.clone()]);
        self.cards.push(made);
        !before.is_empty()
    }
}

impl Pending {
    /// The place of the card that it changes.
    fn at(&self) -> Option<usize> {
        match self {
            Self::Create { .. } => None,
            Self::Update(at, _) | Self::Submit(at) | Self::Reset(at) | Self::Acknowledge(at) | Self::Delete(at) => {
                Some(*at)
            }
        }
    }

    /// Whether this call makes the one of the other.
    fn explains(&self, before: &Scorecard, after: Option<&Scorecard>) -> bool {
        let Some(after) = after else { return matches!(self, Self::Delete(_)) };
        let kept = after.name == before.name
            && after.create_time == before.create_time
            && after.conversation_name == before.conversation_name;
        let later = |time: Option<&prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos));
        kept && later(after.update_time.as_ref()) > later(before.update_time.as_ref())
            && match self {
                Self::Create { .. } | Self::Delete(_) => false,
                Self::Update(_, change) => after.comment == comment(*change) && after.submit_time == before.submit_time,
                Self::Submit(_) => after.submit_time.is_some() && after.comment == before.comment,
                Self::Reset(_) => after.submit_time.is_none() && after.comment.is_empty(),
                Self::Acknowledge(_) => after.acknowledge_comment == "seen" && after.submit_time == before.submit_time,
            }
    }
}

async fn get(client: &mut Client, name: &str) -> Option<Scorecard> {
    let request = GetScorecardRequest { name: name.to_owned(), ..Default::default() };
    found(client.get_scorecard(request).await).and_then(|got| got.scorecard)
}

async fn of_conversation(client: &mut Client, conversation: &str) -> Vec<Scorecard> {
    let request = ListScorecardsRequest {
        parent: PARENT.into(),
        conversation_names: vec![conversation.to_owned()],
        ..Default::default()
    };
    client.list_scorecards(request).await.unwrap().into_inner().scorecards
}
