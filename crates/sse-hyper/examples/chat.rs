//! Chat rooms on hyper: who is there, streams that resume, a metric of which only the newest value counts.
//!
//! `cargo run -p sse-hyper --features broadcast --example chat`, with the environment variable `PORT` for a port of your
//! choice, and `REDIS_URL` to be one of many nodes. `cargo xtask nodes` runs three of them.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use bytes::Bytes;
use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sse_demo::about_json;
use sse_demo::chat::{Chat, MAX_BODY, PAGE};
use sse_demo::streams::Stop;
use sse_hyper::broadcast::outcome_header;
use sse_hyper::{Retry, Sse, last_event_id};
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let (chat, stop) = (Chat::from_env().await?, Stop::on_ctrl_c());
    let measured = chat.clone();
    tokio::spawn(async move { measured.measure().await });

    println!("listening on http://{}/", listener.local_addr()?);
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(stop.pressed());
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
        let chat = chat.clone();
        let service = service_fn(move |request| {
            let chat = chat.clone();
            async move { Ok::<_, Infallible>(respond(&chat, request).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        // A connection that ends with an error is one whose client left.
        tokio::spawn(async { drop(connection.await) });
    }
    chat.close();
    graceful.shutdown().await;
    Ok(())
}

async fn respond(chat: &Chat, request: Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => text("text/html; charset=utf-8", PAGE),
        (&Method::GET | &Method::HEAD, "/about.json") => text("application/json", about_json("hyper", "1.0")),
        (&Method::GET | &Method::HEAD, "/events") => events(chat, &request),
        (&Method::POST, "/say") => match Limited::new(request.into_body(), MAX_BODY).collect().await {
            Ok(body) => match chat.say(&body.to_bytes()).await {
                Ok(id) => text("text/plain; charset=utf-8", id),
                Err(refusal) => status(StatusCode::from_u16(refusal.status()).unwrap_or_default()),
            },
            Err(_) => status(StatusCode::PAYLOAD_TOO_LARGE),
        },
        (&Method::POST, "/cut") => {
            chat.cut();
            text("text/plain", "")
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn events(chat: &Chat, request: &Request<Incoming>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let room = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "room");
    let room = room.map(|(_, room)| room).unwrap_or_default();
    let stream = chat.join(&room, last_event_id(request).as_ref());
    let header = outcome_header(&stream);
    let sse = Sse::new(stream).with_retry(Retry::from_millis(500)).until(chat.is_cut());
    let mut response = sse.respond_to(request).map(BodyExt::boxed_unsync);
    response.headers_mut().extend([header]);
    response
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
