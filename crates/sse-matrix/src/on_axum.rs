//! The streams on axum.

use crate::PAGE;
use crate::asked::Asked;
use crate::listen::Listener;
use crate::stop::Stop;
use crate::streams::{Reply, Streams};
use crate::wire::Shaped;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use http_body::Frame;
use sse_axum::broadcast::outcome_header;
use sse_axum::sse_core::head::LAST_EVENT_ID;
use sse_axum::{ClientProfile, LastEventId, Source, Sse, refuse};
use std::io;

const JSON: [(http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

pub(crate) async fn serve(listener: Listener, streams: Streams, stop: Stop) -> io::Result<()> {
    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/cases.json", get(async |State(streams): State<Streams>| (JSON, streams.cases_json())))
        .route("/state", get(async |State(streams): State<Streams>| (JSON, streams.state.to_json())))
        .route("/case/{name}", get(case))
        .route("/count", get(count).post(count))
        .route("/topic/{name}", get(topic).post(publish))
        .route("/quiet", get(quiet))
        .route("/retry", get(retry))
        .route("/close", get(close))
        .route("/gone", get(async || refuse(ClientProfile::EventSource, None)))
        .layer(middleware::from_fn_with_state(streams.clone(), note))
        .with_state(streams);
    axum::serve(listener, app).with_graceful_shutdown(stop.pressed()).await
}

type Handed = (State<Streams>, Extension<Asked>);

async fn case((State(streams), Extension(asked)): Handed, Path(name): Path<String>) -> Response {
    streams.case(&name, &asked).map_or_else(|| StatusCode::NOT_FOUND.into_response(), stream)
}

async fn count((State(streams), Extension(asked)): Handed, LastEventId(seen): LastEventId) -> Response {
    stream(streams.count(&asked, seen))
}

async fn topic(
    (State(streams), Extension(asked)): Handed,
    Path(name): Path<String>,
    LastEventId(seen): LastEventId,
) -> Response {
    let events = streams.topic(&name, seen.as_ref());
    let header = outcome_header(&events);
    ([header], stream(streams.topic_reply(&asked, events))).into_response()
}

async fn publish(
    State(streams): State<Streams>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<String, StatusCode> {
    streams.publish(&name, &body).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn quiet((State(streams), Extension(asked)): Handed) -> Response {
    stream(streams.quiet(&asked))
}

async fn retry((State(streams), Extension(asked)): Handed) -> Response {
    stream(streams.retry(&asked))
}

async fn close((State(streams), Extension(asked)): Handed, LastEventId(seen): LastEventId) -> Response {
    let reply = streams.close(&asked, seen.as_ref());
    reply.map_or_else(|| refuse(ClientProfile::EventSource, None), stream)
}

fn stream(reply: Reply<impl Source + Send + 'static>) -> Response {
    let response = Sse::new(reply.source).with_options(reply.options).into_response();
    response.map(|body| Body::new(Shaped::new(Unfailing(body), reply.shape)))
}

/// The body of a stream, which has no error.
struct Unfailing(Body);

impl http_body::Body for Unfailing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame?.ok().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

async fn note(State(streams): State<Streams>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(LAST_EVENT_ID);
    let asked = Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        raw_id: header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
    };
    streams.state.arrived(&asked, format!("{:?}", request.version()));
    request.extensions_mut().insert(asked);
    next.run(request).await
}
