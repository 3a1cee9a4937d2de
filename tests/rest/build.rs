//! What is wrong with a rule is said at start-up.

use std::convert::Infallible;

use coaching::rest::{BuildError, Options, Rest};
use http::{Request, Response};
use tonic::body::Body;
use tower::service_fn;

use crate::fake::{POOL, pool};

fn build(pool: &prost_reflect::DescriptorPool, services: &[&str]) -> Result<(), BuildError> {
    let service = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    Rest::new(pool, services, service, Options::default()).map(drop)
}

/// A service `t.T` with one method for each rule, over a request of many kinds.
fn rules(rules: &[&str]) -> Result<(), BuildError> {
    let mut text = String::from(
        r#"syntax = "proto3"; package t;
        import "google/api/annotations.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto";
        message Q { string a = 1; string snake_case = 2; repeated string many = 3; map<string, string> map = 4; R r = 5;
                    repeated R rs = 6; google.protobuf.Timestamp at = 7; google.protobuf.Struct struct = 8; oneof o { int32 x = 9; R y = 10; } }
        message R { string b = 1; Q q = 2; }
        service T {"#,
    );
    for (at, rule) in rules.iter().enumerate() {
        let (input, rule) = rule.strip_prefix("stream ").map_or(("Q", *rule), |rule| ("stream Q", rule));
        text += &format!("rpc M{at}({input}) returns (R) {{ option (google.api.http) = {{ {rule} }}; }}\n");
    }
    text += "}";
    build(&pool("t.proto", Some(&text)).unwrap_or_else(|error| panic!("{error}")), &[])
}

#[test]
fn good_rules_bind() {
    for rule in [
        r#"get: "/v1/{a}""#,
        r#"get: "/v1/{snakeCase=x/*}/{r.q.r.b}""#,
        r#"get: "/v1/{snake_case=**}:verb""#,
        r#"get: "/v1/{at}/{x}/{y.b}""#,
        r#"post: "/v1" body: "many" response_body: "b""#,
        r#"post: "/v1" body: "snakeCase""#,
        r#"post: "/v1" body: "*" additional_bindings { put: "/v1" body: "r" }"#,
        r#"custom { kind: "REPORT" path: "/v1" }"#,
        r#"custom { kind: "*" path: "/v1" }"#,
    ] {
        rules(&[rule]).unwrap_or_else(|error| panic!("{rule}: {error}"));
    }
    rules(&[r#"get: "/v1/{a}""#, r#"post: "/v1/{a}""#, r#"get: "/v1/{a}:go""#, r#"get: "/v1/x""#]).unwrap();
}

#[test]
fn bad_rules_fail_with_the_method_and_the_cause() {
    for (rule, cause) in [
        (r#"get: "/v1/{nothing}""#, "no field \"nothing\""),
        (r#"get: "/v1/{r.nothing}""#, "no field \"nothing\""),
        (r#"get: "/v1/{a.b}""#, "not a scalar"),
        (r#"get: "/v1/{r}""#, "not a scalar"),
        (r#"get: "/v1/{struct}""#, "not a scalar"),
        (r#"get: "/v1/{at.seconds}""#, "not a scalar"),
        (r#"get: "/v1/{many}""#, "is repeated"),
        (r#"get: "/v1/{map}""#, "is repeated"),
        (r#"get: "/v1/{rs.b}""#, "is repeated"),
        (r#"get: "v1""#, "at byte 0"),
        (r#"get: "/v1/{a=**}/b""#, "nothing may follow **"),
        (r#"get: """#, "at byte 0"),
        (r#"get: "/v1/{a}/{a}""#, "bound twice"),
        (r#"post: "/v1" body: "nothing""#, "no field \"nothing\""),
        (r#"post: "/v1" body: "r.b""#, "no field \"r.b\""),
        (r#"post: "/v1/{a}" body: "a""#, "bound by the path already"),
        (r#"get: "/v1" response_body: "nothing""#, "no field \"nothing\""),
        (r#"body: "*""#, "no pattern"),
        (r#"custom { kind: "BAD METHOD" path: "/v1" }"#, "not an HTTP method"),
        (r#"stream post: "/v1" body: "*""#, "client stream"),
        (r#"get: "/v1" additional_bindings { get: "/v2" additional_bindings { get: "/v3" } }"#, "do not nest"),
        (r#"get: "/v1" additional_bindings { get: "/v1" }"#, "bound to /t.T/M0 already"),
    ] {
        let error = rules(&[rule]).expect_err(rule).to_string();
        assert!(error.starts_with("t.T.M0: ") && error.contains(cause), "{rule}: {error}");
    }
}

#[test]
fn two_methods_cannot_share_paths_even_under_other_variables() {
    let error = rules(&[r#"get: "/v1/{a=x/*}""#, r#"get: "/v1/x/{snake_case}""#]).unwrap_err();
    assert_eq!(error.to_string(), "t.T.M1: /v1/x/* is bound to /t.T/M0 already");
    rules(&[r#"custom { kind: "*" path: "/v1" }"#, r#"get: "/v1""#]).unwrap();
}

#[test]
fn services_are_named_or_all_are_bound() {
    build(&POOL, &["shop.Shop"]).unwrap();
    build(&POOL, &[]).unwrap();
    assert!(matches!(build(&POOL, &["shop.Nothing"]), Err(BuildError::UnknownService(name)) if name == "shop.Nothing"));
    let bare = pool("bare.proto", Some(r#"syntax = "proto3"; package bare; service B {}"#)).unwrap();
    assert!(matches!(build(&bare, &[]), Err(BuildError::NoAnnotations)));
}
