//! Every RPC has what it must have: a permission, a road over HTTP, and cases. What is not there yet is listed, and the
//! list can only shrink.

use std::collections::{BTreeMap, BTreeSet};

use coaching::api::behavior::rpc;
use coaching::pb::coaching::access::v1::Role;

use crate::cases;
use crate::harness::{Harness, Transport, contract};
use crate::replay;
use crate::wellformed;

/// RPCs of the contract that this version answers with NOT_YET_IMPLEMENTED. Whoever implements one takes it out.
const LATER: &[&str] =
    &["BackfillScorecardTemplates", "ValidateBackfillScorecardTemplates", "GetJob", "ListJobs", "WaitJob", "CancelJob"];

const ROLES: [Role; 5] = [Role::Admin, Role::Manager, Role::Grader, Role::Agent, Role::Service];

#[test]
fn every_rpc_says_who_may_call_it_and_how_over_http() {
    let mut wrong = Vec::new();
    for method in contract::methods() {
        if contract::rules(&method).is_empty() {
            wrong.push(format!("{} has no google.api.http", method.full_name()));
        }
        if contract::option(&method, "coaching.access.v1.access").is_none() {
            wrong.push(format!("{} has no coaching.access.v1.access", method.full_name()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_generated_table_of_rpcs_is_the_descriptors() {
    let described: BTreeSet<String> = contract::methods()
        .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
        .collect();
    let table: BTreeSet<String> = rpc::ALL.iter().map(|rpc| rpc.path.to_owned()).collect();
    assert_eq!(table, described);
    assert!(LATER.iter().all(|name| rpc::ALL.iter().any(|rpc| rpc.name == *name)), "LATER names what is no RPC");
    for rpc in rpc::ALL {
        let reads = ["Get", "List", "Retrieve", "Export", "StreamExport", "Validate", "Suggest", "Wait"];
        let named_a_read = reads.iter().any(|verb| rpc.name.starts_with(verb));
        assert_eq!(rpc.writes, !named_a_read, "{}: what its name says and `writes` differ", rpc.name);
    }
}

/// How often each RPC is called over each transport with each kind of outcome.
fn counted() -> BTreeMap<&'static str, BTreeMap<(&'static str, &'static str), usize>> {
    let mut counted: BTreeMap<&str, BTreeMap<(&str, &str), usize>> = BTreeMap::new();
    for name in cases::FILES {
        for scenario in &replay::read(name).scenarios {
            for step in &scenario.steps {
                let kind = match step.error.as_ref().map(|error| error.code()) {
                    None if step.want.is_some() => "good",
                    Some("INVALID_ARGUMENT") => "bad",
                    Some("NOT_FOUND") => "absent",
                    Some("ABORTED" | "ALREADY_EXISTS" | "FAILED_PRECONDITION") => "conflict",
                    Some("PERMISSION_DENIED") => "forbidden",
                    _ => continue,
                };
                let rpc = rpc::ALL.iter().find(|rpc| rpc.name == step.rpc).expect("a case calls an RPC");
                for transport in Transport::ALL.iter().filter(|transport| scenario.plays_over(transport.name())) {
                    *counted.entry(rpc.name).or_default().entry((transport.name(), kind)).or_default() += 1;
                }
            }
        }
    }
    counted
}

/// Writes the table of all this to `cases.md` in cargo's folder for tests, for whoever wants to read it.
#[test]
fn every_rpc_that_is_there_has_a_good_a_bad_an_absent_a_conflict_and_a_forbidden_case_over_every_transport() {
    let counted = counted();
    let (mut missing, mut table) = (Vec::new(), String::new());
    let transports = Transport::ALL.map(|transport| transport.name());
    table += &format!("| RPC | {} |\n", transports.map(|name| format!("{name}: good bad absent conflict")).join(" | "));
    table += &format!("|---|{}\n", "---|".repeat(transports.len()));
    for rpc in rpc::ALL.iter().filter(|rpc| !LATER.contains(&rpc.name)) {
        let count =
            |transport, kind| counted.get(rpc.name).and_then(|of| of.get(&(transport, kind))).copied().unwrap_or(0);
        let open_to_all = ROLES.iter().all(|role| rpc.roles.contains(&(*role as i32)));
        for transport in transports {
            let mut kinds = vec!["good", "bad", "absent"];
            kinds.extend((!open_to_all).then_some("forbidden"));
            kinds.extend(rpc.writes.then_some("conflict"));
            let gone = kinds.into_iter().filter(|kind| count(transport, kind) == 0);
            missing.extend(gone.map(|kind| format!("{}: no {kind} case over {transport}", rpc.name)));
        }
        let cells = transports.map(|transport| {
            ["good", "bad", "absent", "conflict"].map(|kind| count(transport, kind).to_string()).join(" ")
        });
        table += &format!("| {} | {} |\n", rpc.name, cells.join(" | "));
    }
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases.md"), table).expect("it is written");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Over every transport: one that lets a role in where another does not would be a second API.
#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_lets_in_the_roles_of_its_table_and_no_other() {
    let house = Harness::memory().await;
    let mut wrong = Vec::new();
    for transport in Transport::ALL {
        for rpc in rpc::ALL {
            let request = wellformed::request(&contract::method(rpc.name));
            for role in ROLES {
                let answer = house.over(transport).as_user("someone", role).call(rpc.name, request.clone()).await;
                let outcome = match &answer.outcome {
                    Ok(_) => "OK".to_owned(),
                    Err(refusal) => format!("{} {}", refusal.code, refusal.reason),
                };
                let allowed = rpc.roles.contains(&(role as i32));
                let refused = outcome == "PERMISSION_DENIED PERMISSION_DENIED";
                let later = outcome == "UNIMPLEMENTED NOT_YET_IMPLEMENTED";
                if allowed == refused {
                    wrong.push(format!("{} as {role:?} is {outcome}", answer.what));
                }
                if allowed && later != LATER.contains(&rpc.name) {
                    wrong.push(format!("{} as {role:?} is {outcome}, and LATER says otherwise", answer.what));
                }
                // An empty structure is of the right form, and comes to no score; a session needs an agent or a plan,
                // neither of which is required by itself.
                let ruled = outcome == "INVALID_ARGUMENT TEMPLATE_LINT" || rpc.name == "CreateCoachingSession";
                if !ruled && ["INVALID_ARGUMENT", "INTERNAL", "UNKNOWN"].iter().any(|code| outcome.starts_with(code)) {
                    wrong.push(format!("{} as {role:?} is {outcome}: {:?}", answer.what, answer.outcome));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A caller who cannot be told is refused before anything else is looked at, on every road.
#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_refuses_a_caller_who_cannot_be_told() {
    let house = Harness::memory().await;
    for transport in Transport::ALL {
        for rpc in rpc::ALL {
            let request = wellformed::request(&contract::method(rpc.name));
            for (header, value) in [("x-coaching-user", "someone"), ("x-coaching-role", "admin")] {
                let answer = house.over(transport).with(header, value).call(rpc.name, request.clone()).await;
                let what = answer.what.clone();
                let refusal = answer.outcome.expect_err(&what);
                assert_eq!(
                    (refusal.code.as_str(), refusal.reason.as_str()),
                    ("UNAUTHENTICATED", "INVALID_CALLER"),
                    "{what}"
                );
            }
        }
    }
}
