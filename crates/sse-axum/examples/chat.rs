//! Chat rooms on axum: who is there, streams that resume, a metric of which only the newest value counts.
//!
//! `cargo run -p sse-axum --features broadcast --example chat`, with the environment variable `PORT` for a port of your
//! choice, and `REDIS_URL` to be one of many nodes. `cargo xtask nodes` runs three of them.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde::Deserialize;
use sse_axum::broadcast::outcome_header;
use sse_axum::{LastEventId, Retry, Sse};
use sse_demo::about_json;
use sse_demo::chat::{Chat, MAX_BODY, PAGE};
use sse_demo::streams::Stop;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let (chat, stop) = (Chat::from_env().await?, Stop::on_ctrl_c());
    let measured = chat.clone();
    tokio::spawn(async move { measured.measure().await });

    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/about.json", get(([(CONTENT_TYPE, "application/json")], about_json("axum", "0.8"))))
        .route("/events", get(events))
        .route("/say", post(say).layer(DefaultBodyLimit::max(MAX_BODY)))
        .route("/cut", post(async |State(chat): State<Chat>| chat.cut()))
        .with_state(chat.clone());

    println!("listening on http://{}/", listener.local_addr()?);
    // Events are small and shall leave at once. Where this fails, writing will, too.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stopped = async move {
        stop.pressed().await;
        chat.close();
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(stopped).await?)
}

async fn events(
    State(chat): State<Chat>,
    Query(Room { room }): Query<Room>,
    LastEventId(seen): LastEventId,
) -> impl IntoResponse {
    let stream = chat.join(&room, seen.as_ref());
    let header = outcome_header(&stream);
    ([header], Sse::new(stream).with_retry(Retry::from_millis(500)).until(chat.is_cut()))
}

async fn say(State(chat): State<Chat>, message: Bytes) -> Result<String, StatusCode> {
    let said = chat.say(&message).await;
    said.map_err(|refusal| StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST))
}
