//! A moment of a store that can be looked for again: whether a folder still holds what it held at a mark, or was wiped, or
//! put back from an older copy, or is of another store.

use serde::{Deserialize, Serialize};

use crate::store::{Db, Fault};

/// The last commit at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Point {
    /// Its number; 0 before the first.
    commit: u64,
    /// A record that it changed.
    key: Option<String>,
    /// When it was done and at whose request, where the history has it.
    done: Option<(i64, String)>,
}

impl Point {
    /// The present one.
    pub(super) async fn now(db: &Db) -> Result<Self, Fault> {
        Self::at(db, db.stats().durable).await
    }

    /// Whether this store went through it.
    pub(super) async fn is_in(&self, db: &Db) -> Result<bool, Fault> {
        Ok(db.stats().durable >= self.commit && Self::at(db, self.commit).await? == *self)
    }

    async fn at(db: &Db, commit: u64) -> Result<Self, Fault> {
        let Some(before) = commit.checked_sub(1) else { return Ok(Self { commit, key: None, done: None }) };
        let mut changes = db.changes(before, 1).await?;
        changes.retain(|change| change.commit == commit);
        let key = changes.first().map(|change| change.key.to_string());
        for change in &changes {
            if let Some(event) = db.history(&change.key, before, 1).await?.pop()
                && event.version == commit
            {
                return Ok(Self { commit, key, done: Some((event.origin.at_us, event.origin.request_id)) });
            }
        }
        Ok(Self { commit, key, done: None })
    }
}
