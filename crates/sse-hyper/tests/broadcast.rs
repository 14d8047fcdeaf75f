//! A broadcaster's response, on hyper over HTTP/1.1 and HTTP/2.

#![allow(clippy::unwrap_used, reason = "tests")]

use core::convert::Infallible;
use core::pin::Pin;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sse_hyper::SseBody;
use sse_hyper::broadcast::{self, Broadcaster, Subscription};
use sse_testkit::contract::{self, Broadcasts, NEWS};
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

type Answer = Result<Response<SseBody<Subscription>>, Infallible>;

struct Hyper<const IS_HTTP2: bool>;

impl<const IS_HTTP2: bool> Broadcasts for Hyper<IS_HTTP2> {
    const IS_HTTP2: bool = IS_HTTP2;

    async fn serve(io: DuplexStream, hub: Broadcaster) {
        let service = service_fn(move |request: Request<Incoming>| {
            let response = broadcast::respond(&hub, [NEWS], &request);
            async { Answer::Ok(response) }
        });
        drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await);
    }

    fn start(listener: std::net::TcpListener, hub: Broadcaster) -> Pin<Box<dyn Future<Output = ()>>> {
        let listener = TcpListener::from_std(listener).unwrap();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let graceful = GracefulShutdown::new();
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    _ = &mut stopped => break,
                };
                let hub = hub.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = broadcast::respond(&hub, [NEWS], &request);
                    async { Answer::Ok(response) }
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
                tokio::spawn(graceful.watch(connection));
            }
            graceful.shutdown().await;
        });
        Box::pin(async move {
            drop(stop);
            server.await.unwrap();
        })
    }
}

sse_testkit::broadcast_tests!(over_http1, Hyper<false>);
sse_testkit::broadcast_tests!(over_http2, Hyper<true>);

#[tokio::test]
async fn b04_a_shutdown_ends_the_streams_and_the_server() {
    contract::b04_a_shutdown_ends_the_streams_and_the_server::<Hyper<false>>().await;
}

#[test]
fn b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing() {
    contract::run(
        contract::b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing::<Hyper<false>>(),
    );
}
