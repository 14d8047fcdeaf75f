//! Counters of what streams do, as a metrics page would show them: `cargo run -p sse-axum --example counters`.
//!
//! Then `curl -N localhost:3000/ticks` for a while, and `curl localhost:3000/metrics`.

#![allow(clippy::print_stderr, reason = "an example talks to its terminal")]

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use core::time::Duration;
use sse_axum::{CloseReason, Event, Notice, Observer, PushError, Sender, Source, Sse, event_name};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// One for all streams; each response holds a clone.
#[derive(Clone, Default)]
struct Counters(Arc<Counts>);

#[derive(Default)]
struct Counts {
    open: AtomicI64,
    bytes: AtomicU64,
    unsent: AtomicU64,
    heartbeats: AtomicU64,
    errors: AtomicU64,
    /// Few kinds and few reasons: their locks are held for an addition.
    events: Mutex<BTreeMap<&'static str, u64>>,
    closes: Mutex<BTreeMap<&'static str, u64>>,
}

impl Observer for Counters {
    fn observe(&self, notice: &Notice<'_>) {
        let counts = &*self.0;
        match notice {
            Notice::Start => {
                counts.open.fetch_add(1, Ordering::Relaxed);
            }
            Notice::Chunk { bytes, .. } => {
                counts.bytes.fetch_add(*bytes as u64, Ordering::Relaxed);
            }
            Notice::Unsent { bytes, .. } => {
                counts.unsent.fetch_add(*bytes as u64, Ordering::Relaxed);
            }
            Notice::Event { kind, .. } => count(&counts.events, kind),
            Notice::Heartbeat => {
                counts.heartbeats.fetch_add(1, Ordering::Relaxed);
            }
            Notice::Error { .. } => {
                counts.errors.fetch_add(1, Ordering::Relaxed);
            }
            Notice::Close { reason, .. } => {
                let reason: CloseReason = *reason;
                count(&counts.closes, reason.as_str());
                counts.open.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

fn count(counts: &Mutex<BTreeMap<&'static str, u64>>, key: &'static str) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

async fn metrics(State(Counters(counts)): State<Counters>) -> String {
    let mut page = format!(
        "sse_streams_open {}\nsse_bytes_total {}\nsse_unsent_bytes_total {}\nsse_heartbeats_total {}\nsse_errors_total {}\n",
        counts.open.load(Ordering::Relaxed),
        counts.bytes.load(Ordering::Relaxed),
        counts.unsent.load(Ordering::Relaxed),
        counts.heartbeats.load(Ordering::Relaxed),
        counts.errors.load(Ordering::Relaxed),
    );
    for (name, label, counts) in
        [("sse_events_total", "kind", &counts.events), ("sse_closes_total", "reason", &counts.closes)]
    {
        for (key, count) in &*counts.lock().unwrap_or_else(PoisonError::into_inner) {
            page += &format!("{name}{{{label}=\"{key}\"}} {count}\n");
        }
    }
    page
}

async fn ticks(State(counters): State<Counters>) -> Sse<impl Source> {
    let ticks = async |mut events: Sender| {
        for number in 1_u64.. {
            events.send(Event::new("tick").with_name(event_name!("tick")).with_id(number)).await?;
            sleep(Duration::from_secs(1)).await;
        }
        Ok::<(), PushError>(())
    };
    Sse::push(ticks).with_observer(counters)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let app = Router::new()
        .route("/ticks", get(ticks))
        .route("/metrics", get(metrics))
        .with_state(Counters::default());
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    eprintln!("http://{}/metrics", listener.local_addr()?);
    axum::serve(listener, app).await
}
