//! The gRPC clients, and what an answer means to a writer.

use std::ops::{Deref, DerefMut};

use coaching::pb::coaching::directory::v1::directory_service_client::DirectoryServiceClient;
use coaching::pb::cresta::v1::coaching::coaching_service_client::CoachingServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// A client of the coaching service, which has one of the directory on the same connection.
#[derive(Clone)]
pub(crate) struct Client {
    coaching: CoachingServiceClient<Channel>,
    pub(crate) directory: DirectoryServiceClient<Channel>,
}

impl Deref for Client {
    type Target = CoachingServiceClient<Channel>;
    fn deref(&self) -> &Self::Target {
        &self.coaching
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.coaching
    }
}

pub(crate) const PARENT: &str = "customers/c/profiles/p";

pub(crate) async fn connect(address: &str) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let coaching = CoachingServiceClient::new(channel.clone()).max_decoding_message_size(64 << 20);
    Client { coaching, directory: DirectoryServiceClient::new(channel) }
}

/// An answer, or none where the connection broke before one came: the call may have taken effect or not. Any other
/// refusal is a fault of the server, for writers only ask for what must work.
#[track_caller]
pub(crate) fn answer<T>(result: Result<Response<T>, Status>) -> Option<T> {
    match result {
        Ok(response) => Some(response.into_inner()),
        Err(status) if broken(&status) => None,
        Err(status) => panic!("refused: {status:?}"),
    }
}

/// The thing, or none where there is no such thing.
#[track_caller]
pub(crate) fn found<T>(result: Result<Response<T>, Status>) -> Option<T> {
    match result {
        Ok(response) => Some(response.into_inner()),
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("not answered: {status:?}"),
    }
}

/// Whether this says that the connection broke, rather than what the server thinks, which always carries details.
fn broken(status: &Status) -> bool {
    let codes = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
    status.details().is_empty() && codes.contains(&status.code())
}

/// The request under an idempotency key.
pub(crate) fn keyed<T>(request: T, key: &str) -> Request<T> {
    let mut request = Request::new(request);
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}
