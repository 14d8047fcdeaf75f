//! A broadcaster's route, on axum over HTTP/1.1 and HTTP/2.

#![allow(clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::routing::get;
use core::pin::Pin;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use sse_axum::broadcast::{self, Broadcaster};
use sse_testkit::contract::{self, Broadcasts, NEWS};
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn router(hub: Broadcaster) -> Router {
    Router::new().route("/events", get(broadcast::route(hub, [NEWS])))
}

struct Axum<const IS_HTTP2: bool>;

impl<const IS_HTTP2: bool> Broadcasts for Axum<IS_HTTP2> {
    const IS_HTTP2: bool = IS_HTTP2;

    /// As `axum::serve` does, on a pipe.
    async fn serve(io: DuplexStream, hub: Broadcaster) {
        let server = auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(io), TowerToHyperService::new(router(hub))).await);
    }

    fn start(listener: std::net::TcpListener, hub: Broadcaster) -> Pin<Box<dyn Future<Output = ()>>> {
        let listener = TcpListener::from_std(listener).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(listener, router(hub));
        let server = tokio::spawn(server.with_graceful_shutdown(async { drop(stopped.await) }).into_future());
        Box::pin(async move {
            drop(stop);
            server.await.unwrap().unwrap();
        })
    }
}

sse_testkit::broadcast_tests!(over_http1, Axum<false>);
sse_testkit::broadcast_tests!(over_http2, Axum<true>);

#[tokio::test]
async fn b04_a_shutdown_ends_the_streams_and_the_server() {
    contract::b04_a_shutdown_ends_the_streams_and_the_server::<Axum<false>>().await;
}

#[test]
fn b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing() {
    contract::run(contract::b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing::<Axum<false>>());
}
