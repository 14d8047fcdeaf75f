//! The live demo on hyper: tokens, a metric that resumes, an inspector, hostile text.
//!
//! `cargo run -p sse-hyper --example live`, with the environment variable `PORT` for a port of your choice.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use bytes::Bytes;
use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sse_demo::metrics::{self, Metrics};
use sse_demo::streams::{self, Stop};
use sse_demo::{PAGE, about_json, hostile, tokens};
use sse_hyper::{Retry, Source, Sse, last_event_id};
use std::io;
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Clone)]
struct Demo {
    metrics: Metrics,
    stop: Stop,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    // Gives up connections of clients that vanished, when heartbeats are not acknowledged: the sockets inherit it.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_user_timeout(Some(Duration::from_secs(30)))?;
    let demo = Demo { metrics: Metrics::new(), stop: Stop::on_ctrl_c() };
    let sampled = demo.metrics.clone();
    tokio::spawn(async move { sampled.sample_every(metrics::PERIOD).await });

    println!("listening on http://{}/", listener.local_addr()?);
    // Speaks HTTP/1.1, and HTTP/2 with prior knowledge.
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(demo.stop.clone().pressed());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // A client that left already, or a shortage of sockets, which passes when others leave.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        // Events are small and shall leave at once. Where this fails, writing will, too.
        let _ = stream.set_nodelay(true);
        // Gives up connections whose writes are stuck: those of clients that stopped reading.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(Duration::from_secs(30)));
        let demo = demo.clone();
        let service = service_fn(move |request| {
            let response = respond(&demo, &request);
            async { Ok::<_, Infallible>(response) }
        });
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service).into_owned();
        let connection = graceful.watch(connection);
        // A connection that ends with an error is one whose client left.
        tokio::spawn(async { drop(connection.await) });
    }
    graceful.shutdown().await;
    Ok(())
}

fn respond(demo: &Demo, request: &Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/cut") => {
            demo.metrics.cut();
            text("text/plain", String::new())
        }
        (&Method::GET | &Method::HEAD, path) => match path {
            "/" => text("text/html; charset=utf-8", PAGE),
            "/about.json" => text("application/json", about_json("hyper", "1.0")),
            "/tokens.txt" => text("text/plain; charset=utf-8", tokens::answer(&prompt(request)).concat()),
            "/hostile.json" => text("application/json", hostile::cases_json()),
            "/tokens" => {
                let prompt = prompt(request);
                stream(request, demo, Sse::push(|events| streams::answer(events, prompt)))
            }
            "/metrics" => {
                let (metrics, seen) = (demo.metrics.clone(), last_event_id(request));
                let sse = Sse::push(|events| streams::metric(events, metrics, seen));
                stream(request, demo, sse.with_retry(Retry::from_millis(500)))
            }
            "/inspect" => {
                stream(request, demo, Sse::push(streams::inspect).with_options(streams::inspect_options()))
            }
            "/hostile" => stream(request, demo, Sse::new(streams::hostile())),
            _ => status(StatusCode::NOT_FOUND),
        },
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn stream(
    request: &Request<Incoming>,
    demo: &Demo,
    sse: Sse<impl Source + Send + 'static>,
) -> Response<Body> {
    sse.until(demo.stop.clone().pressed()).respond_to(request).map(BodyExt::boxed_unsync)
}

fn prompt(request: &Request<Incoming>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "prompt").map(|(_, prompt)| prompt.into_owned()).unwrap_or_default()
}

fn text(content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = text("text/plain", status.to_string());
    *response.status_mut() = status;
    response
}
