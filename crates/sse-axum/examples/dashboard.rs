//! A live dashboard and notifications on axum: fragments of HTML for htmx 2 and 4, Datastar and Turbo, from one handler a page.
//!
//! `cargo run -p sse-axum --features broadcast,html --example dashboard`, with the environment variables `PORT` for a port
//! of your choice and `SSE_DEBUG=1` for blocks that show why they fail.
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
use sse_axum::{LastEventId, Source, Sse};
use sse_demo::about_json;
use sse_demo::pages::{self, Client, MAX_BODY, Pages};
use sse_demo::streams::Stop;
use std::io;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Reader {
    #[serde(default)]
    client: String,
}

#[derive(Deserialize)]
struct Broken {
    block: String,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let stop = Stop::on_ctrl_c();
    let pages = Pages::from_env(stop.clone());
    let measured = pages.clone();
    tokio::spawn(async move { measured.measure().await });

    println!("listening on http://{}/", listener.local_addr()?);
    // Events are small and shall leave at once. Where this fails, writing will, too.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app(pages)).with_graceful_shutdown(stop.pressed()).await
}

/// Everything there is.
pub(crate) fn app(pages: Pages) -> Router {
    Router::new()
        .route("/", get(dashboard_page))
        .route("/dashboard/live", get(dashboard))
        .route("/notifications", get(notifications_page))
        .route("/notifications/live", get(notifications))
        .route("/streams.json", get(async |State(pages): State<Pages>| json(pages.streams_json())))
        .route("/about.json", get(async || json(about_json("axum", "0.8"))))
        .route("/notify", post(notify))
        .route("/fail", post(fail))
        .route("/heal", post(async |State(pages): State<Pages>| pages.heal()))
        .route("/cut", post(async |State(pages): State<Pages>| pages.cut()))
        .route("/end", post(async |State(pages): State<Pages>| pages.end()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(pages)
}

async fn dashboard_page(
    State(pages): State<Pages>,
    Query(reader): Query<Reader>,
) -> Result<Html<String>, StatusCode> {
    page(pages.dashboard_page(Client::named(&reader.client)))
}

async fn notifications_page(
    State(pages): State<Pages>,
    Query(reader): Query<Reader>,
) -> Result<Html<String>, StatusCode> {
    page(pages.notifications_page(Client::named(&reader.client)))
}

async fn dashboard(State(pages): State<Pages>, Query(reader): Query<Reader>) -> Sse<impl Source> {
    let (client, options) = (Client::named(&reader.client), pages.options());
    Sse::push(move |events| pages::dashboard(events, pages, client)).with_options(options)
}

async fn notifications(
    State(pages): State<Pages>,
    Query(reader): Query<Reader>,
    LastEventId(seen): LastEventId,
) -> impl IntoResponse {
    let client = Client::named(&reader.client);
    let published = pages.subscribe(client, seen.as_ref());
    let (header, options) = (outcome_header(&published), pages.options());
    let sse = Sse::push(move |events| pages::notifications(events, pages, client, published));
    ([header], sse.with_options(options))
}

async fn notify(State(pages): State<Pages>, text: String) -> StatusCode {
    if pages.notify(&text) { StatusCode::NO_CONTENT } else { StatusCode::INTERNAL_SERVER_ERROR }
}

async fn fail(State(pages): State<Pages>, Query(broken): Query<Broken>, why: Bytes) {
    pages.fail(&broken.block, &String::from_utf8_lossy(&why));
}

fn page(rendered: Result<String, impl Sized>) -> Result<Html<String>, StatusCode> {
    rendered.map(Html).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
