//! The client on this project's own server, whose connections are cut at any byte.

use crate::pipe::{exact, get, run, server};
use core::convert::Infallible;
use core::time::Duration;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sse_hyper::broadcast::{self, Broadcaster, Settings};
use sse_hyper::client::{Cause, EventSource, Signal};
use tokio::io::{AsyncReadExt, DuplexStream, copy, duplex, split};
use tokio::time::sleep;

async fn serve(io: DuplexStream, hub: Broadcaster) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = broadcast::respond(&hub, ["news"], &request);
        async { Ok::<_, Infallible>(response) }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
}

/// Serves, and cuts the connection after so many bytes of the response.
async fn serve_and_cut(io: DuplexStream, hub: Broadcaster, bytes: u64) {
    let (near, far) = duplex(64 * 1024);
    let (mut from_client, mut to_client) = split(io);
    let (from_server, mut to_server) = split(near);
    let mut beginning = from_server.take(bytes);
    let serving = tokio::spawn(serve(far, hub));
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = copy(&mut beginning, &mut to_client) => {}
    }
    serving.abort();
}

/// What a client gets of 40 events, and why its connections ended, when two of them are cut.
async fn cut_twice(bytes: u64) -> (Vec<u32>, Vec<Cause>) {
    const LAST: u32 = 40;
    let (mut server, http) = server();
    let hub = Broadcaster::new(Settings::new());
    let seen = hub.publish("news", "seen").unwrap().to_string();
    let mut client = run(EventSource::new(http, get()).with_config(exact()).with_last_event_id(&seen));
    let publishing = tokio::spawn({
        let hub = hub.clone();
        async move {
            for number in 1..=LAST {
                hub.publish("news", &*number.to_string()).unwrap();
                sleep(Duration::from_millis(700)).await;
            }
        }
    });
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let (_, io) = server.accept_pipe().await;
            serve_and_cut(io, hub.clone(), bytes).await;
        }
        let (_, io) = server.accept_pipe().await;
        serve(io, hub).await;
    });
    let (mut data, mut causes) = (Vec::new(), Vec::new());
    while data.last() != Some(&LAST) {
        match client.signal().await.1 {
            Signal::Open(response) => {
                let outcome = response.headers()["sse-outcome"].to_str().unwrap();
                assert!(outcome.starts_with("resumed"), "{outcome}");
            }
            Signal::Disconnected(lost) => causes.push(lost.interruption.cause),
            Signal::Closed(end) => panic!("{end}"),
            signal => data.extend(signal.into_event().map(|event| event.data.parse::<u32>().unwrap())),
        }
    }
    client.leave().await;
    serving.await.unwrap();
    publishing.await.unwrap();
    (data, causes)
}

#[tokio::test(start_paused = true)]
async fn b08_a_client_that_is_cut_twice_gets_everything_exactly_once() {
    let mut counts = [0, 0];
    for bytes in (0..600).step_by(3) {
        let (data, causes) = cut_twice(bytes).await;
        assert_eq!(data, (1..=40).collect::<Vec<_>>(), "cut after {bytes} bytes");
        assert_eq!(causes.len(), 2, "cut after {bytes} bytes: {causes:?}");
        counts[0] += causes.iter().filter(|cause| **cause == Cause::ConnectFailed).count();
        counts[1] += causes.iter().filter(|cause| **cause == Cause::TransportFailed).count();
    }
    assert!(counts.iter().all(|count| *count > 50), "heads and bodies were cut: {counts:?}");
}
