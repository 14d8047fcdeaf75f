//! A gateway to a language model on hyper: the APIs of OpenAI and of Anthropic in front of a scripted model.
//!
//! `cargo run -p sse-hyper --example completions`, with the environment variable `PORT` for a port of your choice. Then give
//! a client of either API the address that it prints, and any key.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use bytes::Bytes;
use core::convert::Infallible;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sse_demo::completions::upstream::{self, Upstream};
use sse_demo::completions::{Api, Gateway, Reply};
use sse_hyper::Sse;
use std::io;
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The longest request that is read: 2 MiB.
const LIMIT: usize = 2 * 1024 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let upstream = Upstream::start(upstream::script).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    serve(listener, Gateway::new(upstream.uri()), upstream).await
}

pub(crate) async fn serve(listener: TcpListener, gateway: Gateway, upstream: Upstream) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Tokens are small and shall leave at once. Where this fails, writing will, too.
        let _ = stream.set_nodelay(true);
        let (gateway, upstream) = (gateway.clone(), upstream.clone());
        let service = service_fn(move |request| {
            let (gateway, upstream) = (gateway.clone(), upstream.clone());
            async move { Ok::<_, Infallible>(respond(&gateway, &upstream, request).await) }
        });
        tokio::spawn(async move {
            // A connection that ends with an error is one whose client left.
            let server = auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn respond(gateway: &Gateway, upstream: &Upstream, request: Request<Incoming>) -> Response<Body> {
    let api = match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/chat/completions") => Api::OpenAi,
        (&Method::POST, "/v1/messages") => Api::Anthropic,
        (&Method::GET, "/running") => return whole(StatusCode::OK, upstream.running().to_string()),
        _ => return whole(StatusCode::NOT_FOUND, String::new()),
    };
    match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(body) => answer(gateway, api, &body.to_bytes()).await,
        Err(_) => whole(StatusCode::PAYLOAD_TOO_LARGE, String::new()),
    }
}

/// The future, and then the response, is dropped when the client leaves, and the request to the model with it.
async fn answer(gateway: &Gateway, api: Api, body: &[u8]) -> Response<Body> {
    match gateway.answer(api, body).await {
        Reply::Stream(source, options) => {
            Sse::new(source).with_options(options).into_response().map(BodyExt::boxed_unsync)
        }
        Reply::Json(status, json) => {
            let mut response = whole(status, json);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    }
}

fn whole(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Full::from(text).boxed_unsync());
    *response.status_mut() = status;
    response
}
