//! A live dashboard and notifications on actix-web: fragments of HTML for htmx 2 and 4, Datastar and Turbo, from one handler a
//! page.
//!
//! `cargo run -p sse-actix --features broadcast,html --example dashboard`, with the environment variables `PORT` for a port
//! of your choice and `SSE_DEBUG=1` for blocks that show why they fail.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, PayloadConfig, Query, get, post};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use serde::Deserialize;
use sse_actix::broadcast::outcome_header;
use sse_actix::{LastEventId, Sse};
use sse_demo::about_json;
use sse_demo::pages::{self, Client, MAX_BODY, Pages};
use sse_demo::streams::Stop;
use std::io;
use std::net::TcpListener;

#[derive(Deserialize)]
struct Reader {
    #[serde(default)]
    client: String,
}

#[derive(Deserialize)]
struct Broken {
    block: String,
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let stop = Stop::on_ctrl_c();
    let pages = Pages::from_env(stop.clone());
    let measured = pages.clone();
    actix_web::rt::spawn(async move { measured.measure().await });

    println!("listening on http://{}/", listener.local_addr()?);
    let shared = Data::new(pages);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(MAX_BODY))
            .route("/", get().to(dashboard_page))
            .route("/dashboard/live", get().to(dashboard))
            .route("/notifications", get().to(notifications_page))
            .route("/notifications/live", get().to(notifications))
            .route("/streams.json", get().to(async |pages: Data<Pages>| json(pages.streams_json())))
            .route("/about.json", get().to(async || json(about_json("actix-web", "4.18"))))
            .route("/notify", post().to(notify))
            .route("/fail", post().to(fail))
            .route("/heal", post().to(heal))
            .route("/cut", post().to(cut))
            .route("/end", post().to(end))
    })
    // Without this, the client of an idle stream leaves unnoticed: it would be counted as a viewer.
    .h1_allow_half_closed(false)
    // The streams end by themselves; this is for connections that browsers keep open behind them.
    .shutdown_timeout(1)
    .shutdown_signal(stop.pressed())
    .listen(listener)?;
    server.run().await
}

async fn dashboard_page(pages: Data<Pages>, reader: Query<Reader>) -> HttpResponse {
    page(pages.dashboard_page(Client::named(&reader.client)))
}

async fn notifications_page(pages: Data<Pages>, reader: Query<Reader>) -> HttpResponse {
    page(pages.notifications_page(Client::named(&reader.client)))
}

async fn dashboard(pages: Data<Pages>, reader: Query<Reader>) -> impl Responder {
    let (client, pages) = (Client::named(&reader.client), Pages::clone(&pages));
    let options = pages.options();
    Sse::push(move |events| pages::dashboard(events, pages, client)).with_options(options)
}

async fn notifications(
    pages: Data<Pages>,
    reader: Query<Reader>,
    LastEventId(seen): LastEventId,
) -> impl Responder {
    let (client, pages) = (Client::named(&reader.client), Pages::clone(&pages));
    let published = pages.subscribe(client, seen.as_ref());
    let (header, options) = (outcome_header(&published), pages.options());
    let sse = Sse::push(move |events| pages::notifications(events, pages, client, published));
    sse.with_options(options).customize().insert_header(header)
}

async fn notify(pages: Data<Pages>, text: String) -> HttpResponse {
    if pages.notify(&text) {
        HttpResponse::NoContent().finish()
    } else {
        HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

async fn fail(pages: Data<Pages>, broken: Query<Broken>, why: Bytes) -> HttpResponse {
    pages.fail(&broken.block, &String::from_utf8_lossy(&why));
    HttpResponse::NoContent().finish()
}

async fn heal(pages: Data<Pages>) -> HttpResponse {
    pages.heal();
    HttpResponse::NoContent().finish()
}

async fn cut(pages: Data<Pages>) -> HttpResponse {
    pages.cut();
    HttpResponse::NoContent().finish()
}

async fn end(pages: Data<Pages>) -> HttpResponse {
    pages.end();
    HttpResponse::NoContent().finish()
}

fn page(rendered: Result<String, impl Sized>) -> HttpResponse {
    match rendered {
        Ok(html) => HttpResponse::Ok().content_type(ContentType::html()).body(html),
        Err(_) => HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn json(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}
