use crate::options::CloseHook;
use crate::unwinding::{self, Guarded};
use bytes::Bytes;
use core::time::Duration;
use sse_core::connection::{CloseReason, Totals};
use sse_core::{Decoder, Item, ItemError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Is told what happens to a response; see [`Notice`].
///
/// Called inside of the response's own poll, or when it is dropped: it must not block. Implemented for functions. A
/// response that has one decodes what it sent, to tell of each event; one that has none pays nothing.
///
/// ```
/// use sse_driver::{Notice, Observer, Options};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[derive(Clone, Default)]
/// struct Sent(Arc<AtomicU64>);
///
/// impl Observer for Sent {
///     fn observe(&self, notice: &Notice<'_>) {
///         if let Notice::Chunk { bytes, .. } = notice {
///             self.0.fetch_add(*bytes as u64, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let sent = Sent::default();
/// let options = Options::new().with_observer(sent.clone());
/// # let _ = options;
/// ```
pub trait Observer: Send + Sync {
    /// Takes note, at once and without blocking.
    fn observe(&self, notice: &Notice<'_>);
}

impl<F: Fn(&Notice<'_>) + Send + Sync> Observer for F {
    fn observe(&self, notice: &Notice<'_>) {
        self(notice);
    }
}

/// One observer for many responses.
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn observe(&self, notice: &Notice<'_>) {
        (**self).observe(notice);
    }
}

/// Something happened to a response. Never holds event data.
///
/// ```
/// use sse_driver::{Notice, Options};
///
/// let options = Options::new().with_observer(|notice: &Notice<'_>| match notice {
///     Notice::Event { name, data_bytes, .. } => println!("{name}: {data_bytes} bytes"),
///     Notice::Error { error, .. } => println!("{error}"),
///     Notice::Close { reason, totals, .. } => println!("closed: {reason} after {} bytes", totals.bytes),
///     _ => {}
/// });
/// # let _ = options;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The response was polled for the first time.
    Start,
    /// A chunk was handed over: the transport took it and asked for more. What is in it follows.
    #[non_exhaustive]
    Chunk {
        /// Its size in bytes.
        bytes: usize,
    },
    /// The transport was gone before it asked for more than this chunk: of its bytes none, some or all were written.
    #[non_exhaustive]
    Unsent {
        /// Its size in bytes.
        bytes: usize,
    },
    /// A reconnection time was handed over: the stream's, or that of the event that follows.
    #[non_exhaustive]
    Retry {
        /// How long the client is to wait.
        time: Duration,
    },
    /// An event was handed over.
    #[non_exhaustive]
    Event {
        /// What it was made of ([`IntoFrame::KIND`](sse_core::IntoFrame::KIND)): `event`, `text`, `json`, …; `error` when
        /// the error policy made it, `opening` when it belongs to the first bytes.
        kind: &'static str,
        /// Its name; `message` when it has none.
        name: &'a str,
        /// Its id, if it has one.
        id: Option<&'a str>,
        /// How many lines its data has.
        data_lines: usize,
        /// How many bytes its data has.
        data_bytes: usize,
    },
    /// A heartbeat was handed over.
    Heartbeat,
    /// The close event was handed over.
    #[non_exhaustive]
    CloseEvent {
        /// Its name; `message` when it has none.
        name: &'a str,
    },
    /// An item gave no frame; the error policy decides what becomes of it.
    #[non_exhaustive]
    Error {
        /// What it was made of, as in [`Notice::Event`]; `function` when an async function failed.
        kind: &'static str,
        /// What was wrong.
        error: &'a ItemError,
    },
    /// The response is over. Comes once, last; not for one that was never polled, which did not start.
    #[non_exhaustive]
    Close {
        /// Why.
        reason: CloseReason,
        /// What was handed out in all, a chunk that was not taken among it.
        totals: Totals,
    },
}

/// Who hears what, and what they have not been told yet.
pub(crate) struct Reports {
    on_close: Option<CloseHook>,
    observed: Option<Box<Observed>>,
    is_closed: bool,
}

struct Observed {
    observer: Guarded<Arc<dyn Observer>>,
    is_started: bool,
    /// Reads names and ids off the wire: frames do not carry them, and responses without an observer pay nothing.
    decoder: Decoder,
    /// What the events that were accepted are made of, in the order of the wire, each with how many of them follow.
    kinds: VecDeque<(&'static str, usize)>,
    /// Handed out, and not known to be taken; with whether it is a heartbeat.
    unreported: Option<(Bytes, bool)>,
}

impl Reports {
    pub(crate) fn new(on_close: Option<CloseHook>, observer: Option<Arc<dyn Observer>>) -> Self {
        let observed = observer.map(|observer| {
            Box::new(Observed {
                observer: Guarded::new(observer),
                is_started: false,
                decoder: Decoder::with_limit(usize::MAX),
                kinds: VecDeque::new(),
                unreported: None,
            })
        });
        Self { on_close, observed, is_closed: false }
    }

    pub(crate) fn start(&mut self) {
        if let Some(observed) = &mut self.observed {
            if !core::mem::replace(&mut observed.is_started, true) {
                tell(&observed.observer, &Notice::Start);
            }
        }
    }

    /// What was accepted may never come: a poll panicked with it.
    pub(crate) fn forget(&mut self) {
        if let Some(observed) = &mut self.observed {
            observed.kinds.clear();
        }
    }

    /// Tells of an item that gave no frame; `kind` is not asked where nobody listens.
    pub(crate) fn observe_error(&self, kind: impl FnOnce() -> &'static str, error: &ItemError) {
        if self.observed.is_some() {
            self.observe(&Notice::Error { kind: kind(), error });
        }
    }

    pub(crate) fn observe(&self, notice: &Notice<'_>) {
        if let Some(observed) = &self.observed {
            tell(&observed.observer, notice);
        }
    }

    /// Takes note that a frame was accepted and of what it was made; `kind` is not asked where nobody listens.
    pub(crate) fn accept(&mut self, frame: &[u8], kind: impl FnOnce() -> &'static str) {
        if let Some(observed) = &mut self.observed {
            let mut decoder = Decoder::with_limit(usize::MAX);
            let mut feed = decoder.feed(frame);
            let mut events = 0;
            while let Some(item) = feed.next() {
                events += usize::from(matches!(item, Item::Event(_)));
            }
            if events > 0 {
                observed.kinds.push_back((kind(), events));
            }
        }
    }

    pub(crate) fn hand_over(&mut self, chunk: &Bytes, is_heartbeat: bool) {
        if let Some(observed) = &mut self.observed {
            observed.unreported = Some((chunk.clone(), is_heartbeat));
        }
    }

    /// The next poll, or the end, says that the transport took the last chunk.
    #[inline]
    pub(crate) fn was_handed_over(&mut self) {
        if let Some(observed) = &mut self.observed {
            observed.was_handed_over();
        }
    }

    pub(crate) fn close(&mut self, reason: CloseReason, totals: Totals) {
        if core::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let _runs_even_if_the_observer_panics = RunOnDrop(self.on_close.take(), reason, totals);
        let unsent = self.observed.as_mut().and_then(|observed| observed.unreported.take());
        if let Some((chunk, _)) = unsent {
            self.observe(&Notice::Unsent { bytes: chunk.len() });
        }
        if self.observed.as_ref().is_some_and(|observed| observed.is_started) {
            self.observe(&Notice::Close { reason, totals });
        }
    }
}

struct RunOnDrop(Option<CloseHook>, CloseReason, Totals);

impl Drop for RunOnDrop {
    fn drop(&mut self) {
        if let Some(hook) = self.0.take() {
            unwinding::run(|| hook(self.1, self.2));
        }
    }
}

fn tell(observer: &Guarded<Arc<dyn Observer>>, notice: &Notice<'_>) {
    if let Some(observer) = observer.get() {
        unwinding::run(|| observer.observe(notice));
    }
}

impl Observed {
    fn was_handed_over(&mut self) {
        if let Some((chunk, is_heartbeat)) = self.unreported.take() {
            self.report(&chunk, is_heartbeat);
        }
    }

    fn report(&mut self, chunk: &[u8], is_heartbeat: bool) {
        let Self { observer, decoder, kinds, .. } = self;
        let tell = |notice: &Notice<'_>| tell(observer, notice);
        tell(&Notice::Chunk { bytes: chunk.len() });
        if is_heartbeat {
            tell(&Notice::Heartbeat);
        }
        let mut feed = decoder.feed(chunk);
        while let Some(item) = feed.next() {
            // A heartbeat may be an event; it was told of already.
            match item {
                Item::Retry(time) => tell(&Notice::Retry { time }),
                Item::Event(event) if !is_heartbeat => {
                    let name = event.event_type();
                    // Nobody gave it: it is the connection's own.
                    let Some(kind) = next_kind(kinds) else {
                        tell(&Notice::CloseEvent { name });
                        continue;
                    };
                    tell(&Notice::Event {
                        kind,
                        name,
                        id: event.sets_id().then(|| event.last_event_id()),
                        data_lines: 1 + event.data().matches('\n').count(),
                        data_bytes: event.data().len(),
                    });
                }
                _ => {}
            }
        }
    }
}

fn next_kind(kinds: &mut VecDeque<(&'static str, usize)>) -> Option<&'static str> {
    let (kind, events) = kinds.front_mut()?;
    let kind = *kind;
    *events -= 1;
    if *events == 0 {
        kinds.pop_front();
    }
    Some(kind)
}
