//! Exports of many scorecards: the same file by every road, in pieces that are made as they are taken.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use coaching::clock::Micros;
use coaching::pb::cresta::v1::coaching::Scorecard;
use coaching::pb::google::api::HttpBody;
use coaching::store::memory::MemoryEngine;
use coaching::store::{Db, Fault, Origin};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::{Harness, Kept, PARENT, START, Transport, contract};
use crate::lookups::Watched;
use crate::stage;

/// All of March 2026.
fn month() -> Value {
    json!({"parent": PARENT, "startTime": "2026-03-01T00:00:00Z", "endTime": "2026-04-01T00:00:00Z"})
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().expect("bytes")).expect("base64")
}

/// The first column of a file's rows.
fn names(csv: &[u8]) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv);
    reader.records().map(|row| row.expect("a row of as many cells as the header")[0].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_the_same_file_over_every_transport_and_in_one_message() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let template = stage::template(&house.operator()).await;
        stage::fill(house.db(), 3_000, &template, |number| ["sales", "support"][number % 2]).await;
        let answer = house.operator().call("ExportScorecards", month()).await.ok();
        let whole = bytes(&answer["csv"]);
        assert_eq!(answer["rowCount"], 3_000);
        let wanted: Vec<String> = (0..3_000).map(|n| stage::name(&format!("scorecards/bulk-{n:05}"))).collect();
        assert_eq!(names(&whole), wanted, "by the time they were made, each once");
        for transport in Transport::ALL {
            let file = house.over(transport).call("StreamExportScorecards", month()).await.ok();
            assert_eq!(file["contentType"], "text/csv; charset=utf-8");
            assert!(bytes(&file["data"]) == whole, "another file over {}", transport.name());
        }
        let mut half = month();
        half["usecaseNames"] = json!([stage::name("usecases/support")]);
        half["endTime"] = "2026-03-02T09:40:00Z".into(); // one is made each second
        let file = house.over(Transport::Rest).call("StreamExportScorecards", half).await.ok();
        let odd: Vec<String> = wanted.into_iter().take(2_400).skip(1).step_by(2).collect();
        assert_eq!(names(&bytes(&file["data"])), odd);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_under_which_name_to_keep_the_file() {
    let house = Harness::memory().await;
    let target = format!("/v1/{PARENT}/scorecards:streamExport");
    let mut request = month();
    request.as_object_mut().expect("an object").remove("parent");
    let raw = house.over(Transport::Rest).http("POST", &target, Some(&request.to_string())).await;
    assert_eq!(raw.status, 200);
    assert_eq!(raw.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(raw.headers["content-disposition"], "attachment; filename=\"scorecards_2026-03-01_2026-04-01.csv\"");
    assert!(raw.body.starts_with(b"scorecard_name,template_name,") && raw.body.ends_with(b",coaching_plan_names\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_one_message_is_refused_with_the_remedy_and_streamed() {
    let house = Harness::memory().await;
    let template = stage::template(&house.operator()).await;
    stage::fill(house.db(), 10_001, &template, |_| "sales").await;
    let refusal = house.operator().call("ExportScorecards", month()).await.refused("EXPORT_TOO_LARGE");
    assert_eq!(refusal.code, "FAILED_PRECONDITION");
    assert!(refusal.message.contains(":streamExport"), "{refusal}");
    let file = house.over(Transport::Rest).call("StreamExportScorecards", month()).await.ok();
    assert_eq!(names(&bytes(&file["data"])).len(), 10_001);
    let mut shorter = month();
    shorter["startTime"] = "2026-03-02T09:00:01Z".into(); // all but the first
    assert_eq!(house.operator().call("ExportScorecards", shorter).await.ok()["rowCount"], 10_000);
}

/// Puts scorecards with long remarks into the store: more than the buffers on the way to a client hold.
async fn fill_long(db: &Db, count: usize, revision: impl Fn(usize) -> String) {
    for number in 0..count {
        let time = Some(Micros(START.0 + number as i64).timestamp());
        let card = Scorecard {
            name: stage::name(&format!("scorecards/long-{number:05}")),
            agent_user_name: stage::user("amir"),
            template_name: revision(number),
            acknowledge_comment: "x".repeat(20_000),
            create_time: time,
            update_time: time,
            ..Scorecard::default()
        };
        let card = &card;
        let saved: Result<(), Fault> = db.write(&Origin::default(), |txn| async move { txn.save(card).await }).await;
        saved.expect("the store takes it");
    }
}

fn revision(template: &Value) -> String {
    format!("{}@{}", template["name"].as_str().expect("a name"), template["revision"].as_str().expect("one"))
}

/// A call over HTTP/2 of which the frames are read one by one.
async fn streamed(house: &Harness, timeout: &str) -> http::Response<hyper::body::Incoming> {
    let method = contract::method("StreamExportScorecards");
    let message = contract::encode(&method, &month());
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).expect("a short message").to_be_bytes());
    frame.extend_from_slice(&message);
    let request = http::Request::post(format!(
        "http://{}/{}/{}",
        house.address(),
        method.parent_service().full_name(),
        method.name()
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .header("grpc-timeout", timeout)
    .body(Full::new(Bytes::from(frame)))
    .expect("a request");
    let stream = TcpStream::connect(house.address()).await.expect("the server listens");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender.send_request(request).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_stops_the_work() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let house = Harness::around(Arc::new(Watched { engine: MemoryEngine::new(), asked: asked.clone() })).await;
    let template = stage::template(&house.operator()).await;
    fill_long(house.db(), 3_000, |_| revision(&template)).await;
    // The agents of each portion are read in one call.
    asked.lock().expect("nobody panics with it").clear();
    let mut answer = streamed(&house, "1H").await;
    assert_eq!(answer.status(), 200);
    answer.body_mut().frame().await.expect("a frame").expect("a whole one");
    drop(answer);
    assert_eq!(house.stop().await, 0, "the call has ended with its caller");
    let portions = asked.lock().expect("nobody panics with it").len();
    assert!((1..=5).contains(&portions), "{portions} of 15 portions were read for one who took 128 KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_deadline_ends_an_export_that_is_under_way() {
    let house = Harness::memory().await;
    let template = stage::template(&house.operator()).await;
    fill_long(house.db(), 3_000, |_| revision(&template)).await;
    let answer = streamed(&house, "50m").await; // 60 MB take longer
    let early = answer.headers().get("grpc-status").cloned();
    let body = answer.into_body().collect().await.expect("a body that ends");
    let status = early.or_else(|| body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned()));
    assert_eq!(status.expect("a status"), "4", "DEADLINE_EXCEEDED after {} bytes", body.to_bytes().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_are_small_and_end_at_the_end_of_a_row() {
    let house = Harness::memory().await;
    let template = stage::template(&house.operator()).await;
    fill_long(house.db(), 60, |_| revision(&template)).await;
    let answer = streamed(&house, "1H").await;
    let mut body = answer.into_body().collect().await.expect("a whole body").to_bytes();
    let mut sizes = Vec::new();
    while body.has_remaining() {
        assert_eq!(body.get_u8(), 0, "not compressed");
        let length = body.get_u32() as usize;
        let piece = HttpBody::decode(body.split_to(length)).expect("an HttpBody");
        assert_eq!(piece.content_type, "text/csv; charset=utf-8");
        assert!(piece.data.ends_with(b"\r\n"));
        sizes.push(piece.data.len());
    }
    assert!(sizes.len() >= 8 && sizes.iter().all(|size| *size < 256 << 10), "{sizes:?}");
}

/// Every transport has its own way to say so; none of them gives half a file for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_on_the_way_ends_the_stream_and_never_looks_like_its_end() {
    let house = Harness::memory().await;
    let template = stage::template(&house.operator()).await;
    // The last is on a revision that the store has lost.
    let lost = format!("{}@00000000", stage::name("scorecardTemplates/qa"));
    fill_long(house.db(), 301, |number| if number == 300 { lost.clone() } else { revision(&template) }).await;
    for transport in [Transport::Grpc, Transport::GrpcWeb] {
        let refusal = house.over(transport).call("StreamExportScorecards", month()).await.refused("INTERNAL");
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("INTERNAL", "internal error"));
    }
    let client: hyper_util::client::legacy::Client<_, Full<Bytes>> =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut body = month();
    body.as_object_mut().expect("an object").remove("parent");
    let request = http::Request::post(format!("http://{}/v1/{PARENT}/scorecards:streamExport", house.address()))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request");
    let answer = client.request(request).await.expect("an answer that begins well");
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err(), "the body breaks off");
}
