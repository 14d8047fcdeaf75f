//! The live demo on actix-web: tokens, a metric that resumes, an inspector, hostile text.
//!
//! `cargo run -p sse-actix --example live`, with the environment variable `PORT` for a port of your choice.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use actix_web::http::header::ContentType;
use actix_web::web::{Data, Query, get, post};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use core::time::Duration;
use serde::Deserialize;
use socket2::SockRef;
use sse_actix::{LastEventId, Retry, Sse};
use sse_demo::metrics::{self, Metrics};
use sse_demo::streams::{self, Stop};
use sse_demo::{PAGE, about_json, hostile, tokens};
use std::io;
use std::net::TcpListener;

struct Demo {
    metrics: Metrics,
    stop: Stop,
}

#[derive(Deserialize)]
struct Ask {
    prompt: String,
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    // Gives up connections of clients that stopped reading: actix hides the sockets, which inherit this.
    SockRef::from(&listener).set_tcp_user_timeout(Some(Duration::from_secs(30)))?;
    let stop = Stop::on_ctrl_c();
    let demo = Data::new(Demo { metrics: Metrics::new(), stop: stop.clone() });
    let sampled = demo.metrics.clone();
    actix_web::rt::spawn(async move { sampled.sample_every(metrics::PERIOD).await });

    println!("listening on http://{}/", listener.local_addr()?);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(demo.clone())
            .route("/", get().to(async || HttpResponse::Ok().content_type(ContentType::html()).body(PAGE)))
            .route("/about.json", get().to(async || json(about_json("actix-web", "4.18"))))
            .route("/tokens", get().to(ask))
            .route("/tokens.txt", get().to(async |ask: Query<Ask>| tokens::answer(&ask.prompt).concat()))
            .route("/metrics", get().to(metric))
            .route("/cut", post().to(cut))
            .route("/inspect", get().to(inspect))
            .route("/hostile", get().to(async || Sse::new(streams::hostile())))
            .route("/hostile.json", get().to(async || json(hostile::cases_json())))
    })
    // Without this, the client of an idle stream leaves unnoticed.
    .h1_allow_half_closed(false)
    // The streams end by themselves; this is for connections that browsers keep open behind them.
    .shutdown_timeout(1)
    .shutdown_signal(stop.pressed())
    .listen(listener)?;
    server.run().await
}

async fn ask(demo: Data<Demo>, ask: Query<Ask>) -> impl Responder {
    let prompt = ask.into_inner().prompt;
    Sse::push(|events| streams::answer(events, prompt)).until(demo.stop.clone().pressed())
}

async fn metric(demo: Data<Demo>, LastEventId(seen): LastEventId) -> impl Responder {
    let metrics = demo.metrics.clone();
    Sse::push(|events| streams::metric(events, metrics, seen))
        .with_retry(Retry::from_millis(500))
        .until(demo.stop.clone().pressed())
}

async fn inspect(demo: Data<Demo>) -> impl Responder {
    Sse::push(streams::inspect).with_options(streams::inspect_options()).until(demo.stop.clone().pressed())
}

async fn cut(demo: Data<Demo>) -> HttpResponse {
    demo.metrics.cut();
    HttpResponse::NoContent().finish()
}

fn json(text: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(text)
}
