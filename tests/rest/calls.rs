//! One call: routing, bodies, headers, errors.

use bytes::Bytes;
use coaching::rest::{MatchedRpc, Options};
use http::Request;
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::Message as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::fake::{Answer, Shop, data, frame, header_map, trailers, wire};

fn item(json: serde_json::Value) -> Shop {
    let item = wire("shop.Item", json);
    Shop::new(move |_| Answer::Message(item.clone()))
}

#[tokio::test]
async fn a_get_binds_its_path_and_answers_json() {
    let shop = item(json!({"name": "shops/a/items/b", "priceCents": "12", "stock": 0}));
    let reply = shop.get("/v1/shops/a/items/b").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), r#"{"name":"shops/a/items/b","priceCents":"12","stock":0}"#);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("content-length"), reply.text().len().to_string());
    let call = shop.last();
    assert_eq!(call.path, "/shop.Shop/GetItem");
    assert_eq!(call.version, http::Version::HTTP_2);
    assert_eq!(call.headers["content-type"], "application/grpc");
    assert_eq!(call.headers["te"], "trailers");
    assert_eq!(shop.seen("shop.GetItemRequest"), json!({"name": "shops/a/items/b"}));
    assert_eq!(reply.extensions.get::<MatchedRpc>().map(|rpc| &*rpc.0), Some("/shop.Shop/GetItem"));
    assert_eq!(call.extensions.get::<MatchedRpc>().map(|rpc| &*rpc.0), Some("/shop.Shop/GetItem"));
}

#[tokio::test]
async fn path_variables_are_decoded_by_the_rules_of_http_proto() {
    let shop = Shop::echo();
    for (path, name) in [
        ("/v1/shops/a/items/b@2", "shops/a/items/b@2"),
        ("/v1/shops/a/items/b%402", "shops/a/items/b@2"),
        ("/v1/shops/a/items/%E2%82%AC%20", "shops/a/items/€ "),
        ("/v1/shops/a/items/x%2Fy%2fz", "shops/a/items/x%2Fy%2fz"),
        ("/v1/shops/a/items/x%3Asell", "shops/a/items/x:sell"),
        ("/v1/bare/shops%2Fa%2Fitems%2Fb", "shops/a/items/b"),
        ("/v1/bare/a%25b+c", "a%b+c"),
        ("/v1/any/a/b/c%2Fd", "a/b/c%2Fd"),
        ("/v1/any", ""),
        ("/v1/sh%6Fps/a/items/b", "shops/a/items/b"),
        ("/v1/shops/./items/..", "shops/./items/.."),
    ] {
        let reply = shop.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(shop.seen("shop.GetItemRequest")["name"].as_str().unwrap_or_default(), name, "{path}");
    }
    let sold = shop.call("POST", "/v1/shops%2Fa%2Fitems%2Fb:sell", "{}").await;
    assert_eq!((sold.status, shop.seen("shop.SellItemRequest")), (200, json!({"name": "shops/a/items/b"})));
}

#[tokio::test]
async fn broken_escapes_in_a_path_are_400() {
    let shop = Shop::echo();
    for path in ["/v1/shops/a/items/%", "/v1/shops/a/items/%2", "/v1/shops/%zz/items/b", "/v1/bare/%ff", "/nowhere/%f"]
    {
        let reply = shop.get(path).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "INVALID_REQUEST"), "{path}");
    }
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn unknown_paths_are_404_and_say_so_in_json() {
    let shop = Shop::echo();
    for path in [
        "/",
        "/v1",
        "/v1/shops/a/items/",
        "/v1/shops//items/b",
        "//v1/shops/a/items",
        "/v1/hidden/x",
        "/shop.Shop/GetItem",
    ] {
        let reply = shop.get(path).await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "ROUTE_NOT_FOUND"), "{path}");
        assert_eq!(reply.json()["code"], 404);
        assert_eq!(reply.json()["status"], "NOT_FOUND");
        assert_eq!(reply.json()["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
        assert_eq!(reply.json()["details"][0]["domain"], coaching::error::DOMAIN);
        assert!(reply.extensions.get::<MatchedRpc>().is_none());
    }
}

#[tokio::test]
async fn a_mistyped_verb_is_404_with_the_verbs_that_there_are() {
    let shop = Shop::echo();
    for (method, path) in [("POST", "/v1/shops/a/items/b:sel"), ("GET", "/v1/shops/a/items/b:names")] {
        let reply = shop.call(method, path, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "UNKNOWN_VERB"), "{path}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        for verb in ["sell", "tag", "picture", "upload"] {
            assert!(message.contains(verb), "{message}");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_with_the_methods_that_there_are() {
    let shop = Shop::echo();
    for (method, path, allow) in [
        ("POST", "/v1/shops/a/items/b", &["GET", "HEAD", "PATCH", "PUT", "DELETE"][..]),
        ("GET", "/v1/shops/a/items/b:sell", &["POST"]),
        ("OPTIONS", "/v1/shops/a/items", &["GET", "HEAD", "POST"]),
    ] {
        let reply = shop.call(method, path, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (405, "METHOD_NOT_ALLOWED"), "{path}");
        let mut got: Vec<_> = reply.header("allow").split(", ").collect();
        let mut want = allow.to_vec();
        got.sort_unstable();
        want.sort_unstable();
        assert_eq!(got, want, "{path}");
    }
    for method in ["GET", "PUT", "POST", "REPORT"] {
        assert_eq!(shop.call(method, "/v1/any-method", "").await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let shop = item(json!({"name": "n"}));
    let (get, head) = (shop.get("/v1/shops/a/items/b").await, shop.call("HEAD", "/v1/shops/a/items/b", "").await);
    assert_eq!(head.status, 200);
    assert_eq!(head.text(), "");
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("content-type"), "application/json");
    let missing = shop.call("HEAD", "/nowhere", "").await;
    assert_eq!((missing.status, missing.text()), (404, ""));
}

#[tokio::test]
async fn a_body_is_the_message_a_field_of_it_or_nothing() {
    let shop = Shop::echo();
    let made = shop.call("POST", "/v1/shops/a/items?itemId=i", r#"{"title": "t", "price_cents": 5}"#).await;
    assert_eq!(made.status, 200);
    assert_eq!(
        shop.seen("shop.CreateItemRequest"),
        json!({"parent": "shops/a", "itemId": "i", "item": {"title": "t", "priceCents": "5"}})
    );
    shop.call("POST", "/v1/shops/a/items/b:sell", r#"{"count": 2, "buyer": "x"}"#).await;
    assert_eq!(shop.seen("shop.SellItemRequest"), json!({"name": "shops/a/items/b", "count": 2, "buyer": "x"}));
    shop.call("POST", "/v1/shops/a/items/b:tag?replace=true", r#"["x", "y"]"#).await;
    assert_eq!(
        shop.seen("shop.TagItemRequest"),
        json!({"name": "shops/a/items/b", "tags": ["x", "y"], "replace": true})
    );
    for (path, message, want) in [
        ("/v1/shops/a/items/b:sell", "shop.SellItemRequest", json!({"name": "shops/a/items/b"})),
        ("/v1/shops/a/items", "shop.CreateItemRequest", json!({"parent": "shops/a"})),
    ] {
        let reply = shop.call("POST", path, "").await;
        assert_eq!((reply.status, shop.seen(message)), (200, want), "an empty body is an absent message: {path}");
    }
    let null = shop.call("POST", "/v1/shops/a/items", "null").await;
    assert_eq!((null.status, shop.seen("shop.CreateItemRequest")), (200, json!({"parent": "shops/a"})));
    assert_eq!(shop.call("POST", "/v1/shops/a/items/b:sell", "null").await.status, 400);
    // DELETE takes none, so whatever is there is not read.
    assert_eq!(shop.call("DELETE", "/v1/shops/a/items/b", "not json").await.status, 200);
}

#[tokio::test]
async fn the_path_has_the_last_word_and_a_body_that_contradicts_it_is_refused() {
    let shop = Shop::echo();
    for (method, path, body, field) in [
        ("POST", "/v1/shops/a/items/b:sell", r#"{"name": "NAME"}"#, "name"),
        ("PATCH", "/v1/shops/a/items/b", r#"{"item": {"name": "NAME"}}"#, "item.name"),
        ("PUT", "/v1/shops/a/items/b", r#"{"name": "NAME"}"#, "item.name"),
        ("PATCH", "/v2/shops/a/items/b", r#"{"name": "NAME"}"#, "item.name"),
    ] {
        for same in ["shops/a/items/b", ""] {
            let reply = shop.call(method, path, &body.replace("NAME", same)).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let reply = shop.call(method, path, &body.replace("NAME", "shops/a/items/c")).await;
        assert_eq!((reply.status, reply.fields()), (400, vec![field.to_owned()]), "{path}");
    }
}

#[tokio::test]
async fn path_variables_of_every_text_form_are_read() {
    let shop = Shop::echo();
    let reply =
        shop.call("POST", "/v1/reserve/1e2/RED/2026-01-31T09:30:00Z/1.5s/true/-9007199254740993?sub.note=n", "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        shop.seen("shop.ReserveRequest"),
        json!({"count": 100, "color": "RED", "until": "2026-01-31T09:30:00Z", "sub": {"hold": "1.500s", "note": "n"}, "flag": true,
               "wide": "-9007199254740993"})
    );
    let reply = shop.call("POST", "/v1/reserve/x/PINK/now/1/yes/1.5", "").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.fields(), ["count", "color", "until", "sub.hold", "flag", "wide"]);
    let numbered = shop.call("POST", "/v1/reserve/0/2/2026-01-31T09:30:00%2B01:00/0s/false/0", "").await;
    assert_eq!((numbered.status, &shop.seen("shop.ReserveRequest")["color"]), (200, &json!("GREEN")));
}

#[tokio::test]
async fn one_field_of_the_answer_may_be_the_body() {
    let full = json!({"items": [], "names": ["x", "y"], "first": {"title": "t"}});
    let list = wire("shop.ListItemsResponse", full);
    let shop = Shop::new(move |_| Answer::Message(list.clone()));
    assert_eq!(shop.get("/v1/shops/a/items:names").await.text(), r#"["x","y"]"#);
    assert_eq!(shop.get("/v1/shops/a/items:first").await.text(), r#"{"title":"t"}"#);
    let shop = Shop::new(|_| Answer::Message(Bytes::new()));
    assert_eq!(shop.get("/v1/shops/a/items:names").await.text(), "[]");
    assert_eq!(shop.get("/v1/shops/a/items:first").await.text(), "{}");
    assert_eq!(shop.get("/v1/shops/a/items").await.text(), "{}");
}

#[tokio::test]
async fn bodies_of_other_types_are_415_and_json_goes_by_several_names() {
    let shop = Shop::echo();
    let send = async |kind: Option<&str>, body: &'static str| {
        let mut request = Request::post("/v1/shops/a/items/b:sell");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        shop.send(request.body(Full::from(body)).unwrap()).await
    };
    for kind in [
        None,
        Some("application/json"),
        Some("Application/JSON; charset=utf-8"),
        Some("text/json"),
        Some("application/merge-patch+json"),
        Some("application/x-www-form-urlencoded"), // what curl -d says
    ] {
        assert_eq!(send(kind, "{}").await.status, 200, "{kind:?}");
    }
    for kind in ["text/plain", "multipart/form-data", "application/grpc", "application/jsonp", ""] {
        let reply = send(Some(kind), "{}").await;
        assert_eq!((reply.status, reply.reason().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind}");
        assert_eq!(reply.json()["code"], 415);
        assert_eq!(send(Some(kind), "").await.status, 200, "an empty body needs no type");
    }
}

#[tokio::test]
async fn bodies_past_the_limit_are_413_by_promise_by_count_and_by_what_they_become() {
    let options = Options { max_body: 1000, ..Options::default() };
    let shop = Shop::with(options, |_| Answer::Echo);
    let fits = format!(r#"{{"string":"{}"}}"#, "x".repeat(980));
    assert_eq!(shop.call("POST", "/v1/echo", &fits).await.status, 200);
    let over = format!(r#"{{"string":"{}"}}"#, "x".repeat(1000));
    let promised = Request::post("/v1/echo").header("content-length", "1001").body(Full::from("{}")).unwrap();
    let grown = format!(r#"{{"manyDouble":[{}]}}"#, vec!["0"; 400].join(","));
    let replies = [
        shop.call("POST", "/v1/echo", &over).await,
        shop.send(promised).await,
        shop.call("POST", "/v1/echo", &grown).await,
    ];
    for reply in replies {
        assert_eq!((reply.status, reply.reason().as_str()), (413, "REQUEST_TOO_LARGE"));
    }
    let chunks = (0..50).map(|_| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(&[b' '; 100]))));
    let chunked = Request::post("/v1/echo").body(StreamBody::new(tokio_stream::iter(chunks))).unwrap();
    assert_eq!(shop.rest.clone().oneshot(chunked).await.unwrap().status(), 413);
    assert_eq!(shop.count(), 1);
}

#[tokio::test]
async fn a_body_in_pieces_is_the_same_body_and_one_that_breaks_off_is_400() {
    let shop = Shop::echo();
    let text = r#"{"string": "hello", "manyInt32": [1, 2, 3]}"#;
    let chunks: Vec<_> = text
        .as_bytes()
        .chunks(3)
        .map(|c| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::copy_from_slice(c))))
        .collect();
    let request = Request::post("/v1/echo").body(StreamBody::new(tokio_stream::iter(chunks))).unwrap();
    let reply = shop.rest.clone().oneshot(request).await.unwrap();
    assert_eq!(
        reply.into_body().collect().await.unwrap().to_bytes(),
        &br#"{"string":"hello","manyInt32":[1,2,3]}"#[..]
    );
    let broken = [Ok(http_body::Frame::data(Bytes::from_static(b"{"))), Err(std::io::Error::other("gone"))];
    let request = Request::post("/v1/echo").body(StreamBody::new(tokio_stream::iter(broken))).unwrap();
    assert_eq!(shop.rest.clone().oneshot(request).await.unwrap().status(), 400);
}

#[tokio::test]
async fn broken_json_is_told_from_wrong_values() {
    let shop = Shop::echo();
    for body in [
        "{",
        "[",
        "{]",
        "nonsense",
        "{\"string\":}",
        "{} {}",
        "{\"string\": \"\\ud800\"}",
        "{'string': 1}",
        "{\"int32\": 01}",
        "\u{feff}{}",
    ] {
        let reply = shop.call("POST", "/v1/echo", body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "MALFORMED_JSON"), "{body}");
        assert_eq!(reply.json()["status"], "INVALID_ARGUMENT");
    }
    let invalid = Request::post("/v1/echo").body(Full::from(&b"{\"string\": \"\xff\"}"[..])).unwrap();
    assert_eq!(shop.send(invalid).await.reason(), "MALFORMED_JSON");
    let wrong = shop.call("POST", "/v1/echo", r#"{"int32": "x"}"#).await;
    assert_eq!(wrong.reason(), "INVALID_REQUEST");
    assert_eq!(wrong.json()["details"][1]["@type"], "type.googleapis.com/google.rpc.BadRequest");
}

#[tokio::test]
async fn every_wrong_value_is_reported_with_its_path() {
    let shop = Shop::echo();
    let body = r#"{"int32": "x", "child": {"child": {"manyString": ["a", 1, "b", null]}, "nothing": {"deep": [1]}},
        "mapInt32": {"1": "y", "z": 1}, "mapString": {"odd key": 5}, "color": "PINK", "timestamp": "now", "string": ["s"],
        "manyInt32": {"a": 1}, "int32": 3, "pickText": "a", "pick_number": 1, "any": {"@type": "x/kinds.All", "bool": 1}, "mapBool": {"1": true},
        "wrappedInt32": 1.5, "struct": [], "list": {}, "bytes": "*"}"#;
    let reply = shop.call("POST", "/v1/echo", body).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.fields(),
        [
            "int32",
            "child.child.manyString[1]",
            "child.child.manyString[3]",
            "child.nothing",
            "mapInt32.1",
            "mapInt32.z",
            "mapString[\"odd key\"]",
            "color",
            "timestamp",
            "string",
            "manyInt32",
            "int32",
            "pickNumber",
            "any.bool",
            "mapBool.1",
            "wrappedInt32",
            "struct",
            "list",
            "bytes",
        ]
    );
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn a_struct_too_deep_is_400_and_one_within_bounds_passes_prost() {
    let shop = Shop::echo();
    let nested = |depth: usize| format!(r#"{{"struct":{}1{}}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for (depth, status) in [(1, 200), (20, 200), (26, 200), (27, 400), (40, 400), (5_000, 400)] {
        let reply = shop.call("POST", "/v1/echo", &nested(depth)).await;
        assert_eq!(reply.status, status, "{depth}");
        if status == 200 {
            shop.seen("kinds.All");
        }
    }
    let deepest = Shop::with(Options { max_depth: usize::MAX, ..Options::default() }, |_| Answer::Echo);
    for (open, close) in [(r#"{"child":"#, "}"), (r#"{"manyChild":["#, "]}"), (r#"{"mapChild":{"k":"#, "}}")] {
        let mut deep = 0;
        for depth in 1..130 {
            let body = format!("{}{{\"value\": 1}}{}", open.repeat(depth), close.repeat(depth));
            if deepest.call("POST", "/v1/echo", &body).await.status == 200 {
                let descriptor = crate::fake::POOL.get_message_by_name("kinds.All").unwrap();
                prost_reflect::DynamicMessage::decode(descriptor, &*deepest.last().message).expect("prost reads it");
                deep = depth;
            }
        }
        assert!((40..100).contains(&deep), "{open}: {deep}");
    }
}

#[tokio::test]
async fn headers_reach_the_service_and_its_metadata_the_caller() {
    let shop = Shop::new(|_| {
        let headers = header_map(&[
            ("etag", "\"7\""),
            ("x-request-id", "r"),
            ("content-type", "application/grpc"),
            ("grpc-encoding", "identity"),
        ]);
        Answer::Raw(headers, vec![data(b""), trailers(&[("grpc-status", "0"), ("x-late", "l")])])
    });
    let request = Request::get("/v1/shops/a/items/b")
        .header("authorization", "Bearer t")
        .header("grpc-timeout", "1S")
        .header("host", "h")
        .header("trace-bin", "AQID")
        .extension(42_u32)
        .body(Full::default())
        .unwrap();
    let reply = shop.send(request).await;
    assert_eq!(reply.status, 200);
    assert_eq!((reply.header("etag"), reply.header("x-request-id"), reply.header("x-late")), ("\"7\"", "r", "l"));
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(!reply.headers.contains_key("grpc-status") && !reply.headers.contains_key("grpc-encoding"));
    let call = shop.last();
    assert_eq!(call.headers["authorization"], "Bearer t");
    assert_eq!(call.headers["trace-bin"], "AQID");
    assert!(!call.headers.contains_key("grpc-timeout") && !call.headers.contains_key("host"));
    assert_eq!(call.extensions.get::<u32>(), Some(&42), "what outer layers said of the caller is kept");
    let bad = Request::get("/v1/shops/a/items/b").header("trace-bin", "*").body(Full::default()).unwrap();
    assert_eq!(shop.send(bad).await.fields(), ["trace-bin"]);
}

#[tokio::test]
async fn the_services_errors_become_http_errors_with_their_details() {
    let details = tonic_types::pb::Status {
        code: 5,
        message: "ignored".into(),
        details: vec![
            prost_types_any(
                "google.rpc.ErrorInfo",
                &tonic_types::pb::ErrorInfo {
                    reason: "GONE".into(),
                    domain: "d".into(),
                    metadata: [("k".to_owned(), "v".to_owned())].into(),
                },
            ),
            prost_types_any(
                "google.rpc.RetryInfo",
                &tonic_types::pb::RetryInfo {
                    retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }),
                },
            ),
            prost_types::Any { type_url: "x/unknown.Type".into(), value: vec![1] },
        ],
    };
    use base64::Engine as _;
    let details = base64::engine::general_purpose::STANDARD_NO_PAD.encode(details.encode_to_vec());
    let pairs = |details: &str| {
        header_map(&[
            ("grpc-status", "5"),
            ("grpc-message", "no%20such %E2%82%AC"),
            ("grpc-status-details-bin", details),
            ("x-request-id", "r"),
        ])
    };
    let early = {
        let pairs = pairs(&details);
        Shop::new(move |_| Answer::Raw(pairs.clone(), Vec::new()))
    };
    let late =
        Shop::new(move |_| Answer::Raw(http::HeaderMap::new(), vec![Ok(http_body::Frame::trailers(pairs(&details)))]));
    for shop in [early, late] {
        let reply = shop.get("/v1/shops/a/items/b").await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("x-request-id"), "r");
        assert_eq!(
            reply.json(),
            json!({"code": 404, "message": "no such €", "status": "NOT_FOUND", "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "GONE", "domain": "d", "metadata": {"k": "v"}},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
                {"@type": "x/unknown.Type", "value": "AQ=="},
            ]})
        );
        assert!(reply.extensions.get::<MatchedRpc>().is_some());
    }
}

fn prost_types_any(name: &str, message: &impl prost::Message) -> prost_types::Any {
    prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

#[tokio::test]
async fn every_grpc_code_has_its_http_number() {
    let table = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401, 500];
    for (code, http) in table.iter().enumerate().skip(1) {
        let shop = Shop::new(move |_| Answer::Raw(header_map(&[("grpc-status", &code.to_string())]), Vec::new()));
        let reply = shop.get("/v1/shops/a/items/b").await;
        assert_eq!(reply.status, *http, "{code}");
        assert_eq!(reply.json()["code"], *http);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_grpc_is_an_error_and_never_a_success() {
    let nothing = || http::HeaderMap::new();
    let ok = || trailers(&[("grpc-status", "0")]);
    type Frames = fn() -> Vec<Result<http_body::Frame<Bytes>, tonic::Status>>;
    let cases: [(Frames, u16); 6] = [
        (Vec::new, 500),
        (|| vec![data(b"\x0a\x01n")], 500),
        (|| vec![trailers(&[("grpc-status", "0")])], 500),
        (|| vec![Ok(http_body::Frame::data(frame(b"abcdef").slice(..7)))], 500),
        (|| vec![data(b"\x0a\x05n"), trailers(&[("grpc-status", "0")])], 500),
        (|| vec![data(b"\x0a\x01\xff"), trailers(&[("grpc-status", "0")])], 500),
    ];
    for (at, (frames, status)) in cases.into_iter().enumerate() {
        let shop = Shop::new(move |_| Answer::Raw(nothing(), frames()));
        assert_eq!(shop.get("/v1/shops/a/items/b").await.status, status, "case {at}");
    }
    let torn =
        Shop::new(move |_| Answer::Raw(nothing(), vec![data(b""), Err(tonic::Status::internal("secret")), ok()]));
    let reply = torn.get("/v1/shops/a/items/b").await;
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("secret"), "causes are for the log");
    let failed = Shop::new(move |_| Answer::Raw(nothing(), vec![data(b""), trailers(&[("grpc-status", "10")])]));
    assert_eq!(failed.get("/v1/shops/a/items/b").await.status, 409, "a status after a message counts");
}

#[tokio::test]
async fn http_bodies_pass_in_and_out_as_they_are() {
    let shop = Shop::new(|_| Answer::Message(Bytes::from_static(b"\x0a\x09image/png\x12\x03\x00\xff\x01")));
    let reply = shop.get("/v1/shops/a/items/b:picture").await;
    assert_eq!((reply.status, reply.header("content-type"), reply.header("content-length")), (200, "image/png", "3"));
    assert_eq!(reply.body.as_deref(), Ok(&b"\x00\xff\x01"[..]));
    let bare = Shop::new(|_| Answer::Message(Bytes::new()));
    assert_eq!(bare.get("/v1/shops/a/items/b:picture").await.header("content-type"), "application/octet-stream");

    let shop = Shop::echo();
    let request = Request::post("/v1/shops/a/items/b:upload?note=n")
        .header("content-type", "image/png")
        .body(Full::from(&b"\x00\xff"[..]))
        .unwrap();
    assert_eq!(shop.send(request).await.status, 200);
    assert_eq!(
        shop.seen("shop.UploadRequest"),
        json!({"name": "shops/a/items/b", "note": "n", "file": {"contentType": "image/png", "data": "AP8="}})
    );
}

#[tokio::test]
async fn errors_of_outer_layers_have_the_same_shape() {
    use coaching::error::{Code, Error, reason};
    let error = Error::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, "too slow")
        .retry_after(std::time::Duration::from_millis(250))
        .with("limit", "1s");
    let reply = coaching::rest::refuse(error);
    assert_eq!(reply.status(), 504);
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
        json!({"code": 504, "message": "too slow", "status": "DEADLINE_EXCEEDED", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "DEADLINE_EXCEEDED", "domain": "coaching", "metadata": {"limit": "1s"}},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.250s"},
        ]})
    );
}
