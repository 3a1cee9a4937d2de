//! The third doorway: files of any size, answered piece by piece.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio_stream::Stream;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status};

use super::behavior::{Asks, Fields, Rpc};
use super::{Api, Ctx, refused};
use crate::error::{Error, Result};
use crate::pb::google::api::HttpBody;

/// A streamed answer, as tonic takes it.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<HttpBody, Status>> + Send>>;

/// A file being made.
pub trait Pieces: Send + Sized + 'static {
    /// Its next piece; none after the last, and nothing more is asked for after that or after an error.
    fn next(&mut self) -> impl Future<Output = Result<Option<HttpBody>>> + Send;
}

/// A file to answer.
pub struct Download<P> {
    /// Under which name a browser keeps it: ASCII without quotes.
    pub file_name: String,
    /// What is in it.
    pub pieces: P,
}

impl Api {
    /// Answers an RPC that changes nothing with a file. Errors until the first piece are the answer; a later one ends the
    /// stream.
    ///
    /// A piece is made when the caller has taken the one before it, so nothing piles up, a caller who goes away stops the
    /// work, and the deadline for the beginning of an answer is one for the first piece.
    pub async fn stream<Q, P, F, Fut>(
        &self,
        rpc: &'static Rpc,
        request: Request<Q>,
        begin: F,
    ) -> Result<Response<Chunks>, Status>
    where
        Q: Asks + Fields,
        P: Pieces,
        F: FnOnce(Ctx, Q) -> Fut,
        Fut: Future<Output = Result<Download<P>>>,
    {
        let begun = async {
            let (metadata, extensions, request) = request.into_parts();
            let (ctx, request) = self.enter(rpc, &metadata, &extensions, request)?;
            let Download { file_name, mut pieces } = begin(ctx, request).await?;
            let disposition = format!("attachment; filename=\"{file_name}\"");
            let disposition = AsciiMetadataValue::try_from(disposition).map_err(Error::internal)?;
            let first = pieces.next().await?;
            Ok((disposition, first, pieces))
        };
        let (disposition, first, pieces) = begun.await.map_err(|error| refused(rpc, error))?;
        let rest = first.is_some().then(|| step(pieces));
        let chunks: Chunks = Box::pin(Streamed { rpc, first, rest });
        let mut response = Response::new(chunks);
        // REST answers metadata as headers.
        response.metadata_mut().insert("content-disposition", disposition);
        Ok(response)
    }
}

type Step<P> = Pin<Box<dyn Future<Output = (P, Result<Option<HttpBody>>)> + Send>>;

fn step<P: Pieces>(mut pieces: P) -> Step<P> {
    Box::pin(async move {
        let next = pieces.next().await;
        (pieces, next)
    })
}

struct Streamed<P> {
    rpc: &'static Rpc,
    first: Option<HttpBody>,
    rest: Option<Step<P>>,
}

impl<P: Pieces> Stream for Streamed<P> {
    type Item = Result<HttpBody, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(rest) = self.rest.as_mut() else { return Poll::Ready(None) };
        let (pieces, next) = ready!(rest.as_mut().poll(cx));
        self.rest = None;
        Poll::Ready(match next {
            Ok(Some(piece)) => {
                self.rest = Some(step(pieces));
                Some(Ok(piece))
            }
            Ok(None) => None,
            Err(error) => Some(Err(refused(self.rpc, error))),
        })
    }
}
