//! A writer's users and conversations, written in batches. All records of a batch tell its number, so that half of one would
//! show; and users pass their usernames on to each other, so that the next batch would be refused after half of one.

use coaching::pb::coaching::directory::v1::*;
use prost_types::Timestamp;

use super::client::{Client, PARENT, answer};
use super::dice::Dice;

/// Records of a batch.
const SIZE: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Users,
    Conversations,
}

pub(crate) struct Directory {
    writer: usize,
    /// Numbers of the last batches, 0 where there was none.
    users: u32,
    conversations: u32,
    pending: Option<(Kind, u32)>,
    batches: u32,
}

impl Directory {
    pub(crate) fn new(writer: usize) -> Self {
        Self { writer, users: 0, conversations: 0, pending: None, batches: 0 }
    }

    fn user(&self, at: u32) -> String {
        format!("customers/c/users/w{}-{at}", self.writer)
    }

    fn group(&self) -> String {
        format!("customers/c/groups/w{}", self.writer)
    }

    fn conversation(&self, at: u32) -> String {
        format!("{PARENT}/conversations/w{}-{at}", self.writer)
    }

    fn username(&self, at: u32, batch: u32) -> String {
        format!("w{}-{}", self.writer, (at + batch) % SIZE)
    }

    /// Names of the users and of the conversations that must be stored now.
    pub(crate) fn expected(&self) -> [Vec<String>; 2] {
        let names =
            |batch: u32, name: &dyn Fn(u32) -> String| if batch == 0 { vec![] } else { (0..SIZE).map(name).collect() };
        [names(self.users, &|at| self.user(at)), names(self.conversations, &|at| self.conversation(at))]
    }

    /// Makes one random call; false where no answer came.
    pub(crate) async fn change(&mut self, client: &mut Client, dice: &mut Dice) -> bool {
        self.batches += 1;
        let batch = self.batches;
        let (kind, answered) = if dice.one_in(2) {
            let user = |at| DirectoryUser {
                name: self.user(at),
                username: self.username(at, batch),
                display_name: batch.to_string(),
                group_names: vec![self.group()],
                ..Default::default()
            };
            let request =
                BatchUpsertUsersRequest { parent: "customers/c".into(), users: (0..SIZE).map(user).collect() };
            (Kind::Users, answer(client.directory.batch_upsert_users(request).await).map(drop))
        } else {
            let conversation = |at| Conversation {
                name: self.conversation(at),
                agent_user_name: self.user(0),
                conversation_time: Some(Timestamp { seconds: 1_772_000_000 + i64::from(batch), nanos: 0 }),
                ..Default::default()
            };
            let conversations = (0..SIZE).map(conversation).collect();
            let request = BatchUpsertConversationsRequest { parent: PARENT.into(), conversations };
            (Kind::Conversations, answer(client.directory.batch_upsert_conversations(request).await).map(drop))
        };
        match answered {
            Some(()) => self.keep(kind, batch),
            None => self.pending = Some((kind, batch)),
        }
        answered.is_some()
    }

    fn keep(&mut self, kind: Kind, batch: u32) {
        match kind {
            Kind::Users => self.users = batch,
            Kind::Conversations => self.conversations = batch,
        }
    }

    pub(crate) async fn check(&mut self, client: &mut Client) -> Option<bool> {
        let pending = self.pending.take();
        let stored = [
            (Kind::Users, self.users, self.stored_users(client).await),
            (Kind::Conversations, self.conversations, self.stored_conversations(client).await),
        ];
        let mut took_effect = false;
        for (kind, before, now) in stored {
            if now != before {
                assert_eq!(Some((kind, now)), pending, "writer {}: {kind:?} were of batch {before}", self.writer);
                self.keep(kind, now);
                took_effect = true;
            }
        }
        pending.map(|_| took_effect)
    }

    /// The batch that all users are of.
    async fn stored_users(&self, client: &mut Client) -> u32 {
        let (parent, group_names) = ("customers/c".to_owned(), vec![self.group()]);
        let request = ListUsersRequest { parent, group_names, ..Default::default() };
        let users = client.directory.list_users(request).await.unwrap().into_inner().users;
        let batch = |user: &DirectoryUser| {
            let batch = user.display_name.parse().unwrap();
            assert!((0..SIZE).any(|at| user.name == self.user(at) && user.username == self.username(at, batch)));
            batch
        };
        whole(&users.iter().map(batch).collect::<Vec<_>>())
    }

    /// The batch that all conversations are of.
    async fn stored_conversations(&self, client: &mut Client) -> u32 {
        let (parent, agent_user_names) = (PARENT.to_owned(), vec![self.user(0)]);
        let request = ListConversationsRequest { parent, agent_user_names, ..Default::default() };
        let conversations = client.directory.list_conversations(request).await.unwrap().into_inner().conversations;
        let batch = |one: &Conversation| {
            u32::try_from(one.conversation_time.as_ref().unwrap().seconds - 1_772_000_000).unwrap()
        };
        whole(&conversations.iter().map(batch).collect::<Vec<_>>())
    }
}

/// The one batch of all of them; 0 where there is nothing.
#[track_caller]
fn whole(batches: &[u32]) -> u32 {
    assert!([0, SIZE as usize].contains(&batches.len()), "half a batch is stored: {batches:?}");
    assert!(batches.iter().all(|batch| *batch == batches[0]), "two batches are mixed: {batches:?}");
    batches.first().copied().unwrap_or_default()
}
