use crate::error_policy::{ErrorAction, ErrorPolicy};
use crate::observer::{Notice, Observer};
use crate::options::{CloseHook, Options, Until};
use crate::source::Source;
use crate::timer::{Alarm, Timer};
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use pin_project_lite::pin_project;
use sse_core::connection::{CloseReason, Config, Connection, Next, Output, Totals};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// How many items in a row may be skipped before the task lets others run.
const SKIPS_PER_POLL: u32 = 64;

pin_project! {
    /// The loop of one response: polls the source, keeps the connection's time, gives chunks.
    ///
    /// A response body polls it and drops it. Being dropped before the end means that the peer is gone: the source is
    /// dropped with it, the close hook runs. The source, too, is dropped as soon as the stream is closing.
    pub struct Driver<S, T> {
        #[pin]
        source: Option<S>,
        alarm: Alarm<T>,
        config: Arc<Config>,
        // Made on the first poll: a response may be built and thrown away anywhere.
        connection: Option<Connection>,
        on_error: ErrorPolicy,
        reports: Reports,
        until: Option<Until>,
        has_failed: bool,
    }

    impl<S, T> PinnedDrop for Driver<S, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The producer goes first: the hook may look at what it left.
            let mut source = this.source;
            source.set(None);
            let totals = this.connection.as_ref().map(Connection::totals).unwrap_or_default();
            this.reports.close(CloseReason::PeerGone, totals);
        }
    }
}

impl<S, T> Driver<S, T> {
    /// Makes the driver of one response; nothing happens before it is polled.
    pub fn new(source: S, timer: T, options: Options) -> Self
    where
        T: Timer,
    {
        let Options { config, on_error, on_close, until, observer } = options;
        Self {
            source: Some(source),
            alarm: Alarm::new(timer),
            config,
            connection: None,
            on_error,
            reports: Reports { on_close, observer, unreported_bytes: 0, is_closed: false },
            until,
            has_failed: false,
        }
    }

    /// Says whether the stream is over: nothing more will come.
    pub fn is_closed(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_closed)
    }
}

impl<S: Source, T: Timer> Driver<S, T> {
    /// Gives the next chunk, never empty, or `None` when the stream is over, and from then on.
    ///
    /// To be polled when the transport can take a chunk. The task is woken when the source, the timer or the shutdown has
    /// news.
    pub fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        this.reports.handed_over();
        loop {
            let now = this.alarm.now();
            let connection = this.connection.get_or_insert_with(|| {
                this.reports.observe(&Notice::Start);
                Connection::start(Arc::clone(this.config), now).with_seed(random_seed())
            });
            if connection.is_open() {
                if let Some(until) = this.until {
                    if until.as_mut().poll(cx).is_ready() {
                        *this.until = None;
                        connection.close(CloseReason::Shutdown);
                    }
                }
            }
            let encoder = *connection.config().encoder();
            let mut skips = 0;
            let output = connection.poll_output_with(now, || {
                loop {
                    if *this.has_failed {
                        return Next::Close(CloseReason::SourceFailed);
                    }
                    let Some(source) = this.source.as_mut().as_pin_mut() else {
                        return Next::Close(CloseReason::SourceEnded);
                    };
                    let error = match source.poll_frame(&encoder, cx) {
                        Poll::Pending => return Next::Pending,
                        Poll::Ready(None) => return Next::Close(CloseReason::SourceEnded),
                        Poll::Ready(Some(Ok(frame))) => return Next::Frame(frame),
                        Poll::Ready(Some(Err(error))) => error,
                    };
                    this.reports.observe(&Notice::Error { error: &error });
                    match this.on_error.decide(&error, &encoder) {
                        ErrorAction::Send(frame) => return Next::Frame(frame),
                        ErrorAction::SendAndClose(frame) => {
                            *this.has_failed = true;
                            return Next::Frame(frame);
                        }
                        ErrorAction::Close => return Next::Close(CloseReason::SourceFailed),
                        ErrorAction::Skip => {
                            skips += 1;
                            if skips == SKIPS_PER_POLL {
                                cx.waker().wake_by_ref();
                                return Next::Pending;
                            }
                        }
                    }
                }
            });
            if !connection.is_open() || *this.has_failed {
                this.source.set(None);
                *this.until = None;
            }
            match output {
                Output::Transmit(chunk) => {
                    this.reports.unreported_bytes = chunk.len();
                    return Poll::Ready(Some(chunk));
                }
                Output::Closed(reason) => {
                    let totals = connection.totals();
                    this.reports.close(reason, totals);
                    return Poll::Ready(None);
                }
                Output::Wait(None) => return Poll::Pending,
                Output::Wait(Some(deadline)) => {
                    if this.alarm.poll(now, deadline, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

/// Who hears what, and what they have not been told yet.
struct Reports {
    on_close: Option<CloseHook>,
    observer: Option<Arc<dyn Observer>>,
    unreported_bytes: usize,
    is_closed: bool,
}

impl Reports {
    fn observe(&self, notice: &Notice<'_>) {
        if let Some(observer) = &self.observer {
            observer.observe(notice);
        }
    }

    /// The next poll, or the end, says that the transport took the last chunk.
    fn handed_over(&mut self) {
        let bytes = core::mem::take(&mut self.unreported_bytes);
        if bytes > 0 {
            self.observe(&Notice::Chunk { bytes });
        }
    }

    fn close(&mut self, reason: CloseReason, totals: Totals) {
        if core::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.handed_over();
        self.observe(&Notice::Close { reason, totals });
        if let Some(hook) = self.on_close.take() {
            hook(reason, totals);
        }
    }
}

impl<S, T> fmt::Debug for Driver<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// The standard library's own randomness, which differs between processes and calls.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
