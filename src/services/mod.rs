//! The services, one file for each resource: how it is kept, its rules, its custom methods.

use tonic::service::{Routes, RoutesBuilder};

use crate::api::Api;
use crate::pb::coaching::directory::v1::directory_service_server::DirectoryServiceServer;
use crate::pb::coaching::directory::v1::{Conversation, DirectoryUser, Group, Team, Usecase};
use crate::pb::coaching::history::v1::history_service_server::HistoryServiceServer;
use crate::pb::coaching::jobs::v1::job_service_server::JobServiceServer;
use crate::pb::cresta::v1::coaching::coaching_service_server::CoachingServiceServer;
use crate::pb::cresta::v1::coaching::{
    CoachingComment, CoachingPlan, CoachingSession, Scorecard, ScorecardTemplate, Target,
};
use crate::store::{RecordType, tags};

mod audiences;
mod coached;
mod coaching;
/// Coaching comments.
pub mod comments;
/// The directory: users, groups, teams, usecases, conversations.
pub mod directory;
mod filter;
mod forms;
mod history;
mod jobs;
/// Coaching opportunities.
pub mod opportunities;
/// Coaching overviews.
pub mod overviews;
/// Evaluation periods of templates.
pub mod periods;
/// Coaching plans.
pub mod plans;
/// Coaching progress.
pub mod progresses;
/// What is to be evaluated for each agent.
pub mod quotas;
/// Scorecards.
pub mod scorecards;
/// QA scores: sums of scorecards, kept and read.
mod scores;
/// Coaching sessions.
pub mod sessions;
mod standing;
/// Targets.
pub mod targets;
/// Templates and their revisions.
pub mod templates;

/// Everything that is kept, for the full check of a store.
pub const RECORDS: &[RecordType] = &[
    RecordType::of::<ScorecardTemplate>(),
    RecordType::of::<templates::TemplateRevision>(),
    RecordType::of::<Scorecard>(),
    RecordType::of::<scorecards::calibrations::Calibrations>(),
    RecordType::of::<Target>(),
    RecordType::of::<targets::Slot>(),
    RecordType::of::<CoachingPlan>(),
    RecordType::of::<CoachingSession>(),
    RecordType::of::<CoachingComment>(),
    RecordType::of::<comments::Thread>(),
    RecordType::of::<comments::Linking>(),
    RecordType::of::<DirectoryUser>(),
    RecordType::of::<directory::usernames::Username>(),
    RecordType::of::<Group>(),
    RecordType::of::<Team>(),
    RecordType::of::<Usecase>(),
    RecordType::of::<Conversation>(),
    RecordType::of::<crate::api::Remembered>(),
];

/// What indexes and counts the records have, as a number that changes with every index and kind of count that is added.
/// A store that was written by another layout is rebuilt before it is served.
pub fn layout() -> i64 {
    /// Goes up when what an index or a count holds changes under the same number.
    const REVISION: u16 = 1;
    let numbers = tags::INDEXES.iter().map(|(tag, _)| tag.0).chain(tags::TALLIES.iter().map(|(tag, _)| tag.0));
    let numbers = numbers.chain([REVISION]).flat_map(u16::to_be_bytes);
    i64::from(numbers.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
}

/// The gRPC services over these doorways. `max_message` bounds a message in bytes, in both directions.
pub fn routes(api: Api, max_message: usize) -> Routes {
    use tonic::codec::CompressionEncoding::Gzip;
    macro_rules! served {
        ($server:ident) => {
            $server::new(api.clone())
                .accept_compressed(Gzip)
                .send_compressed(Gzip)
                .max_decoding_message_size(max_message)
                .max_encoding_message_size(usize::MAX)
        };
    }
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(served!(CoachingServiceServer))
        .add_service(served!(DirectoryServiceServer))
        .add_service(served!(HistoryServiceServer))
        .add_service(served!(JobServiceServer));
    routes.routes()
}
