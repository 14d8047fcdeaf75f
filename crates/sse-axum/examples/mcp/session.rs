//! Sessions, which 2025-11-25 and before have: what a client may come back for.

use super::jsonrpc::Id;
use super::tool::Running;
use super::transcript::{Address, Transcript};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A session keeps this many calls, of which the oldest go first, unless they run.
const CALLS: usize = 32;
/// A server that is in use for long would have to end sessions that nobody uses any more.
const SESSIONS: usize = 1_024;

#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Arc<Session>>>>);

#[derive(Debug)]
pub(crate) struct Session {
    /// The version that was agreed on.
    pub(crate) version: &'static str,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    next_stream: u64,
    kept: VecDeque<(Address, Id, Running)>,
}

impl Sessions {
    /// Starts a session and gives its id, which nobody can guess; `None` when there are too many.
    pub(crate) fn start(&self, version: &'static str) -> Option<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = lock(&self.0);
        if sessions.len() >= SESSIONS {
            return None;
        }
        sessions.insert(id.clone(), Arc::new(Session { version, calls: Mutex::default() }));
        Some(id)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.0).get(id).cloned()
    }

    /// Ends a session; its calls are cancelled, and their streams end.
    pub(crate) fn end(&self, id: &str) -> bool {
        let ended = lock(&self.0).remove(id);
        // A request that is being answered may hold it for a moment more.
        ended.inspect(|session| lock(&session.calls).kept.clear()).is_some()
    }
}

impl Session {
    /// Keeps a call, so that the client can come back for it; hands it back when too many run.
    pub(crate) fn keep(&self, id: Id, call: Running) -> Result<(Address, Arc<Transcript>), Running> {
        let mut calls = lock(&self.calls);
        if calls.kept.len() >= CALLS {
            let oldest = calls.kept.iter().position(|(_, _, call)| call.transcript.is_over());
            match oldest {
                Some(oldest) => drop(calls.kept.remove(oldest)),
                None => return Err(call),
            }
        }
        calls.next_stream += 1;
        let address = Address { stream: calls.next_stream };
        let transcript = Arc::clone(&call.transcript);
        calls.kept.push_back((address, id, call));
        Ok((address, transcript))
    }

    /// Finds the stream that an event id names: never one of another session.
    pub(crate) fn find(&self, address: Address) -> Option<Arc<Transcript>> {
        let calls = lock(&self.calls);
        let found = calls.kept.iter().find(|(kept, _, _)| *kept == address);
        found.map(|(_, _, call)| Arc::clone(&call.transcript))
    }

    /// Cancels the call that answers a request, if it runs.
    pub(crate) fn cancel(&self, request: &Id) {
        lock(&self.calls).kept.retain(|(_, id, call)| id != request || call.transcript.is_over());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
