//! The adapters' contract, on axum over HTTP/1.1 and HTTP/2.

use axum::Router;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use sse_axum::{LastEventId, Sse, refuse};
use sse_testkit::contract::{Adapter, Answer, App};
use tokio::io::DuplexStream;

async fn events(State(app): State<App>, LastEventId(id): LastEventId) -> Response {
    if let Some((profile, wait)) = app.refusal() {
        return refuse(profile, wait);
    }
    let Answer { source, options } = app.answer(id);
    let head = app.head();
    let status = StatusCode::from_u16(head.status).unwrap_or_default();
    let cookies = head.cookies.iter().map(|cookie| (SET_COOKIE, *cookie));
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    let cookies = AppendHeaders(cookies.collect::<Vec<_>>());
    (status, headers, cookies, Sse::new(source).with_options(options)).into_response()
}

/// As `axum::serve` does, on a pipe.
async fn serve(io: DuplexStream, app: App) {
    let router = Router::new().route("/events", get(events).post(events)).with_state(app);
    let server = auto::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(io), TowerToHyperService::new(router)).await);
}

struct Http1;

impl Adapter for Http1 {
    const IS_HTTP2: bool = false;

    async fn serve(io: DuplexStream, app: App) {
        serve(io, app).await;
    }
}

struct Http2;

impl Adapter for Http2 {
    const IS_HTTP2: bool = true;

    async fn serve(io: DuplexStream, app: App) {
        serve(io, app).await;
    }
}

sse_testkit::contract_tests!(over_http1, Http1);
sse_testkit::contract_tests!(over_http2, Http2);
