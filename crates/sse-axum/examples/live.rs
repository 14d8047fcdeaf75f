//! The live demo on axum: tokens, a metric that resumes, an inspector, hostile text.
//!
//! `cargo run -p sse-axum --example live`, with the environment variable `PORT` for a port of your choice.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::{get, post};
use axum::serve::Listener;
use core::pin::Pin;
use core::time::Duration;
use serde::Deserialize;
use sse_axum::{LastEventId, Retry, Source, Sse};
use sse_demo::metrics::{self, Metrics};
use sse_demo::streams::{self, Stop};
use sse_demo::{PAGE, about_json, hostile, tokens};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

#[derive(Clone)]
struct Demo {
    metrics: Metrics,
    stop: Stop,
}

#[derive(Deserialize)]
struct Ask {
    prompt: String,
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

    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/about.json", get(([(CONTENT_TYPE, "application/json")], about_json("axum", "0.8"))))
        .route("/tokens", get(ask))
        .route("/tokens.txt", get(async |Query(ask): Query<Ask>| tokens::answer(&ask.prompt).concat()))
        .route("/metrics", get(metric))
        .route("/cut", post(async |State(demo): State<Demo>| demo.metrics.cut()))
        .route("/inspect", get(inspect))
        .route("/hostile", get(async || Sse::new(streams::hostile())))
        .route("/hostile.json", get(([(CONTENT_TYPE, "application/json")], hostile::cases_json())))
        .with_state(demo.clone());

    println!("listening on http://{}/", listener.local_addr()?);
    axum::serve(TimeoutListener(listener), app).with_graceful_shutdown(demo.stop.pressed()).await
}

async fn ask(State(demo): State<Demo>, Query(Ask { prompt }): Query<Ask>) -> Sse<impl Source> {
    Sse::push(|events| streams::answer(events, prompt)).until(demo.stop.pressed())
}

async fn metric(State(demo): State<Demo>, LastEventId(seen): LastEventId) -> Sse<impl Source> {
    Sse::push(|events| streams::metric(events, demo.metrics, seen))
        .with_retry(Retry::from_millis(500))
        .until(demo.stop.pressed())
}

async fn inspect(State(demo): State<Demo>) -> Sse<impl Source> {
    Sse::push(streams::inspect).with_options(streams::inspect_options()).until(demo.stop.pressed())
}

/// Gives up connections whose writes are stuck: those of clients that stopped reading.
struct TimeoutListener(TcpListener);

impl Listener for TimeoutListener {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Events are small and shall leave at once. Where this fails, writing will, too.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(Duration::from_secs(30)));
        (Box::pin(stream), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
