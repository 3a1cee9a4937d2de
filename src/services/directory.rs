//! DirectoryService: one line for each RPC, which goes through one doorway.

use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use super::templates::act;
use crate::api::behavior::rpc;
use crate::api::{Api, Ctx, standard};
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
        self.read(rpc::GET_USER, r, standard::get::<DirectoryUser, _, _>).await
    }
    async fn list_users(&self, r: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        self.read(rpc::LIST_USERS, r, users::list).await
    }
    async fn batch_upsert_users(&self, r: Request<BatchUpsertUsersRequest>) -> Answer<BatchUpsertUsersResponse> {
        self.write(rpc::BATCH_UPSERT_USERS, r, users::batch_upsert).await
    }
    async fn deactivate_user(&self, r: Request<DeactivateUserRequest>) -> Answer<DeactivateUserResponse> {
        self.write(rpc::DEACTIVATE_USER, r, users::deactivate).await
    }
    async fn get_group(&self, r: Request<GetGroupRequest>) -> Answer<GetGroupResponse> {
        self.read(rpc::GET_GROUP, r, standard::get::<Group, _, _>).await
    }
    async fn list_groups(&self, r: Request<ListGroupsRequest>) -> Answer<ListGroupsResponse> {
        self.read(rpc::LIST_GROUPS, r, circles::list_groups).await
    }
    async fn batch_upsert_groups(&self, r: Request<BatchUpsertGroupsRequest>) -> Answer<BatchUpsertGroupsResponse> {
        self.write(rpc::BATCH_UPSERT_GROUPS, r, circles::upsert_groups).await
    }
    async fn get_team(&self, r: Request<GetTeamRequest>) -> Answer<GetTeamResponse> {
        self.read(rpc::GET_TEAM, r, standard::get::<Team, _, _>).await
    }
    async fn list_teams(&self, r: Request<ListTeamsRequest>) -> Answer<ListTeamsResponse> {
        self.read(rpc::LIST_TEAMS, r, circles::list_teams).await
    }
    async fn batch_upsert_teams(&self, r: Request<BatchUpsertTeamsRequest>) -> Answer<BatchUpsertTeamsResponse> {
        self.write(rpc::BATCH_UPSERT_TEAMS, r, circles::upsert_teams).await
    }
    async fn get_usecase(&self, r: Request<GetUsecaseRequest>) -> Answer<GetUsecaseResponse> {
        self.read(rpc::GET_USECASE, r, standard::get::<Usecase, _, _>).await
    }
    async fn list_usecases(&self, r: Request<ListUsecasesRequest>) -> Answer<ListUsecasesResponse> {
        self.read(rpc::LIST_USECASES, r, circles::list_usecases).await
    }
    async fn batch_upsert_usecases(
        &self,
        r: Request<BatchUpsertUsecasesRequest>,
    ) -> Answer<BatchUpsertUsecasesResponse> {
        self.write(rpc::BATCH_UPSERT_USECASES, r, circles::upsert_usecases).await
    }
    async fn get_conversation(&self, r: Request<GetConversationRequest>) -> Answer<GetConversationResponse> {
        self.read(rpc::GET_CONVERSATION, r, standard::get::<Conversation, _, _>).await
    }
    async fn list_conversations(&self, r: Request<ListConversationsRequest>) -> Answer<ListConversationsResponse> {
        self.read(rpc::LIST_CONVERSATIONS, r, conversations::list).await
    }
    async fn batch_upsert_conversations(
        &self,
        r: Request<BatchUpsertConversationsRequest>,
    ) -> Answer<BatchUpsertConversationsResponse> {
        self.write(rpc::BATCH_UPSERT_CONVERSATIONS, r, conversations::batch_upsert).await
    }
}
