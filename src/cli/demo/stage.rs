//! The service in process, called at a time and by a user of the demo's choice.

use std::sync::Arc;

use tonic::service::{Interceptor, Routes, interceptor::InterceptedService};
use tonic::{Code, Request, Status};

use crate::api::Api;
use crate::api::caller::Caller;
use crate::clock::{ManualClock, Micros, UuidV7};
use crate::pb::coaching::access::v1::Role;
use crate::pb::coaching::directory::v1::directory_service_client::DirectoryServiceClient;
use crate::pb::cresta::v1::coaching::coaching_service_client::CoachingServiceClient;
use crate::store::Db;

/// Says who calls, as the server's front does for calls from outside.
#[derive(Clone)]
pub(super) struct As(Arc<std::sync::Mutex<Arc<Caller>>>);

impl Interceptor for As {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

/// The service, called in process at a time and by a user of the demo's choice.
pub(super) struct Stage {
    pub(super) client: CoachingServiceClient<InterceptedService<Routes, As>>,
    pub(super) directory: DirectoryServiceClient<InterceptedService<Routes, As>>,
    pub(super) clock: Arc<ManualClock>,
    caller: As,
}

impl Stage {
    /// Over this store, at this time, with the operator calling.
    pub(super) fn new(db: Db, start: Micros) -> Self {
        let clock = Arc::new(ManualClock::at(start));
        let routes = crate::services::routes(Api::new(db, clock.clone(), Arc::new(UuidV7)), usize::MAX);
        let caller = As(Arc::new(std::sync::Mutex::new(Arc::new(Caller::operator()))));
        let client = CoachingServiceClient::with_interceptor(routes.clone(), caller.clone());
        let directory = DirectoryServiceClient::with_interceptor(routes, caller.clone());
        Self { client, directory, clock, caller }
    }

    /// From here on this user calls.
    pub(super) fn enter(&self, customer: &str, user: &str, role: Role) {
        let caller = Arc::new(Caller {
            customer: Some(customer.to_owned()),
            user: Some(format!("customers/{customer}/users/{user}")),
            role,
        });
        *self.caller.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = caller;
    }

    /// Time goes on.
    pub(super) fn minutes_pass(&self, minutes: usize) {
        self.clock.advance(i64::try_from(minutes).unwrap_or_default() * 60_000_000);
    }
}

/// Whether it was made now; that it is there already is no failure.
pub(super) fn made<T>(answer: Result<T, Status>) -> Result<bool, Status> {
    match answer {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::AlreadyExists => Ok(false),
        Err(status) => Err(status),
    }
}
