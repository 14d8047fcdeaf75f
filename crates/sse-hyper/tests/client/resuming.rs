//! The client on this project's own server, whose connections are cut.

use crate::pipe::{exact, get, run, server};
use core::convert::Infallible;
use core::time::Duration;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sse_hyper::broadcast::{self, Broadcaster, Settings};
use sse_hyper::client::{EventSource, Signal};
use tokio::io::DuplexStream;
use tokio::time::sleep;

async fn serve(io: DuplexStream, hub: Broadcaster) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = broadcast::respond(&hub, ["news"], &request);
        async { Ok::<_, Infallible>(response) }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
}

#[tokio::test(start_paused = true)]
async fn b08_a_client_that_is_cut_twice_gets_everything_exactly_once() {
    const LAST: u32 = 300;
    let (mut server, http) = server();
    let hub = Broadcaster::new(Settings::new());
    let mut client = run(EventSource::new(http, get()).with_config(exact()));
    let publisher = tokio::spawn({
        let hub = hub.clone();
        async move {
            // The first client is there when the first event is.
            sleep(Duration::from_millis(500)).await;
            for number in 1..=LAST {
                hub.publish("news", &*number.to_string()).unwrap();
                sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let cutting = tokio::spawn(async move {
        // A pipe that is cut loses what is in it.
        for _ in 0..2 {
            let (_, io) = server.accept_pipe().await;
            drop(tokio::time::timeout(Duration::from_millis(7_777), serve(io, hub.clone())).await);
        }
        let (_, io) = server.accept_pipe().await;
        serve(io, hub).await;
    });
    let (mut data, mut opened) = (Vec::new(), 0);
    while data.len() < LAST as usize {
        match client.signal().await.1 {
            Signal::Open(response) => {
                let outcome = response.headers()["sse-outcome"].to_str().unwrap();
                assert!(outcome.starts_with(if opened == 0 { "fresh" } else { "resumed" }), "{outcome}");
                opened += 1;
            }
            Signal::Closed(end) => panic!("{end}"),
            signal => data.extend(signal.into_event().map(|event| event.data.parse::<u32>().unwrap())),
        }
    }
    assert_eq!(opened, 3);
    assert_eq!(data, (1..=LAST).collect::<Vec<_>>());
    publisher.await.unwrap();
    client.leave().await;
    cutting.await.unwrap();
}
