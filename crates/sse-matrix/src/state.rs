//! What happened so far: requests, open streams, departures.

use crate::asked::Asked;
use core::sync::atomic::{AtomicUsize, Ordering};
use serde::Serialize;
use sse_driver::sse_core::CloseReason;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many requests and departures are remembered.
const REMEMBERED: usize = 4_096;

/// Shared by all handlers. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    open: Arc<AtomicUsize>,
    logs: Arc<Mutex<Logs>>,
}

#[derive(Debug, Default)]
struct Logs {
    requests: VecDeque<Arrival>,
    departures: VecDeque<Departure>,
}

/// A request, as it came.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arrival {
    method: String,
    path: String,
    query: String,
    version: String,
    last_event_id: Option<String>,
    /// Milliseconds since 1970.
    at: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Departure {
    path: String,
    query: String,
    reason: &'static str,
    at: f64,
}

#[derive(Serialize)]
struct Report {
    open: usize,
    requests: Vec<Arrival>,
    departures: Vec<Departure>,
}

impl State {
    /// Notes a request.
    pub(crate) fn arrived(&self, asked: &Asked, version: String) {
        let arrival = Arrival {
            method: asked.method.clone(),
            path: asked.path.clone(),
            query: asked.query.clone(),
            version,
            last_event_id: asked.raw_id.clone(),
            at: now_ms(),
        };
        remember(&mut self.lock().requests, arrival);
    }

    /// Counts a stream as open as long as what it returns lives.
    pub(crate) fn open(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.open))
    }

    /// Notes that a response is over.
    pub(crate) fn departed(&self, path: String, query: String, reason: CloseReason) {
        let departure = Departure { path, query, reason: reason.as_str(), at: now_ms() };
        remember(&mut self.lock().departures, departure);
    }

    /// All of it as JSON.
    pub(crate) fn to_json(&self) -> String {
        let logs = self.lock();
        let report = Report {
            open: self.open.load(Ordering::Relaxed),
            requests: logs.requests.iter().cloned().collect(),
            departures: logs.departures.iter().cloned().collect(),
        };
        // Numbers and text: they can always be written.
        serde_json::to_string(&report).unwrap_or_default()
    }

    /// Nothing is left half done by a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that is open.
#[derive(Debug)]
pub(crate) struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn remember<T>(log: &mut VecDeque<T>, entry: T) {
    if log.len() == REMEMBERED {
        log.pop_front();
    }
    log.push_back(entry);
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1_000.0
}
