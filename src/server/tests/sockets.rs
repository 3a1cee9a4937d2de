//! Real sockets: both versions of HTTP on one port, limits, and the graceful stop.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{Probe, server, settings};
use crate::server::Settings;

/// Serves on a free port; ends when told, and answers how many connections were cut off.
struct Running {
    address: std::net::SocketAddr,
    probe: Probe,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<usize>,
}

async fn running(settings: Settings) -> Running {
    let (server, probe) = server(settings).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
    Running { address, probe, stop, ended }
}

impl Running {
    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// One request of HTTP/1.1 as bytes, and all that comes back until the server closes.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A call that is answered when the probe is told to go on.
async fn wait(channel: Channel) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let (path, codec) = ("/test.Probe/Wait", tonic_prost::ProstCodec::<(), ()>::default());
    grpc.unary(tonic::Request::new(()), http::uri::PathAndQuery::from_static(path), codec).await.map(|_| ())
}

#[tokio::test]
async fn one_port_speaks_http_1_and_http_2() {
    let running = running(settings()).await;
    let mut health = HealthClient::new(running.channel().await);
    assert_eq!(health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status, 1);
    let rest =
        running.raw("POST /v1/Ok HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    assert!(rest.starts_with("HTTP/1.1 200 OK") && rest.contains("seen-caller: operator"), "{rest}");
    let web = "POST /test.Probe/Ok HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/grpc-web+proto\r\n\
               content-length: 5\r\n\r\n\0\0\0\0\0";
    let web = running.raw(web).await;
    assert!(web.starts_with("HTTP/1.1 200 OK") && web.contains("grpc-status:0"), "{web}");
    let grpc = "POST /test.Probe/Ok HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/grpc\r\n\
                content-length: 0\r\n\r\n";
    let grpc = running.raw(grpc).await;
    assert!(grpc.starts_with("HTTP/1.1 400") && grpc.contains("gRPC needs HTTP/2"), "{grpc}");
}

#[tokio::test]
async fn a_stop_finishes_the_call_in_flight_and_ends_those_who_only_watch() {
    let running = running(settings()).await;
    let channel = running.channel().await;
    let mut watch = HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    let call = tokio::spawn(wait(channel));
    running.probe.entered.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2);
    assert!(watch.message().await.unwrap().is_none());
    assert!(TcpStream::connect(running.address).await.is_err(), "nothing new is accepted");
    assert!(!running.ended.is_finished());
    running.probe.go_on.notify_one();
    assert!(call.await.unwrap().is_ok());
    assert_eq!(running.ended.await.unwrap(), 0);
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_grace_and_says_what_it_cut_off() {
    let running = running(Settings { shutdown_grace: Duration::from_millis(50), ..settings() }).await;
    let call = tokio::spawn(wait(running.channel().await));
    running.probe.entered.notified().await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    running.stop.send(()).unwrap();
    assert_eq!(running.ended.await.unwrap(), 1, "the idle connection is not counted");
    assert!(call.await.unwrap().is_err());
    drop(idle);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_let_go() {
    let running = running(Settings { header_timeout: Duration::from_millis(50), ..settings() }).await;
    for beginning in ["", "PRI * HTTP/2", "GET /v1/Ok HTTP/1.1\r\nhost: local"] {
        let answer = tokio::time::timeout(Duration::from_secs(10), running.raw(beginning)).await;
        assert!(!answer.expect("the server closes").contains("200 OK"), "{beginning:?}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let running = running(Settings { max_connections: 1, ..settings() }).await;
    let first = running.channel().await;
    HealthClient::new(first.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let mut second = Box::pin(running.raw("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut second).await.is_err(), "there is no room yet");
    drop(first);
    assert!(second.await.contains("alive"));
}
