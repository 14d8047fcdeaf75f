//! The adapters' contract, on hyper over HTTP/1.1 and HTTP/2, with tokio's timer and with hyper's.

use core::convert::Infallible;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, SET_COOKIE};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sse_hyper::{HyperTimer, Sse, SseBody, Timer, last_event_id, refuse};
use sse_testkit::contract::{Adapter, Answer, App, BoxSource};
use tokio::io::DuplexStream;

fn answer<T: Timer>(
    app: &App,
    request: &Request<Incoming>,
    on_timer: impl FnOnce(Sse<BoxSource>) -> Sse<BoxSource, T>,
) -> Response<SseBody<BoxSource, T>> {
    if let Some((profile, wait)) = app.refusal() {
        return refuse(request, profile, wait);
    }
    let Answer { source, options } = app.answer(last_event_id(request));
    with_head(app, on_timer(Sse::new(source).with_options(options)).respond_to(request))
}

fn with_head<B>(app: &App, mut response: Response<B>) -> Response<B> {
    let head = app.head();
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or_default();
    for (name, value) in &head.headers {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    for cookie in &head.cookies {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    response
}

struct Http1;

impl Adapter for Http1 {
    const IS_HTTP2: bool = false;

    async fn serve(io: DuplexStream, app: App) {
        let service = service_fn(async |request: Request<Incoming>| {
            let response = answer(&app, &request, |sse| sse);
            Ok::<Response<SseBody<_>>, Infallible>(response)
        });
        drop(http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
    }
}

struct Http2;

impl Adapter for Http2 {
    const IS_HTTP2: bool = true;

    async fn serve(io: DuplexStream, app: App) {
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(&app, &request, |sse| sse);
            async { Ok::<Response<SseBody<_>>, Infallible>(response) }
        });
        drop(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await);
    }
}

struct WithHyperTimer;

impl Adapter for WithHyperTimer {
    const IS_HTTP2: bool = false;

    async fn serve(io: DuplexStream, app: App) {
        let service = service_fn(async |request: Request<Incoming>| {
            let response = answer(&app, &request, |sse| sse.with_timer(TokioTimer::new()));
            Ok::<Response<SseBody<_, HyperTimer>>, Infallible>(response)
        });
        drop(http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
    }
}

sse_testkit::contract_tests!(over_http1, Http1);
sse_testkit::contract_tests!(over_http2, Http2);
sse_testkit::contract_tests!(with_a_hyper_timer, WithHyperTimer);
