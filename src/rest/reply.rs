//! The service's framed answer: messages one by one, then the trailers that tell how it ended.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use tonic::body::Body;

/// Why the answer breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the answer's body failed: {0}")]
    Body(#[from] tonic::Status),
    #[error("the answer is compressed, which was not asked for")]
    Compressed,
    #[error("the answer ends within a message")]
    Truncated,
}

/// Bytes before a message: a flag and a length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// See the module. Messages are slices of what arrived wherever a frame holds a whole one.
pub(crate) struct Messages {
    body: Body,
    chunks: VecDeque<Bytes>,
    held: usize,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Messages {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, chunks: VecDeque::new(), held: 0, trailers: None }
    }

    /// The next message; `None` once the trailers, if any, have been read.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            match self.take() {
                Err(broken) => return Poll::Ready(Some(Err(broken))),
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None if self.held > 0 => {
                    self.chunks.clear();
                    self.held = 0;
                    return Poll::Ready(Some(Err(Broken::Truncated)));
                }
                None => return Poll::Ready(None),
                Some(Err(status)) => return Poll::Ready(Some(Err(status.into()))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        self.held += data.len();
                        self.chunks.push_back(data);
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
                },
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Reads on to the trailers. A unary answer has one message; a service that sends more is not worth an error.
    pub(crate) async fn drain(&mut self) -> Result<(), Broken> {
        while let Some(message) = self.next().await {
            message?;
        }
        Ok(())
    }

    /// A message out of what is held.
    fn take(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.held < PREFIX {
            return Ok(None);
        }
        if self.chunks.front().is_some_and(|chunk| chunk.len() < PREFIX) {
            self.join(self.held);
        }
        let Some(front) = self.chunks.front() else { return Ok(None) };
        if front[0] != 0 {
            return Err(Broken::Compressed);
        }
        let length = u32::from_be_bytes([front[1], front[2], front[3], front[4]]) as usize;
        let whole = length.saturating_add(PREFIX);
        if self.held < whole {
            return Ok(None);
        }
        if front.len() < whole {
            self.join(whole);
        }
        let Some(front) = self.chunks.front_mut() else { return Ok(None) };
        front.advance(PREFIX);
        let message = front.split_to(length);
        if front.is_empty() {
            self.chunks.pop_front();
        }
        self.held -= whole;
        Ok(Some(message))
    }

    /// Makes the first chunks one, at least `length` long. Each byte is joined once a message, whatever the chunks' size.
    fn join(&mut self, length: usize) {
        let mut joined = BytesMut::with_capacity(length);
        while joined.len() < length {
            let Some(chunk) = self.chunks.pop_front() else { break };
            joined.extend_from_slice(&chunk);
        }
        self.chunks.push_front(joined.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, StreamBody};

    async fn read(bytes: Vec<u8>, step: usize) -> Result<Vec<Bytes>, String> {
        let chunks: Vec<_> =
            bytes.chunks(step).map(Bytes::copy_from_slice).map(http_body::Frame::data).map(Ok).collect();
        let body = StreamBody::new(tokio_stream::iter(chunks)).map_err(|error: tonic::Status| error);
        let mut messages = Messages::new(Body::new(body));
        let mut found = Vec::new();
        while let Some(message) = messages.next().await {
            found.push(message.map_err(|error| error.to_string())?);
        }
        Ok(found)
    }

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let frame = |message: &&[u8]| [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat();
        messages.iter().flat_map(frame).collect()
    }

    #[tokio::test]
    async fn messages_come_out_whole_however_the_bytes_are_cut() {
        let long = vec![7; 300];
        let messages: [&[u8]; 4] = [b"one", b"", &long, b"last"];
        let bytes = framed(&messages);
        for step in 1..bytes.len() + 1 {
            assert_eq!(read(bytes.clone(), step).await.unwrap(), messages, "in steps of {step}");
        }
        assert!(read(Vec::new(), 1).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_cut_or_compressed_answer_is_an_error() {
        let bytes = framed(&[b"message"]);
        for end in 1..bytes.len() {
            let error = read(bytes[..end].to_vec(), 4).await.unwrap_err();
            assert!(error.contains("within a message"), "{error}");
        }
        assert!(read(vec![1, 0, 0, 0, 0], 5).await.unwrap_err().contains("compressed"));
    }
}
