//! Server streams.

use std::convert::Infallible;

use bytes::Bytes;
use coaching::rest::{Options, Rest};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tower::{ServiceExt as _, service_fn};

use crate::fake::{Answer, POOL, Shop, data, header_map, trailers, wire};

fn item(title: &str) -> Bytes {
    wire("shop.Item", json!({ "title": title }))
}

#[tokio::test]
async fn each_message_is_a_line() {
    let shop = Shop::new(|_| {
        let frames = vec![data(&item("a\nb")), data(b""), data(&item("c")), trailers(&[("grpc-status", "0")])];
        Answer::Raw(header_map(&[("x-request-id", "r")]), frames)
    });
    let reply = shop.get("/v1/shops/a:watch").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert_eq!(reply.header("x-request-id"), "r");
    assert!(!reply.headers.contains_key("content-length"));
    assert_eq!(reply.text(), "{\"result\":{\"title\":\"a\\nb\"}}\n{\"result\":{}}\n{\"result\":{\"title\":\"c\"}}\n");
}

#[tokio::test]
async fn a_stream_that_fails_midway_ends_in_an_error_line() {
    for end in [
        trailers(&[("grpc-status", "10"), ("grpc-message", "try again")]),
        Ok(http_body::Frame::trailers(HeaderMap::new())),
    ] {
        let aborted = end.as_ref().is_ok_and(|frame| frame.trailers_ref().is_some_and(|map| !map.is_empty()));
        let frames = std::sync::Mutex::new(Some(vec![data(&item("a")), end]));
        let shop = Shop::new(move |_| Answer::Raw(HeaderMap::new(), frames.lock().unwrap().take().unwrap()));
        let reply = shop.get("/v1/shops/a:watch").await;
        let lines: Vec<serde_json::Value> =
            reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0], json!({"result": {"title": "a"}}));
        if aborted {
            assert_eq!(
                lines[1],
                json!({"error": {"code": 409, "message": "try again", "status": "ABORTED", "details": []}})
            );
        } else {
            assert_eq!(lines[1]["error"]["code"], 500);
        }
        assert_eq!(lines.len(), 2);
    }
    // So does one whose message is unreadable, or whose body tears.
    for bad in [data(b"\xff"), Err(tonic::Status::unavailable("torn"))] {
        let frames = std::sync::Mutex::new(Some(vec![data(&item("a")), bad, trailers(&[("grpc-status", "0")])]));
        let shop = Shop::new(move |_| Answer::Raw(HeaderMap::new(), frames.lock().unwrap().take().unwrap()));
        let reply = shop.get("/v1/shops/a:watch").await;
        assert!(reply.text().lines().nth(1).unwrap().starts_with("{\"error\":{\"code\":500"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_message_has_the_errors_status() {
    for answer in [
        || (header_map(&[("grpc-status", "7")]), vec![]),
        || (HeaderMap::new(), vec![trailers(&[("grpc-status", "7")])]),
    ] {
        let shop = Shop::new(move |_| {
            let (headers, frames) = answer();
            Answer::Raw(headers, frames)
        });
        let reply = shop.get("/v1/shops/a:watch").await;
        assert_eq!((reply.status, reply.header("content-type")), (403, "application/json"));
        assert_eq!(reply.json()["status"], "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn a_stream_of_nothing_is_an_empty_body() {
    let shop = Shop::new(|_| Answer::Raw(HeaderMap::new(), vec![trailers(&[("grpc-status", "0")])]));
    let reply = shop.get("/v1/shops/a:watch").await;
    assert_eq!((reply.status, reply.text(), reply.header("content-type")), (200, "", "application/x-ndjson"));
}

#[tokio::test]
async fn a_stream_of_http_bodies_is_one_file_and_breaks_off_when_it_fails() {
    let chunk = |kind: &str, bytes: &str| wire("google.api.HttpBody", json!({"contentType": kind, "data": bytes}));
    let whole = Shop::new(move |_| {
        let frames =
            vec![data(&chunk("text/csv", "YSxiCg==")), data(&chunk("", "YyxkCg==")), trailers(&[("grpc-status", "0")])];
        Answer::Raw(HeaderMap::new(), frames)
    });
    let reply = whole.get("/v1/shops/a:download").await;
    assert_eq!((reply.status, reply.header("content-type"), reply.text()), (200, "text/csv", "a,b\nc,d\n"));
    let half = Shop::new(move |_| {
        Answer::Raw(
            HeaderMap::new(),
            vec![data(&chunk("text/csv", "YSxiCg==")), trailers(&[("grpc-status", "13"), ("grpc-message", "secret")])],
        )
    });
    let error = half.get("/v1/shops/a:download").await.body.unwrap_err();
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn head_of_a_stream_sends_no_lines() {
    let shop = Shop::new(|_| Answer::Raw(HeaderMap::new(), vec![data(b""), trailers(&[("grpc-status", "0")])]));
    let reply = shop.call("HEAD", "/v1/shops/a:watch", "").await;
    assert_eq!((reply.status, reply.text(), reply.header("content-type")), (200, "", "application/x-ndjson"));
}

#[tokio::test]
async fn messages_are_pulled_one_at_a_time_and_dropped_streams_stop_the_service() {
    let (sender, receiver) = mpsc::channel::<Result<http_body::Frame<Bytes>, tonic::Status>>(1);
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let service = service_fn(move |_: Request<Body>| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        let frames = tokio_stream::wrappers::ReceiverStream::new(receiver);
        async { Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(frames)))) }
    });
    let rest = Rest::new(&POOL, &["shop.Shop"], service, Options::default()).unwrap();
    sender.send(data(&item("0"))).await.unwrap();
    let reply = rest.oneshot(Request::get("/v1/shops/a:watch").body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let mut lines = reply.into_body().into_data_stream();
    // One message is read ahead for its status; after it nothing is taken that nobody asks for.
    sender.try_send(data(&item("1"))).unwrap();
    assert!(sender.try_send(data(&item("2"))).is_err(), "the channel of one stays full until a line is asked for");
    assert_eq!(lines.next().await.unwrap().unwrap(), "{\"result\":{\"title\":\"0\"}}\n");
    assert!(sender.try_send(data(&item("2"))).is_err());
    assert_eq!(lines.next().await.unwrap().unwrap(), "{\"result\":{\"title\":\"1\"}}\n");
    assert!(sender.try_send(data(&item("2"))).is_ok());
    drop(lines);
    assert!(sender.is_closed(), "a caller who hangs up ends the service's stream");
}
