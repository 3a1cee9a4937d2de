//! placeholder, replaced by the store room
/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A precondition did not hold.
    #[error("conflict")]
    Conflict {},
    /// Too large.
    #[error("limit: {0}")]
    Limit(String),
    /// The disk is nearly full.
    #[error("disk full")]
    Full,
    /// Try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Damaged.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// Writing has ended.
    #[error("fatal: {0}")]
    Fatal(String),
}
