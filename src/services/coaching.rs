//! CoachingService: one line for each RPC. What a line does is one search away, under the name that it gives.

use tonic::{Request, Response, Status};

use super::{
    comments, opportunities, overviews, periods, plans, progresses, quotas, scorecards, sessions, targets, templates,
};
use crate::api::behavior::rpc;
use crate::api::stream::Chunks;
use crate::api::{Api, standard};
use crate::pb::cresta::v1::coaching::coaching_service_server::CoachingService;
use crate::pb::cresta::v1::coaching::*;

type Answer<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl CoachingService for Api {
    async fn create_scorecard(&self, r: Request<CreateScorecardRequest>) -> Answer<CreateScorecardResponse> {
        self.write(rpc::CREATE_SCORECARD, r, standard::create::<Scorecard, _, _>).await
    }
    async fn get_scorecard(&self, r: Request<GetScorecardRequest>) -> Answer<GetScorecardResponse> {
        self.read(rpc::GET_SCORECARD, r, scorecards::get).await
    }
    async fn list_scorecards(&self, r: Request<ListScorecardsRequest>) -> Answer<ListScorecardsResponse> {
        self.read(rpc::LIST_SCORECARDS, r, scorecards::list::list).await
    }
    async fn update_scorecard(&self, r: Request<UpdateScorecardRequest>) -> Answer<UpdateScorecardResponse> {
        self.write(rpc::UPDATE_SCORECARD, r, standard::update::<Scorecard, _, _>).await
    }
    async fn delete_scorecard(&self, r: Request<DeleteScorecardRequest>) -> Answer<DeleteScorecardResponse> {
        self.write(rpc::DELETE_SCORECARD, r, standard::delete::<Scorecard, _, _>).await
    }
    async fn submit_scorecard(&self, r: Request<SubmitScorecardRequest>) -> Answer<SubmitScorecardResponse> {
        self.write(rpc::SUBMIT_SCORECARD, r, scorecards::submit).await
    }
    async fn reset_scorecard(&self, r: Request<ResetScorecardRequest>) -> Answer<ResetScorecardResponse> {
        self.write(rpc::RESET_SCORECARD, r, scorecards::reset).await
    }
    async fn acknowledge_scorecard(
        &self,
        r: Request<AcknowledgeScorecardRequest>,
    ) -> Answer<AcknowledgeScorecardResponse> {
        self.write(rpc::ACKNOWLEDGE_SCORECARD, r, scorecards::acknowledge).await
    }
    async fn export_scorecards(&self, r: Request<ExportScorecardsRequest>) -> Answer<ExportScorecardsResponse> {
        self.read(rpc::EXPORT_SCORECARDS, r, scorecards::export::whole).await
    }
    type StreamExportScorecardsStream = Chunks;
    async fn stream_export_scorecards(
        &self,
        r: Request<StreamExportScorecardsRequest>,
    ) -> Answer<Self::StreamExportScorecardsStream> {
        self.stream(rpc::STREAM_EXPORT_SCORECARDS, r, scorecards::export::stream).await
    }
    async fn create_scorecard_template(
        &self,
        r: Request<CreateScorecardTemplateRequest>,
    ) -> Answer<CreateScorecardTemplateResponse> {
        self.write_showing(
            rpc::CREATE_SCORECARD_TEMPLATE,
            r,
            standard::create::<ScorecardTemplate, _, _>,
            templates::shown,
        )
        .await
    }
    async fn get_scorecard_template(
        &self,
        r: Request<GetScorecardTemplateRequest>,
    ) -> Answer<GetScorecardTemplateResponse> {
        self.read(rpc::GET_SCORECARD_TEMPLATE, r, templates::get).await
    }
    async fn update_scorecard_template(
        &self,
        r: Request<UpdateScorecardTemplateRequest>,
    ) -> Answer<UpdateScorecardTemplateResponse> {
        self.write_showing(rpc::UPDATE_SCORECARD_TEMPLATE, r, templates::update, templates::shown).await
    }
    async fn delete_scorecard_template(
        &self,
        r: Request<DeleteScorecardTemplateRequest>,
    ) -> Answer<DeleteScorecardTemplateResponse> {
        self.write_showing(rpc::DELETE_SCORECARD_TEMPLATE, r, templates::delete, templates::shown).await
    }
    async fn list_current_scorecard_templates(
        &self,
        r: Request<ListCurrentScorecardTemplatesRequest>,
    ) -> Answer<ListCurrentScorecardTemplatesResponse> {
        self.read(rpc::LIST_CURRENT_SCORECARD_TEMPLATES, r, templates::list_current).await
    }
    async fn list_scorecard_template_revisions(
        &self,
        r: Request<ListScorecardTemplateRevisionsRequest>,
    ) -> Answer<ListScorecardTemplateRevisionsResponse> {
        self.read(rpc::LIST_SCORECARD_TEMPLATE_REVISIONS, r, templates::list_revisions).await
    }
    async fn backfill_scorecard_templates(
        &self,
        r: Request<BackfillScorecardTemplatesRequest>,
    ) -> Answer<BackfillScorecardTemplatesResponse> {
        self.later(rpc::BACKFILL_SCORECARD_TEMPLATES, r).await
    }
    async fn validate_backfill_scorecard_templates(
        &self,
        r: Request<ValidateBackfillScorecardTemplatesRequest>,
    ) -> Answer<ValidateBackfillScorecardTemplatesResponse> {
        self.later(rpc::VALIDATE_BACKFILL_SCORECARD_TEMPLATES, r).await
    }
    async fn retrieve_evaluation_periods(
        &self,
        r: Request<RetrieveEvaluationPeriodsRequest>,
    ) -> Answer<RetrieveEvaluationPeriodsResponse> {
        self.read(rpc::RETRIEVE_EVALUATION_PERIODS, r, periods::retrieve).await
    }
    async fn retrieve_qa_task_user_quota(
        &self,
        r: Request<RetrieveQaTaskUserQuotaRequest>,
    ) -> Answer<RetrieveQaTaskUserQuotaResponse> {
        self.read(rpc::RETRIEVE_QA_TASK_USER_QUOTA, r, quotas::retrieve).await
    }
    async fn create_target(&self, r: Request<CreateTargetRequest>) -> Answer<CreateTargetResponse> {
        self.write(rpc::CREATE_TARGET, r, targets::create).await
    }
    async fn get_target(&self, r: Request<GetTargetRequest>) -> Answer<GetTargetResponse> {
        self.read(rpc::GET_TARGET, r, targets::get).await
    }
    async fn update_target(&self, r: Request<UpdateTargetRequest>) -> Answer<UpdateTargetResponse> {
        self.write(rpc::UPDATE_TARGET, r, targets::update).await
    }
    async fn delete_target(&self, r: Request<DeleteTargetRequest>) -> Answer<DeleteTargetResponse> {
        self.write(rpc::DELETE_TARGET, r, standard::delete::<Target, _, _>).await
    }
    async fn list_targets(&self, r: Request<ListTargetsRequest>) -> Answer<ListTargetsResponse> {
        self.read(rpc::LIST_TARGETS, r, targets::list).await
    }
    async fn create_coaching_plan(&self, r: Request<CreateCoachingPlanRequest>) -> Answer<CreateCoachingPlanResponse> {
        self.write(rpc::CREATE_COACHING_PLAN, r, standard::create::<CoachingPlan, _, _>).await
    }
    async fn get_coaching_plan(&self, r: Request<GetCoachingPlanRequest>) -> Answer<GetCoachingPlanResponse> {
        self.read(rpc::GET_COACHING_PLAN, r, plans::get).await
    }
    async fn update_coaching_plan(&self, r: Request<UpdateCoachingPlanRequest>) -> Answer<UpdateCoachingPlanResponse> {
        self.write(rpc::UPDATE_COACHING_PLAN, r, plans::update).await
    }
    async fn batch_upsert_coaching_plans(
        &self,
        r: Request<BatchUpsertCoachingPlansRequest>,
    ) -> Answer<BatchUpsertCoachingPlansResponse> {
        self.write(rpc::BATCH_UPSERT_COACHING_PLANS, r, plans::batch_upsert).await
    }
    async fn list_coaching_plans(&self, r: Request<ListCoachingPlansRequest>) -> Answer<ListCoachingPlansResponse> {
        self.read(rpc::LIST_COACHING_PLANS, r, plans::list).await
    }
    async fn add_scorecard_to_coaching_plan(
        &self,
        r: Request<AddScorecardToCoachingPlanRequest>,
    ) -> Answer<AddScorecardToCoachingPlanResponse> {
        self.write(rpc::ADD_SCORECARD_TO_COACHING_PLAN, r, plans::add_scorecard).await
    }
    async fn remove_scorecard_from_coaching_plan(
        &self,
        r: Request<RemoveScorecardFromCoachingPlanRequest>,
    ) -> Answer<RemoveScorecardFromCoachingPlanResponse> {
        self.write(rpc::REMOVE_SCORECARD_FROM_COACHING_PLAN, r, plans::remove_scorecard).await
    }
    async fn create_coaching_session(
        &self,
        r: Request<CreateCoachingSessionRequest>,
    ) -> Answer<CreateCoachingSessionResponse> {
        self.write(rpc::CREATE_COACHING_SESSION, r, standard::create::<CoachingSession, _, _>).await
    }
    async fn get_coaching_session(&self, r: Request<GetCoachingSessionRequest>) -> Answer<GetCoachingSessionResponse> {
        self.read(rpc::GET_COACHING_SESSION, r, standard::get::<CoachingSession, _, _>).await
    }
    async fn update_coaching_session(
        &self,
        r: Request<UpdateCoachingSessionRequest>,
    ) -> Answer<UpdateCoachingSessionResponse> {
        self.write(rpc::UPDATE_COACHING_SESSION, r, standard::update::<CoachingSession, _, _>).await
    }
    async fn delete_coaching_session(
        &self,
        r: Request<DeleteCoachingSessionRequest>,
    ) -> Answer<DeleteCoachingSessionResponse> {
        self.write(rpc::DELETE_COACHING_SESSION, r, standard::delete::<CoachingSession, _, _>).await
    }
    async fn list_coaching_sessions(
        &self,
        r: Request<ListCoachingSessionsRequest>,
    ) -> Answer<ListCoachingSessionsResponse> {
        self.read(rpc::LIST_COACHING_SESSIONS, r, sessions::list).await
    }
    async fn acknowledge_coaching_session(
        &self,
        r: Request<AcknowledgeCoachingSessionRequest>,
    ) -> Answer<AcknowledgeCoachingSessionResponse> {
        self.write(rpc::ACKNOWLEDGE_COACHING_SESSION, r, sessions::acknowledge).await
    }
    async fn create_coaching_comment(
        &self,
        r: Request<CreateCoachingCommentRequest>,
    ) -> Answer<CreateCoachingCommentResponse> {
        self.write(rpc::CREATE_COACHING_COMMENT, r, standard::create::<CoachingComment, _, _>).await
    }
    async fn get_coaching_comment(&self, r: Request<GetCoachingCommentRequest>) -> Answer<GetCoachingCommentResponse> {
        self.read(rpc::GET_COACHING_COMMENT, r, standard::get::<CoachingComment, _, _>).await
    }
    async fn update_coaching_comment(
        &self,
        r: Request<UpdateCoachingCommentRequest>,
    ) -> Answer<UpdateCoachingCommentResponse> {
        self.write(rpc::UPDATE_COACHING_COMMENT, r, standard::update::<CoachingComment, _, _>).await
    }
    async fn list_coaching_comments(
        &self,
        r: Request<ListCoachingCommentsRequest>,
    ) -> Answer<ListCoachingCommentsResponse> {
        self.read(rpc::LIST_COACHING_COMMENTS, r, comments::list).await
    }
    async fn suggest_coaching_opportunities(
        &self,
        r: Request<SuggestCoachingOpportunitiesRequest>,
    ) -> Answer<SuggestCoachingOpportunitiesResponse> {
        self.read(rpc::SUGGEST_COACHING_OPPORTUNITIES, r, opportunities::suggest).await
    }
    async fn retrieve_coaching_overviews(
        &self,
        r: Request<RetrieveCoachingOverviewsRequest>,
    ) -> Answer<RetrieveCoachingOverviewsResponse> {
        self.read(rpc::RETRIEVE_COACHING_OVERVIEWS, r, overviews::retrieve).await
    }
    async fn export_coaching_overviews(
        &self,
        r: Request<ExportCoachingOverviewsRequest>,
    ) -> Answer<ExportCoachingOverviewsResponse> {
        self.read(rpc::EXPORT_COACHING_OVERVIEWS, r, overviews::export::export).await
    }
    async fn retrieve_coaching_progresses(
        &self,
        r: Request<RetrieveCoachingProgressesRequest>,
    ) -> Answer<RetrieveCoachingProgressesResponse> {
        self.read(rpc::RETRIEVE_COACHING_PROGRESSES, r, progresses::retrieve).await
    }
}
