//! Chat rooms on actix-web: who is there, streams that resume, a metric of which only the newest value counts.
//!
//! `cargo run -p sse-actix --features broadcast --example chat`, with the environment variable `PORT` for a port of your
//! choice, and `REDIS_URL` to be one of many nodes. `cargo xtask nodes` runs three of them.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, PayloadConfig, Query, get, post};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use serde::Deserialize;
use sse_actix::broadcast::outcome_header;
use sse_actix::{LastEventId, Retry, Sse};
use sse_demo::about_json;
use sse_demo::chat::{Chat, MAX_BODY, PAGE};
use sse_demo::streams::Stop;
use std::net::TcpListener;

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let (chat, stop) = (Chat::from_env().await?, Stop::on_ctrl_c());
    let measured = chat.clone();
    actix_web::rt::spawn(async move { measured.measure().await });

    println!("listening on http://{}/", listener.local_addr()?);
    let shared = Data::new(chat.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(MAX_BODY))
            .route("/", get().to(async || HttpResponse::Ok().content_type(ContentType::html()).body(PAGE)))
            .route("/about.json", get().to(about))
            .route("/events", get().to(events))
            .route("/say", post().to(say))
            .route("/cut", post().to(cut))
    })
    // Without this, the client of an idle stream leaves unnoticed: it would be counted as present.
    .h1_allow_half_closed(false)
    // The streams end by themselves; this is for connections that browsers keep open behind them.
    .shutdown_timeout(1)
    .shutdown_signal(async move {
        stop.pressed().await;
        chat.close();
    })
    .listen(listener)?;
    Ok(server.run().await?)
}

async fn events(chat: Data<Chat>, room: Query<Room>, LastEventId(seen): LastEventId) -> impl Responder {
    let stream = chat.join(&room.room, seen.as_ref());
    let header = outcome_header(&stream);
    let response = Sse::new(stream).with_retry(Retry::from_millis(500)).until(chat.is_cut());
    response.customize().insert_header(header)
}

async fn say(chat: Data<Chat>, message: Bytes) -> HttpResponse {
    match chat.say(&message).await {
        Ok(id) => HttpResponse::Ok().body(id),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            HttpResponse::new(status)
        }
    }
}

async fn cut(chat: Data<Chat>) -> HttpResponse {
    chat.cut();
    HttpResponse::NoContent().finish()
}

async fn about() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(about_json("actix-web", "4.18"))
}
