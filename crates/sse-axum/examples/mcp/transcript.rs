//! What one call has said so far: a log that any number of connections read, one after the other, each from where the last
//! one was cut.

use serde::Serialize;
use sse_axum::{Event, EventId, PushError, Retry, Sender};
use std::sync::Arc;
use tokio::sync::watch;

/// The most messages that a call keeps; progress beyond that is not told.
const LIMIT: usize = 1_000;

/// When clients are to come back after a cut.
pub(crate) const RETRY: Retry = Retry::from_millis(200);

/// The messages of one call, until its response and for a while after that.
#[derive(Debug, Default)]
pub(crate) struct Transcript(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    messages: Vec<Arc<str>>,
    is_over: bool,
    /// Where the server hangs up: connections that get there from below end.
    hang_up_at: usize,
    /// How many connections there were; the last one is read by the client.
    connections: usize,
}

impl Transcript {
    /// Appends a notification.
    pub(crate) fn notify(&self, message: &impl Serialize) {
        self.0.send_modify(|state| {
            if !state.is_over && state.messages.len() < LIMIT {
                state.messages.push(to_text(message));
            }
        });
    }

    /// Appends the response, which is the end.
    pub(crate) fn respond(&self, message: &impl Serialize) {
        self.0.send_modify(|state| {
            if !state.is_over {
                state.messages.push(to_text(message));
                state.is_over = true;
            }
        });
    }

    /// Ends without a response: the call was cancelled.
    pub(crate) fn give_up(&self) {
        self.0.send_modify(|state| state.is_over = true);
    }

    /// Closes the connection behind what was said so far; the call goes on, and the client comes back for the rest.
    pub(crate) fn hang_up(&self) {
        self.0.send_modify(|state| state.hang_up_at = state.messages.len());
    }

    /// Says whether a client that has seen `seen` messages has still something to expect.
    pub(crate) fn has_more_behind(&self, seen: usize) -> bool {
        let state = self.0.borrow();
        seen < state.messages.len() || (seen == state.messages.len() && !state.is_over)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.borrow().is_over
    }

    /// Sends what comes behind the first `seen` messages, as it comes. With an address, events have ids.
    ///
    /// A message belongs on one connection only: this one ends those that were there before, of which the client knows, or
    /// will know, that they are dead.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] when the client leaves.
    pub(crate) async fn replay(
        self: Arc<Self>,
        mut events: Sender,
        address: Option<Address>,
        mut seen: usize,
    ) -> Result<(), PushError> {
        let mut own_number = 0;
        self.0.send_modify(|state| {
            state.connections += 1;
            own_number = state.connections;
        });
        let mut states = self.0.subscribe();
        loop {
            let (batch, is_last) = {
                let state = states.borrow_and_update();
                if state.connections != own_number {
                    return Ok(());
                }
                // Who gets no ids cannot come back.
                let hang_up_at = if address.is_some() { state.hang_up_at } else { 0 };
                let end = if seen < hang_up_at { hang_up_at } else { state.messages.len() };
                let batch = state.messages.get(seen..end).unwrap_or_default().to_vec();
                (batch, state.is_over || seen < hang_up_at)
            };
            for message in batch {
                seen += 1;
                let event = Event::new(&*message);
                match &address {
                    Some(address) => events.send(event.with_id(address.behind(seen))).await?,
                    None => events.send(event).await?,
                }
            }
            if is_last || states.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

fn to_text(message: &impl Serialize) -> Arc<str> {
    // Values and strings always serialise.
    serde_json::to_string(message).unwrap_or_default().into()
}

/// Where a stream stands within its session: its ids are `stream-seen`, how many messages the client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) stream: u64,
}

impl Address {
    pub(crate) fn behind(self, seen: usize) -> EventId<'static> {
        EventId::stripped(format!("{}-{seen}", self.stream))
    }

    /// Reads an id, which comes from the client and may be anything.
    pub(crate) fn parse(id: &str) -> Option<(Self, usize)> {
        let (stream, seen) = id.split_once('-')?;
        Some((Self { stream: stream.parse().ok()? }, seen.parse().ok()?))
    }

    /// The first event of every connection: it has an id, empty data, and the time after which to come back.
    ///
    /// Clients take a stream for one that resumes once it had an id. Released ones forget the id that they resumed with, so
    /// it stands in front of a replay, too.
    pub(crate) fn priming(self, seen: usize) -> Event<'static> {
        Event::new("").with_id(self.behind(seen)).with_retry(RETRY)
    }
}
