//! The streams on hyper.

use crate::PAGE;
use crate::asked::Asked;
use crate::listen::Listener;
use crate::stop::Stop;
use crate::streams::{Reply, Streams};
use crate::wire::{Broken, Shaped};
use bytes::Bytes;
use core::convert::Infallible;
use core::pin::pin;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sse_hyper::broadcast::outcome_header;
use sse_hyper::sse_core::head::LAST_EVENT_ID;
use sse_hyper::{ClientProfile, NoEvents, Source, Sse, TokioTimer, last_event_id, refuse};
use std::io;

const MAX_BODY: usize = 2 * 1024 * 1024;

type Body = UnsyncBoxBody<Bytes, Broken>;

pub(crate) async fn serve(mut listener: Listener, streams: Streams, stop: Stop) -> io::Result<()> {
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(stop.pressed());
    loop {
        let (stream, _) = tokio::select! {
            connection = listener.next() => connection,
            () = &mut stopped => break,
        };
        let streams = streams.clone();
        let service = service_fn(move |request| {
            let streams = streams.clone();
            async move { Ok::<_, Infallible>(respond(&streams, request).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        // A connection that ends with an error is one whose client left.
        tokio::spawn(async { drop(connection.await) });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

async fn respond(streams: &Streams, request: Request<Incoming>) -> Response<Body> {
    let asked = asked(&request);
    streams.state.arrived(&asked, format!("{:?}", request.version()));
    if request.method() == Method::POST
        && let Some(topic) = asked.path.strip_prefix("/topic/")
    {
        return publish(streams, topic, request).await;
    }
    match asked.path.as_str() {
        "/" => text("text/html; charset=utf-8", PAGE),
        "/cases.json" => text("application/json", streams.cases_json()),
        "/state" => text("application/json", streams.state.to_json()),
        "/count" => stream(&request, streams.count(&asked, last_event_id(&request))),
        "/quiet" => stream(&request, streams.quiet(&asked)),
        "/retry" => stream(&request, streams.retry(&asked)),
        "/close" => match streams.close(&asked, last_event_id(&request).as_ref()) {
            Some(reply) => stream(&request, reply),
            None => gone(&request),
        },
        "/gone" => gone(&request),
        path => match (path.strip_prefix("/case/"), path.strip_prefix("/topic/")) {
            (Some(name), _) => match streams.case(name, &asked) {
                Some(reply) => stream(&request, reply),
                None => status(StatusCode::NOT_FOUND),
            },
            (_, Some(topic)) => {
                let events = streams.topic(topic, last_event_id(&request).as_ref());
                let header = outcome_header(&events);
                let mut response = stream(&request, streams.topic_reply(&asked, events));
                response.headers_mut().extend([header]);
                response
            }
            _ => status(StatusCode::NOT_FOUND),
        },
    }
}

fn stream(request: &Request<Incoming>, reply: Reply<impl Source + Send + 'static>) -> Response<Body> {
    let response = Sse::new(reply.source).with_options(reply.options).respond_to(request);
    response.map(|body| match *request.method() {
        // Has no end that could break.
        Method::HEAD => body.map_err(Broken::from).boxed_unsync(),
        _ => Shaped::new(body, reply.shape).boxed_unsync(),
    })
}

fn gone(request: &Request<Incoming>) -> Response<Body> {
    let response = refuse::<_, NoEvents, TokioTimer>(request, ClientProfile::EventSource, None);
    response.map(|body| body.map_err(Broken::from).boxed_unsync())
}

async fn publish(streams: &Streams, topic: &str, request: Request<Incoming>) -> Response<Body> {
    let Ok(body) = Limited::new(request.into_body(), MAX_BODY).collect().await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    match streams.publish(topic, &body.to_bytes()) {
        Ok(id) => text("text/plain; charset=utf-8", id),
        Err(_) => status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn asked(request: &Request<Incoming>) -> Asked {
    let header = request.headers().get(LAST_EVENT_ID);
    Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        raw_id: header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
    }
}

fn text(content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).map_err(Broken::from).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = text("text/plain", status.to_string());
    *response.status_mut() = status;
    response
}
