//! Whatever a caller sends, the answer is an answer: a known status, JSON, and no panic.

use std::sync::LazyLock;

use http::Request;
use http_body_util::Full;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fake::{Answer, Shop};

static SHOP: LazyLock<Shop> = LazyLock::new(|| Shop::new(|_| Answer::Echo));
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

fn check(method: &str, uri: &str, body: &str) -> Result<u16, TestCaseError> {
    let Ok(request) = Request::builder().method(method).uri(uri).body(Full::from(body.to_owned())) else {
        return Ok(0);
    };
    let reply = RUNTIME.block_on(SHOP.send(request));
    prop_assert!([200, 400, 404, 405, 413, 415, 500].contains(&reply.status), "{} {uri} {body}", reply.status);
    // 500 is the fake's doing: it answers a request's bytes as a response, which may not be its type.
    if reply.header("content-type") == "application/json" && method != "HEAD" {
        prop_assert!(serde_json::from_str::<serde_json::Value>(reply.text()).is_ok(), "{}", reply.text());
    }
    Ok(reply.status)
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0".to_owned()),
        Just("1e400".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("\"2026-01-31T09:30:00Z\"".to_owned()),
        Just("\"NaN\"".to_owned()),
        Just("\"RED\"".to_owned()),
        "[0-9]{1,20}",
        "-?[0-9]{1,3}\\.[0-9]{1,3}(e[0-9]{1,2})?",
        "\"[ -~]{0,8}\"",
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let names = crate::fake::POOL
            .get_message_by_name("kinds.All")
            .unwrap()
            .fields()
            .map(|f| f.json_name().to_owned())
            .collect::<Vec<_>>();
        let name = prop_oneof![
            4 => proptest::sample::select(names),
            1 => Just("@type".to_owned()),
            1 => Just("value".to_owned()),
            1 => "[a-z0-9]{0,4}",
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((name, inner.clone()), 0..4).prop_map(|items| {
                let items: Vec<_> =
                    items.iter().map(|(n, v)| format!("{}:{v}", serde_json::Value::from(n.as_str()))).collect();
                format!("{{{}}}", items.join(","))
            }),
            inner.prop_map(|value| format!(
                r#"{{"any":{{"value":{value},"@type":"type.googleapis.com/google.protobuf.Value"}}}}"#
            )),
        ]
    })
}

proptest! {
    #![proptest_config(crate::oracle::at_least(2000))]

    #[test]
    fn any_path_has_an_answer(method in "(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE)", path in "(/v[12]|/shops|/items|/any|/bare|/reserve|/[a-z%:@0-9.~]{0,6}|:sell|:watch|%2F|%|/){0,8}") {
        check(&method, &format!("/{path}"), "")?;
    }

    #[test]
    fn any_query_has_an_answer(query in "((pageSize|filter|inner|least|prices|color|by|rank|since|readMask|labels|extra|\\$x|%[0-9a-f]{2}|[a-z]{1,3})(\\.|=|&|\\+|1|x|-|%){0,3}){0,8}") {
        check("GET", &format!("/v1/shops/a/items?{query}"), "")?;
        check("GET", &format!("/v1/echo?{query}"), "")?;
    }

    #[test]
    fn json_shaped_bodies_are_taken_or_refused_and_what_is_taken_is_protobuf(body in json_text()) {
        let before = SHOP.count();
        let status = check("POST", "/v1/echo", &body)?;
        if status == 200 && SHOP.count() > before {
            let descriptor = crate::fake::POOL.get_message_by_name("kinds.All").unwrap();
            prop_assert!(prost_reflect::DynamicMessage::decode(descriptor, &*SHOP.last().message).is_ok());
        }
        prop_assert_ne!(status, 500, "what was read can be written: {}", body);
        check("PATCH", "/v1/shops/a/items/b", &body)?;
    }

    #[test]
    fn bodies_of_any_text_have_an_answer(body in "([{}\\[\\]:,\"\\\\]|null|true|[a-z]{1,5}|[0-9.eE+-]{1,5}|\\PC){0,30}") {
        check("POST", "/v1/echo", &body)?;
    }
}
