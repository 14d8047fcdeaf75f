//! A gateway to a language model on axum: the APIs of OpenAI and of Anthropic in front of a scripted model.
//!
//! `cargo run -p sse-axum --example completions`, with the environment variable `PORT` for a port of your choice. Then give a
//! client of either API the address that it prints, and any key; or
//! `curl -N ADDRESS/v1/chat/completions -d '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'`.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use sse_axum::Sse;
use sse_demo::completions::upstream::{self, Upstream};
use sse_demo::completions::{Api, Gateway, Reply};
use std::io;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let upstream = Upstream::start(upstream::script).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    // Tokens are small and shall leave at once.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app(Gateway::new(upstream.uri()), upstream)).await
}

pub(crate) fn app(gateway: Gateway, upstream: Upstream) -> Router {
    let speaking = |api| {
        let gateway = gateway.clone();
        post(async move |body: Bytes| answer(&gateway, api, &body).await)
    };
    Router::new()
        .route("/v1/chat/completions", speaking(Api::OpenAi))
        .route("/v1/messages", speaking(Api::Anthropic))
        .route("/running", get(async move || upstream.running().to_string()))
}

/// The future, and then the response, is dropped when the client leaves, and the request to the model with it.
async fn answer(gateway: &Gateway, api: Api, body: &[u8]) -> Response {
    match gateway.answer(api, body).await {
        Reply::Stream(source, options) => Sse::new(source).with_options(options).into_response(),
        Reply::Json(status, json) => (status, [(CONTENT_TYPE, "application/json")], json).into_response(),
    }
}
