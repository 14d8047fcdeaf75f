//! What an engine beyond this process is plugged into.

use crate::hub::{Broadcaster, Hub, PublishError};
use crate::message::Message;
use crate::position::{Epoch, Sequence};
use crate::settings::Settings;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// Puts events into a [`Broadcaster`] that is a copy of a log elsewhere: the seam for engines beyond one process.
///
/// The log elsewhere numbers its events, and whoever reads it feeds them here, in order. Subscribers are cursors in the copy as
/// they are in any other log, with the same ids on every node, so that a client which was cut from one goes on at another.
/// What only the reader can know, it tells: that something [is lost](Self::lose_through), that the log [is another
/// one](Self::restart), that it [cannot be reached](Self::set_stale). Publishing is the engine's own matter: `publish` of a
/// broadcaster that is fed is an error.
///
/// ```
/// use core::time::Duration;
/// use sse_broadcast::{Epoch, FedEvent, Feed, Outcome, Position, Sequence, Settings};
///
/// let epoch = Epoch::new("k3f9").unwrap();
/// let feed = Feed::new(Settings::new(), epoch);
/// let sequence = Sequence::of_parts(1_764_000_000_123, 0);
/// feed.batch().append(FedEvent { topic: "news", sequence, age: Duration::ZERO, message: "first".into() })?;
///
/// // A client that has seen it, on whatever node.
/// let id = Position { epoch, sequence }.to_id();
/// assert_eq!(id.as_str(), "k3f9-1764000000123-0");
/// let stream = feed.broadcaster().subscribe(["news"], Some(&id))?;
/// assert_eq!(stream.outcome(), Outcome::Resumed { replayed: 0 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Feed {
    broadcaster: Broadcaster,
}

/// An event of the log elsewhere.
///
/// ```
/// use core::time::Duration;
/// use sse_broadcast::{FedEvent, Sequence};
///
/// let sequence = Sequence::of_parts(1_764_000_000_123, 0);
/// let event = FedEvent { topic: "news", sequence, age: Duration::from_secs(3), message: "of three seconds ago".into() };
/// # let _ = event;
/// ```
#[derive(Clone, Debug)]
pub struct FedEvent<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its number.
    pub sequence: Sequence,
    /// How long ago it was published.
    pub age: Duration,
    /// The event.
    pub message: Message<'a>,
}

/// An event was not appended; nothing changed.
///
/// ```
/// use core::time::Duration;
/// use sse_broadcast::{Epoch, FedEvent, Feed, FeedError, Settings};
///
/// let feed = Feed::new(Settings::new(), Epoch::random());
/// let event = FedEvent { topic: "a", sequence: 7.into(), age: Duration::ZERO, message: "x".into() };
/// feed.batch().append(event.clone())?;
/// assert_eq!(feed.batch().append(event), Err(FeedError::NotBehind { last: 7.into() }));
/// # Ok::<(), FeedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// Its number is not behind all before it.
    #[error("its number is not behind that of the newest event, {last}")]
    NotBehind {
        /// The newest event.
        last: Sequence,
    },
    /// It cannot be published. Of a topic too many, what it loses is told to who subscribes to it later.
    #[error(transparent)]
    Unpublishable(#[from] PublishError),
}

impl Feed {
    /// Makes a broadcaster that is fed, with an empty log in this epoch. The settings' own epoch does not count.
    #[must_use]
    pub fn new(settings: Settings, epoch: Epoch) -> Self {
        Self { broadcaster: Broadcaster::make(settings.with_epoch(epoch), true) }
    }

    /// Returns the broadcaster: to subscribe to.
    #[must_use]
    pub fn broadcaster(&self) -> &Broadcaster {
        &self.broadcaster
    }

    /// Begins to append. Who waits for the topics is woken once, when the batch is dropped.
    #[must_use]
    pub fn batch(&self) -> Batch<'_> {
        Batch { broadcaster: &self.broadcaster, topics: Vec::new() }
    }

    /// Tells that events up to there may be missing, in all topics: subscribers that have not read up to there are dealt with by
    /// [`Lag`](crate::Lag), as those that fell behind. What the log holds can still be read, and those of the events that are not
    /// missing can still be appended.
    pub fn lose_through(&self, sequence: Sequence) {
        let hub = self.hub();
        let mut state = hub.lock();
        state.forgotten_through = state.forgotten_through.max(sequence);
        for (_, topic) in &mut state.topics {
            topic.log.lose_through(sequence);
        }
        let woken = state.take_all_waiting();
        drop(state);
        hub.wake(woken);
    }

    /// Goes over to another log, of which events up to there cannot be had: what was fed is forgotten, and subscribers are dealt
    /// with by [`Lag`](crate::Lag), with the verdict of [`Outcome::Reset`](crate::Outcome::Reset).
    pub fn restart(&self, epoch: Epoch, lost_through: Sequence) {
        let hub = self.hub();
        let mut state = hub.lock();
        state.epoch = Arc::new(epoch);
        state.last = lost_through;
        state.newest = lost_through;
        state.ahead = None;
        state.forgotten_through = lost_through;
        let mut forgotten = Vec::new();
        for (_, topic) in &mut state.topics {
            forgotten.push(core::mem::replace(&mut topic.log, crate::log::Log::new(lost_through)));
        }
        let woken = state.take_all_waiting();
        drop(state);
        drop(forgotten);
        hub.wake(woken);
    }

    /// Tells whether the log elsewhere cannot be reached. Streams stay open and beat; their clients are told by an event, see
    /// [`Settings::with_stale_name`], and so is who connects meanwhile.
    pub fn set_stale(&self, is_stale: bool) {
        let hub = self.hub();
        let mut state = hub.lock();
        if state.is_stale == is_stale {
            return;
        }
        state.is_stale = is_stale;
        let woken = state.take_all_waiting();
        drop(state);
        hub.wake(woken);
    }

    /// Tells the newest event of the log elsewhere, which may not have been fed yet: clients that name no id get what follows it.
    pub fn set_newest(&self, sequence: Sequence) {
        self.hub().lock().newest = sequence;
    }

    /// Tells that everything up to there was fed or is told to be lost: what comes next is behind it.
    pub fn advance_to(&self, sequence: Sequence) {
        let mut state = self.hub().lock();
        state.last = state.last.max(sequence);
    }

    /// Tells between which numbers events can be that were not fed yet, behind [the newest](Self::set_newest) that is known: the
    /// ids of clients from nodes that were fed faster. A client with any other id has one that is not of this log.
    pub fn set_ahead(&self, from: Sequence, to: Sequence) {
        self.hub().lock().ahead = Some((from, to));
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.broadcaster.hub
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("broadcaster", &self.broadcaster).finish()
    }
}

/// Events that are appended together; see [`Feed::batch`].
///
/// ```
/// use core::time::Duration;
/// use sse_broadcast::{Epoch, FedEvent, Feed, Settings};
///
/// let feed = Feed::new(Settings::new(), Epoch::random());
/// let mut batch = feed.batch();
/// for sequence in 1..=3 {
///     batch.append(FedEvent { topic: "a", sequence: sequence.into(), age: Duration::ZERO, message: "x".into() })?;
/// }
/// drop(batch);
/// assert_eq!(feed.broadcaster().position().sequence, 3);
/// # Ok::<(), sse_broadcast::FeedError>(())
/// ```
#[derive(Debug)]
pub struct Batch<'a> {
    broadcaster: &'a Broadcaster,
    /// Those that were appended to.
    topics: Vec<usize>,
}

impl Batch<'_> {
    /// Appends an event. Its name needs no registration: whoever published it has seen to that.
    ///
    /// # Errors
    ///
    /// [`FeedError`]: it was not appended; the batch goes on.
    pub fn append(&mut self, event: FedEvent<'_>) -> Result<(), FeedError> {
        let FedEvent { topic, sequence, age, message } = event;
        let prepared = message.prepare(|_| true)?;
        let hub = &self.broadcaster.hub;
        let (mut state, now) = hub.lock_now();
        if sequence <= state.last {
            return Err(FeedError::NotBehind { last: state.last });
        }
        let at = now.checked_sub(age).unwrap_or(now);
        match state.append(hub, topic, sequence, prepared, at, now) {
            Ok(key) => {
                if !self.topics.contains(&key) {
                    self.topics.push(key);
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, PublishError::TooManyTopics { .. }) {
                    state.forgotten_through = state.forgotten_through.max(sequence);
                    state.last = sequence;
                }
                Err(error.into())
            }
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.topics.is_empty() {
            return;
        }
        let hub = &self.broadcaster.hub;
        let mut state = hub.lock();
        let mut woken = Vec::with_capacity(self.topics.len());
        for key in &self.topics {
            woken.extend(state.topics.get_mut(*key).map(crate::hub::Topic::take_waiting));
        }
        drop(state);
        hub.wake(woken);
    }
}
