//! The sockets: accepts connections, speaks HTTP/1.1 or HTTP/2 on each, and stops without cutting off a call.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::body::Body;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{Front, Rest, Server, Settings};

/// First bytes of HTTP/2 without TLS (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper takes no smaller read buffer.
const MIN_BUFFER: usize = 8_192;

impl<R: Rest> Server<R> {
    /// Serves until `stop`, then finishes: health says NOT_SERVING, nothing new is accepted, HTTP/2 clients get GOAWAY,
    /// calls in flight have `shutdown_grace` to end. Answers how many connections had to be cut off after that.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> usize {
        let Self { settings, health, front } = self;
        let http = protocols(&settings);
        let (stopping, _) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        let mut full = false;
        loop {
            let room = connections.len() < settings.max_connections;
            if room == full {
                full = !room;
                if full {
                    tracing::warn!(limit = settings.max_connections, "no room for more connections (max_connections)");
                }
            }
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if room => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(
                            http.clone(), stream, front.clone(), settings.header_timeout, stopping.subscribe(),
                        ));
                    }
                    Err(error) => not_accepted(&error).await,
                }
            }
        }
        health.set(false).await;
        drop(listener);
        health.end_watches().await;
        stopping.send_replace(true);
        let drained =
            timeout(settings.shutdown_grace, async { while connections.join_next().await.is_some() {} }).await;
        let cut_off = if drained.is_ok() { 0 } else { connections.len() };
        connections.shutdown().await;
        cut_off
    }
}

fn protocols(settings: &Settings) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    let max_header_size = usize::try_from(settings.max_header_size).unwrap_or(usize::MAX);
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(max_header_size.max(MIN_BUFFER));
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(settings.max_header_size)
        .keep_alive_interval(settings.keepalive.0)
        .keep_alive_timeout(settings.keepalive.1);
    http
}

async fn connection<R: Rest>(
    http: Builder<TokioExecutor>,
    stream: TcpStream,
    front: Front<R>,
    patience: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let info: TcpConnectInfo = stream.connect_info();
    tokio::select! {
        spoken = timeout(patience, speaks(&stream)) => if !matches!(spoken, Ok(Ok(()))) { return },
        () = raised(&mut stopping) => return,
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request.map(Body::new)).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = raised(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended");
    }
}

async fn raised(flag: &mut watch::Receiver<bool>) {
    // Fails when the server is gone, which is a stop too.
    let _ = flag.wait_for(|raised| *raised).await;
}

/// Waits until the first bytes tell HTTP/2 from HTTP/1.1. hyper-util would wait for them without limit, and a client that
/// says nothing would hold a connection for ever.
async fn speaks(stream: &TcpStream) -> io::Result<()> {
    let mut first = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut first).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n if n == PREFACE.len() || first[..n] != PREFACE[..n] => return Ok(()),
            // The bytes stay where they are, so there is no waking up for the next: a rare case, looked at now and then.
            _ => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A connection that broke before it was accepted says nothing about the next; running out of file handles does, and
/// would fail again at once.
async fn not_accepted(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept a connection");
        sleep(Duration::from_millis(200)).await;
    }
}
