//! The client over HTTP/2, whose connections carry many streams, and die without a word.

use crate::pipe::{Pipes, Server, exact, get, server_for};
use bytes::Bytes;
use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_hyper::client::{Cause, EventSource, Signal};
use sse_hyper::{Event, PushError, Sender, Sse};
use std::io;
use std::sync::Arc;
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

fn http2_server() -> (Server, Client<Pipes, Full<Bytes>>) {
    server_for(Client::builder(TokioExecutor::new()).http2_only(true))
}

/// Answers each request with an event, and then heartbeats.
async fn serve(io: DuplexStream) {
    let service = service_fn(async |_: Request<Incoming>| {
        let source = async |mut events: Sender| {
            events.send(Event::new("a")).await?;
            core::future::pending::<()>().await;
            Ok::<(), PushError>(())
        };
        Ok::<_, Infallible>(Sse::push(source).into_response())
    });
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await);
}

/// Serves every connection through a relay that passes nothing on after a while, and closes nothing.
fn serve_until_silent(mut server: Server, life: Duration) -> Arc<AtomicU32> {
    let connections = Arc::<AtomicU32>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (_, mut client_side) = server.accept_pipe().await;
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let (mut near, far) = duplex(64 * 1024);
                tokio::spawn(serve(far));
                tokio::select! {
                    _ = copy_bidirectional(&mut client_side, &mut near) => {}
                    () = sleep(life) => core::future::pending().await,
                }
            });
        }
    });
    connections
}

#[tokio::test(start_paused = true)]
async fn b08_a_dead_connection_of_http2_is_replaced() {
    let (server, http) = http2_server();
    let connections = serve_until_silent(server, Duration::from_secs(2));
    let config = exact().with_idle_timeout(Duration::from_secs(45));
    let mut source = EventSource::new(http, get()).with_config(config);
    let (end, mut opened, mut causes) = (Instant::now() + Duration::from_secs(3_600), 0_u32, Vec::new());
    while let Ok(Some(signal)) = timeout_at(end, source.next()).await {
        match signal {
            Signal::Open(_) => opened += 1,
            Signal::Disconnected(lost) => causes.push(lost.interruption.cause),
            Signal::Item(_) => {}
            Signal::Closed(end) => panic!("{end}"),
        }
    }
    assert!(opened > 60, "opened {opened} times in an hour; lost by {causes:?}");
    assert_eq!(connections.load(Ordering::SeqCst), opened);
    assert!(causes.iter().all(|cause| *cause == Cause::IdleTimedOut), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn b08_a_restart_leaves_a_dead_connection_of_http2() {
    let (server, http) = http2_server();
    let connections = serve_until_silent(server, Duration::from_secs(2));
    let mut source = EventSource::new(http, get()).with_config(exact());
    for made in 1..=3 {
        let event = async {
            loop {
                if source.next().await.and_then(Signal::into_event).is_some() {
                    break;
                }
            }
        };
        timeout(Duration::from_secs(10), event).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), made);
        sleep(Duration::from_secs(10)).await;
        source.restart();
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_connection_of_http2_that_does_not_answer_is_left() {
    let (mut server, http) = http2_server();
    let config = exact().with_connect_timeout(Duration::from_secs(10));
    let mut source = EventSource::new(http, get()).with_config(config);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let attempt = async { tokio::join!(source.next(), server.accept_pipe()) };
        let (signal, (_, silent)) = timeout(Duration::from_secs(60), attempt).await.unwrap();
        assert!(
            matches!(signal, Some(Signal::Disconnected(lost)) if lost.interruption.cause == Cause::ConnectTimedOut)
        );
        kept.push(silent);
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_connection_of_http2_whose_response_breaks_off_is_left() {
    let (mut server, http) = http2_server();
    let mut source = EventSource::new(http, get()).with_config(exact());
    let connections = Arc::<AtomicU32>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (_, io) = server.accept_pipe().await;
            count.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(async |_: Request<Incoming>| {
                let broken = async {
                    sleep(Duration::from_secs(1)).await;
                    Some(Err(io::Error::other("broken")))
                };
                let body = Full::<Bytes>::from(":\n").map_err(|never| match never {}).with_trailers(broken);
                Response::builder().header("content-type", "text/event-stream").body(body)
            });
            let builder = Builder::new(TokioExecutor::new());
            tokio::spawn(async move { builder.serve_connection(TokioIo::new(io), service).await });
        }
    });
    for made in 1..=3 {
        assert!(matches!(source.next().await, Some(Signal::Open(_))));
        assert!(matches!(source.next().await, Some(Signal::Item(_))));
        let Some(Signal::Disconnected(lost)) = source.next().await else { panic!("not disconnected") };
        assert_eq!(lost.interruption.cause, Cause::TransportFailed);
        assert_eq!(connections.load(Ordering::SeqCst), made);
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_response_that_ends_leaves_its_connection_of_http2_in_use() {
    let (mut server, http) = http2_server();
    let mut source = EventSource::new(http, get()).with_config(exact());
    tokio::spawn(async move {
        let (_, io) = server.accept_pipe().await;
        let service = service_fn(async |_: Request<Incoming>| {
            let source = async |mut events: Sender| events.send(Event::new("a")).await;
            Ok::<_, Infallible>(Sse::push(source).into_response())
        });
        drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await);
    });
    let mut opened = 0;
    while opened < 3 {
        match source.next().await {
            Some(Signal::Open(_)) => opened += 1,
            Some(Signal::Disconnected(lost)) => assert_eq!(lost.interruption.cause, Cause::BodyEnded),
            Some(Signal::Item(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_with_blanks_at_its_ends_is_no_malformed_header_of_http2() {
    let (mut server, http) = http2_server();
    let (seen, mut ids) = mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Incoming>| {
        seen.send(request.headers().get("last-event-id").cloned()).unwrap();
        async { Ok::<_, Infallible>(Sse::new(tokio_stream::iter(["a"])).into_response()) }
    });
    tokio::spawn(async move {
        let (_, io) = server.accept_pipe().await;
        drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await);
    });
    let mut source = EventSource::new(http, get()).with_last_event_id(" 7 ");
    let signal = source.next().await;
    assert!(matches!(signal, Some(Signal::Open(_))), "{signal:?}");
    assert_eq!(ids.recv().await.unwrap().unwrap(), "7");
}
