//! Every file of `cases/`, over every transport, on every engine.

use crate::harness::{Kept, Transport};
use crate::replay;

macro_rules! replayed {
    ($($file:ident)*) => {
        $(mod $file {
            use super::*;
            replayed!(@over $file over_grpc_on_memory Grpc Memory);
            replayed!(@over $file over_grpc_on_sled Grpc Sled);
            replayed!(@over $file over_grpc_web_on_memory GrpcWeb Memory);
            replayed!(@over $file over_grpc_web_on_sled GrpcWeb Sled);
            replayed!(@over $file over_rest_on_memory Rest Memory);
            replayed!(@over $file over_rest_on_sled Rest Sled);
        })*
        /// The files that are replayed.
        pub(crate) const FILES: &[&str] = &[$(stringify!($file)),*];
    };
    (@over $file:ident $over:ident $transport:ident $kept:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $over() {
            replay::replay(stringify!($file), Transport::$transport, Kept::$kept).await;
        }
    };
}

replayed! {
    templates
    template_lint
    template_lists
    template_stats
    scorecards
    scorecard_answers
    scorecard_updates
    scorecard_life
    scorecard_lists
    targets
    overviews
    progresses
    opportunities
    plans
    plan_batches
    plan_lists
    plan_scorecards
    sessions
    session_sides
    session_lists
    comments
    comment_links
    comment_lists
    directory_users
    directory_groups
    directory_conversations
    audiences
    template_permissions
    manager_groups
    calibrations
    periods
    quotas
    exports
    history
    read_times
    tenants
    roles
    idempotency
}

#[test]
fn every_file_of_cases_is_replayed() {
    let entries = std::fs::read_dir(replay::folder()).expect("the folder of cases");
    let mut files: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".yaml")?.to_owned()))
        .filter(|name| !name.starts_with('_'))
        .collect();
    let mut replayed = FILES.to_vec();
    files.sort_unstable();
    replayed.sort_unstable();
    assert_eq!(replayed, files, "the list in cases.rs and the folder differ");
}

#[test]
fn every_scenario_is_named_once_and_has_steps_that_can_fail() {
    for name in FILES {
        let file = replay::read(name);
        assert!(!file.about.is_empty(), "{name}.yaml says what it is about");
        let mut seen = std::collections::BTreeSet::new();
        for scenario in &file.scenarios {
            assert!(seen.insert(&scenario.name), "{name}.yaml has {:?} twice", scenario.name);
            let judged = |step: &replay::Step| step.want.is_some() || step.error.is_some();
            assert!(scenario.steps.iter().any(judged), "{name}.yaml: {:?} asks for nothing", scenario.name);
        }
    }
}
