//! JobService: in the contract, and not in this version yet.

use tonic::{Request, Response, Status};

use crate::api::Api;
use crate::api::behavior::rpc;
use crate::pb::coaching::jobs::v1::job_service_server::JobService;
use crate::pb::coaching::jobs::v1::*;

type Answer<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl JobService for Api {
    async fn get_job(&self, r: Request<GetJobRequest>) -> Answer<GetJobResponse> {
        self.later(rpc::GET_JOB, r).await
    }
    async fn list_jobs(&self, r: Request<ListJobsRequest>) -> Answer<ListJobsResponse> {
        self.later(rpc::LIST_JOBS, r).await
    }
    async fn wait_job(&self, r: Request<WaitJobRequest>) -> Answer<WaitJobResponse> {
        self.later(rpc::WAIT_JOB, r).await
    }
    async fn cancel_job(&self, r: Request<CancelJobRequest>) -> Answer<CancelJobResponse> {
        self.later(rpc::CANCEL_JOB, r).await
    }
}
