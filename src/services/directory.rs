//! DirectoryService: in the contract, and not in this version yet.

use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use super::templates::act;
use crate::api::behavior::rpc;
use crate::api::{Api, Ctx};
use crate::pb::coaching::directory::v1::directory_service_server::DirectoryService;
use crate::pb::coaching::directory::v1::*;

/// Groups, teams and usecases.
pub mod circles;
/// Conversations.
pub mod conversations;
/// Usernames, of which no two users of a customer have the same.
pub mod usernames;
/// Users.
pub mod users;

/// Stamps a new record.
fn made(ctx: &Ctx, create_time: &mut Option<Timestamp>, update_time: &mut Option<Timestamp>) {
    let time = act(ctx, &ctx.shown_caller()).time(None);
    (*create_time, *update_time) = (Some(time), Some(time));
}

/// Stamps a changed record.
fn changed(ctx: &Ctx, update_time: &mut Option<Timestamp>) {
    *update_time = Some(act(ctx, &ctx.shown_caller()).time(update_time.as_ref()));
}

type Answer<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl DirectoryService for Api {
    async fn get_user(&self, r: Request<GetUserRequest>) -> Answer<GetUserResponse> {
        self.later(rpc::GET_USER, r).await
    }
    async fn list_users(&self, r: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        self.later(rpc::LIST_USERS, r).await
    }
    async fn batch_upsert_users(&self, r: Request<BatchUpsertUsersRequest>) -> Answer<BatchUpsertUsersResponse> {
        self.later(rpc::BATCH_UPSERT_USERS, r).await
    }
    async fn deactivate_user(&self, r: Request<DeactivateUserRequest>) -> Answer<DeactivateUserResponse> {
        self.later(rpc::DEACTIVATE_USER, r).await
    }
    async fn get_group(&self, r: Request<GetGroupRequest>) -> Answer<GetGroupResponse> {
        self.later(rpc::GET_GROUP, r).await
    }
    async fn list_groups(&self, r: Request<ListGroupsRequest>) -> Answer<ListGroupsResponse> {
        self.later(rpc::LIST_GROUPS, r).await
    }
    async fn batch_upsert_groups(&self, r: Request<BatchUpsertGroupsRequest>) -> Answer<BatchUpsertGroupsResponse> {
        self.later(rpc::BATCH_UPSERT_GROUPS, r).await
    }
    async fn get_team(&self, r: Request<GetTeamRequest>) -> Answer<GetTeamResponse> {
        self.later(rpc::GET_TEAM, r).await
    }
    async fn list_teams(&self, r: Request<ListTeamsRequest>) -> Answer<ListTeamsResponse> {
        self.later(rpc::LIST_TEAMS, r).await
    }
    async fn batch_upsert_teams(&self, r: Request<BatchUpsertTeamsRequest>) -> Answer<BatchUpsertTeamsResponse> {
        self.later(rpc::BATCH_UPSERT_TEAMS, r).await
    }
    async fn get_usecase(&self, r: Request<GetUsecaseRequest>) -> Answer<GetUsecaseResponse> {
        self.later(rpc::GET_USECASE, r).await
    }
    async fn list_usecases(&self, r: Request<ListUsecasesRequest>) -> Answer<ListUsecasesResponse> {
        self.later(rpc::LIST_USECASES, r).await
    }
    async fn batch_upsert_usecases(
        &self,
        r: Request<BatchUpsertUsecasesRequest>,
    ) -> Answer<BatchUpsertUsecasesResponse> {
        self.later(rpc::BATCH_UPSERT_USECASES, r).await
    }
    async fn get_conversation(&self, r: Request<GetConversationRequest>) -> Answer<GetConversationResponse> {
        self.later(rpc::GET_CONVERSATION, r).await
    }
    async fn list_conversations(&self, r: Request<ListConversationsRequest>) -> Answer<ListConversationsResponse> {
        self.later(rpc::LIST_CONVERSATIONS, r).await
    }
    async fn batch_upsert_conversations(
        &self,
        r: Request<BatchUpsertConversationsRequest>,
    ) -> Answer<BatchUpsertConversationsResponse> {
        self.later(rpc::BATCH_UPSERT_CONVERSATIONS, r).await
    }
}
