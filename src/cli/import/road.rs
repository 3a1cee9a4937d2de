//! The two roads into a directory: the service in process over a store, or a server over gRPC. A batch takes either.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use prost::Message;
use prost_types::Timestamp;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Response, Status};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use super::record::Kind;
use crate::api::caller::Caller;
use crate::api::{Api, Rules};
use crate::cli::Failure;
use crate::clock::{Micros, SystemClock, UuidV7};
use crate::pb::coaching::directory::v1::directory_service_client::DirectoryServiceClient;
use crate::pb::coaching::directory::v1::*;
use crate::store::Db;

/// Its errors are statuses, as the client would make of any other.
type Service = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct Road(DirectoryServiceClient<Service>);

/// Refusals of whole batches list more than gRPC clients take of trailers by themselves.
const TRAILERS: u32 = 1 << 20;

impl Road {
    /// Into this store, as the operator.
    pub(super) fn into_store(db: Db, rules: Rules) -> Self {
        let api = Api::with_rules(db, Arc::new(SystemClock::default()), Arc::new(UuidV7), rules);
        let service = crate::services::routes(api, usize::MAX)
            .map_request(|mut request: http::Request<Body>| {
                request.extensions_mut().insert(Arc::new(Caller::operator()));
                request
            })
            .map_err(|never| match never {});
        Self::over(BoxCloneSyncService::new(service))
    }

    /// Into the server at this address, `http://host:port`, with these headers on every call.
    pub(super) async fn into_server(url: &str, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Self, Failure> {
        if !url.starts_with("http://") {
            return Err(Failure::Other(format!("--server {url}: must be http://host:port")));
        }
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| Failure::Other(format!("--server {url}: must be http://host:port")))?
            .connect_timeout(Duration::from_secs(10))
            .http2_max_header_list_size(TRAILERS);
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Failure::Other(format!("cannot reach the server at {url}: {cause}"))
        })?;
        let service = channel
            .map_request(move |mut request: http::Request<Body>| {
                request.headers_mut().extend(headers.iter().cloned());
                request
            })
            .map_err(|error| Status::from_error(error.into()));
        Ok(Self::over(BoxCloneSyncService::new(service)))
    }

    fn over(service: Service) -> Self {
        Self(DirectoryServiceClient::new(service).max_decoding_message_size(usize::MAX))
    }

    /// Makes or replaces these records, all or none, and answers when each was last changed.
    pub(super) async fn upsert(&self, kind: Kind, parent: &str, wires: &[Bytes]) -> Result<Vec<Micros>, Status> {
        let (mut client, parent) = (self.0.clone(), parent.to_owned());
        match kind {
            Kind::User => {
                let request = BatchUpsertUsersRequest { parent, users: decoded(wires)? };
                times(client.batch_upsert_users(request).await?, |a| a.users, |user| user.update_time)
            }
            Kind::Group => {
                let request = BatchUpsertGroupsRequest { parent, groups: decoded(wires)? };
                times(client.batch_upsert_groups(request).await?, |a| a.groups, |group| group.update_time)
            }
            Kind::Team => {
                let request = BatchUpsertTeamsRequest { parent, teams: decoded(wires)? };
                times(client.batch_upsert_teams(request).await?, |a| a.teams, |team| team.update_time)
            }
            Kind::Usecase => {
                let request = BatchUpsertUsecasesRequest { parent, usecases: decoded(wires)? };
                times(client.batch_upsert_usecases(request).await?, |a| a.usecases, |usecase| usecase.update_time)
            }
            Kind::Conversation => {
                let request = BatchUpsertConversationsRequest { parent, conversations: decoded(wires)? };
                let answer = client.batch_upsert_conversations(request).await?;
                times(answer, |a| a.conversations, |conversation| conversation.update_time)
            }
        }
    }
}

fn decoded<T: Message + Default>(wires: &[Bytes]) -> Result<Vec<T>, Status> {
    let one = |wire: &Bytes| T::decode(wire.clone()).map_err(|error| Status::invalid_argument(error.to_string()));
    wires.iter().map(one).collect()
}

/// When each record of an answer was last changed.
fn times<A, T>(
    answer: Response<A>,
    records: impl Fn(A) -> Vec<T>,
    time: impl Fn(T) -> Option<Timestamp>,
) -> Result<Vec<Micros>, Status> {
    Ok(records(answer.into_inner()).into_iter().map(|one| Micros::of(&time(one).unwrap_or_default())).collect())
}
