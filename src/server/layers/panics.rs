//! A panic ends one call, not a connection with a hundred others on it.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::error::Error;

/// Runs a step; INTERNAL if it panics. What panicked, and where, is in the log by the panic hook of `telemetry`. What the
/// step had borrowed may be half changed, and is dropped unused.
pub(super) fn catch<T>(step: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| Error::internal("a panic"))
}

/// [`catch`] around the making of a future and every step of it.
pub(super) async fn catch_in<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, Error> {
    let mut future = pin!(catch(make)?);
    poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(error) => Poll::Ready(Err(error)),
    })
    .await
}
