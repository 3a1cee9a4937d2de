//! Server streams as HTTP bodies. Each message is pulled when the client has room for it, so nothing piles up here.
//!
//! JSON goes out as `application/x-ndjson`: a line `{"result": …}` for each message and, if the stream fails, a last
//! line `{"error": …}` (grpc-gateway's framing). `google.api.HttpBody` chunks go out as they are; having no place for
//! an error, they end in a broken connection, so that a client never takes half a file for the whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Frame;

use super::bind::Bindings;
use super::fail::{Outcome, unwritable};
use super::render;
use super::reply::{Broken, Messages};
use super::router::RouteId;
use crate::error::Code;

pub(crate) const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// The body of a streamed answer.
pub(crate) struct Stream {
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) route: RouteId,
    /// Read ahead: a stream that fails before its first message answers with the error's own HTTP status.
    pub(crate) first: Option<Bytes>,
    pub(crate) messages: Messages,
    pub(crate) ended: bool,
}

impl Stream {
    /// A message as it goes out; the error is the last thing that does.
    fn frame(&self, message: &Bytes) -> Result<Bytes, Outcome> {
        let route = &self.bindings.routes[self.route];
        if route.raw_reply {
            return match render::http_body(route, &self.bindings.plans, message) {
                Ok((_, data)) => Ok(data),
                Err(error) => Err(unwritable(&route.rpc, &error)),
            };
        }
        let mut line = Vec::with_capacity(message.len() * 2 + 16);
        line.extend_from_slice(b"{\"result\":");
        let mut line =
            render::json(route, &self.bindings.plans, message, line).map_err(|e| unwritable(&route.rpc, &e))?;
        line.extend_from_slice(b"}\n");
        Ok(line.into())
    }

    fn fail(&mut self, outcome: &Outcome) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        self.ended = true;
        if self.bindings.routes[self.route].raw_reply {
            return Poll::Ready(Some(Err(tonic::Status::new(outcome.code.grpc().into(), "the stream failed"))));
        }
        let mut line = b"{\"error\":".to_vec();
        line.extend_from_slice(&outcome.json(&self.bindings));
        line.extend_from_slice(b"}\n");
        Poll::Ready(Some(Ok(Frame::data(line.into()))))
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(self.messages.poll_next(cx)),
        };
        match next {
            Some(Ok(message)) => match self.frame(&message) {
                Ok(line) => Poll::Ready(Some(Ok(Frame::data(line)))),
                Err(outcome) => self.fail(&outcome),
            },
            Some(Err(broken)) => {
                let outcome = broken_off(&self.bindings.routes[self.route].rpc, &broken);
                self.fail(&outcome)
            }
            None => {
                self.ended = true;
                match self.messages.trailers.as_ref().and_then(Outcome::from_headers) {
                    Some(outcome) if outcome.code == Code::Ok => Poll::Ready(None),
                    Some(outcome) => self.fail(&outcome),
                    None => self.fail(&Outcome::internal()),
                }
            }
        }
    }
}

/// The service's answer broke off: the cause is for the log.
pub(crate) fn broken_off(rpc: &str, broken: &Broken) -> Outcome {
    tracing::error!(rpc, error = %broken, "the answer broke off");
    Outcome::internal()
}
