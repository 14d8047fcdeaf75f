use crate::error_policy::{ErrorAction, ErrorPolicy};
use crate::observer::Reports;
use crate::options::{Options, Until};
use crate::source::Source;
use crate::timer::{Alarm, Timer};
use crate::unwinding::Guarded;
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use pin_project_lite::pin_project;
use sse_core::connection::{CloseReason, Config, Connection, Next, Output, Totals};
use sse_core::{Encoder, Instant, ItemError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// How many items in a row may be skipped before the task lets others run.
const SKIPS_PER_POLL: u32 = 64;

pin_project! {
    /// The loop of one response: polls the source, keeps the connection's time, gives chunks.
    ///
    /// A response body polls it and drops it. Being dropped before the end means that the peer is gone: the source is
    /// dropped with it, the close hook runs. The source, too, is dropped as soon as the stream is closing.
    ///
    /// ```
    /// # use core::task::{Context, Poll};
    /// use core::future::poll_fn;
    /// use core::pin::pin;
    /// use sse_driver::sse_core::Instant;
    /// use sse_driver::{Driver, Options, Timer};
    /// # struct Clock;
    /// # impl Timer for Clock {
    /// #     fn now(&mut self) -> Instant {
    /// #         Instant::EPOCH
    /// #     }
    /// #     fn reset(&mut self, _: Instant) {}
    /// #     fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
    /// #         Poll::Pending
    /// #     }
    /// # }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let source = tokio_stream::iter(["a", "b"]);
    /// let mut driver = pin!(Driver::new(source, Clock, Options::new()));
    /// let chunk = poll_fn(|cx| driver.as_mut().poll_chunk(cx)).await;
    /// assert_eq!(chunk.unwrap(), ":\ndata: a\n\ndata: b\n\n");
    /// assert_eq!(poll_fn(|cx| driver.as_mut().poll_chunk(cx)).await, None);
    /// assert!(driver.is_closed());
    /// # }
    /// ```
    pub struct Driver<S, T> {
        #[pin]
        source: Guarded<S>,
        alarm: Guarded<Alarm<T>>,
        config: Arc<Config>,
        // Made on the first poll: a response may be built and thrown away anywhere.
        connection: Option<Connection>,
        quiet: Option<Quiet>,
        on_error: Guarded<ErrorPolicy>,
        reports: Reports,
        until: Guarded<Until>,
        // The source failed, and what it told is all that it will.
        has_failed: bool,
        // The last that came of the source was a failure, which the policy went over.
        has_skipped_failure: bool,
        // Within a poll; stays so when the poll panics.
        is_polled: bool,
    }

    impl<S, T> PinnedDrop for Driver<S, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let totals = this.connection.as_ref().map(Connection::totals).unwrap_or_default();
            // A poll that did not return panicked: users' code, the source most likely, and not the peer.
            let reason = if *this.is_polled { CloseReason::SourceFailed } else { CloseReason::PeerGone };
            let _told_even_if_the_source_panics = CloseOnDrop { reports: this.reports, reason, totals };
            // The producer goes first: the hook may look at what it left.
            this.source.clear();
        }
    }
}

impl<S, T> Driver<S, T> {
    /// Makes the driver of one response; nothing happens before it is polled, and a driver that is dropped unpolled
    /// runs its close hook.
    pub fn new(source: S, timer: T, options: Options) -> Self
    where
        T: Timer,
    {
        let Options { config, on_error, on_close, until, observer } = options;
        Self {
            source: Guarded::new(source),
            alarm: Guarded::new(Alarm::new(timer)),
            config,
            connection: None,
            quiet: None,
            on_error: Guarded::new(on_error),
            reports: Reports::new(on_close, observer),
            until: Guarded::new(until),
            has_failed: false,
            has_skipped_failure: false,
            is_polled: false,
        }
    }

    /// Says whether the stream is over: nothing more will come. Not before [`Driver::poll_chunk`] has said so.
    pub fn is_closed(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_closed)
    }
}

impl<S: Source, T: Timer> Driver<S, T> {
    /// Gives the next chunk, never empty, or `None` when the stream is over, and from then on.
    ///
    /// To be polled when the transport can take a chunk: after each chunk that was taken, and when the task is woken.
    /// It is woken when the source, the timer or the shutdown has news.
    pub fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        // Only the drop takes these.
        let (Some(alarm), Some(on_error)) = (this.alarm.get_mut(), this.on_error.get()) else {
            return Poll::Ready(None);
        };
        if core::mem::replace(this.is_polled, true) {
            // Users' code panicked in the poll before, and somebody went on: the source is not asked again.
            *this.has_failed = true;
            this.reports.forget();
        }
        this.reports.was_handed_over();
        // An alarm that rang proves that its time has come, even by a clock that lags behind it.
        let mut rung = Instant::EPOCH;
        let chunk = loop {
            let now = alarm.now().max(rung);
            let connection = this.connection.get_or_insert_with(|| {
                this.reports.start();
                if let Some(opening) = this.config.opening() {
                    this.reports.accept(opening.as_bytes(), || "opening");
                }
                Connection::start(Arc::clone(this.config), now).with_seed(random_seed())
            });
            if connection.is_open() {
                if let Some(until) = this.until.get_mut() {
                    if until.as_mut().poll(cx).is_ready() {
                        Pin::new(&mut *this.until).clear();
                        connection.wind_down(CloseReason::Shutdown);
                        *this.quiet = None;
                    }
                }
            }
            let encoder = this.config.encoder();
            let mut asked = Asked {
                source: this.source.as_mut(),
                encoder,
                on_error,
                reports: this.reports,
                has_failed: this.has_failed,
                has_skipped_failure: this.has_skipped_failure,
                is_drained: false,
                skips: 0,
            };
            *this.quiet = this.quiet.and_then(|quiet| quiet.at(now));
            let mut first = None;
            if let Some(Quiet { until, .. }) = *this.quiet {
                match asked.next(cx) {
                    // The connection would say no more than that.
                    Next::Pending => match alarm.poll(now, until, cx) {
                        Poll::Pending => break Poll::Pending,
                        Poll::Ready(deadline) => {
                            rung = deadline;
                            continue;
                        }
                    },
                    next => first = Some(next),
                }
            }
            let beats = connection.totals().heartbeats;
            let output = connection.poll_output_with(now, || first.take().unwrap_or_else(|| asked.next(cx)));
            let is_drained = asked.is_drained;
            if !connection.is_open() || *this.has_failed {
                this.source.as_mut().clear();
                Pin::new(&mut *this.until).clear();
            }
            match output {
                Output::Transmit(chunk) => {
                    // A chunk moves deadlines away only.
                    *this.quiet = this.quiet.filter(|_| is_drained);
                    let is_heartbeat = connection.totals().heartbeats > beats;
                    this.reports.hand_over(&chunk, is_heartbeat);
                    break Poll::Ready(Some(chunk));
                }
                Output::Closed(reason) => {
                    let totals = connection.totals();
                    this.reports.close(reason, totals);
                    break Poll::Ready(None);
                }
                Output::Wait(None) => break Poll::Pending,
                Output::Wait(Some(deadline)) => {
                    *this.quiet = Some(Quiet { now, until: deadline });
                    match alarm.poll(now, deadline, cx) {
                        Poll::Ready(deadline) => rung = deadline,
                        Poll::Pending => break Poll::Pending,
                    }
                }
            }
        };
        *this.is_polled = false;
        chunk
    }
}

/// A time in which an open connection has nothing to do by itself: only the source has to be asked.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    /// When the clock was looked at last.
    now: Instant,
    until: Instant,
}

impl Quiet {
    /// Gives what is left of it. A clock that went back has moved the deadlines, too: the connection has to be told.
    fn at(self, now: Instant) -> Option<Self> {
        (self.now <= now && now < self.until).then_some(Self { now, ..self })
    }
}

struct CloseOnDrop<'a> {
    reports: &'a mut Reports,
    reason: CloseReason,
    totals: Totals,
}

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.reports.close(self.reason, self.totals);
    }
}

/// The source, as the connection asks it.
struct Asked<'a, S> {
    source: Pin<&'a mut Guarded<S>>,
    encoder: &'a Encoder,
    on_error: &'a ErrorPolicy,
    reports: &'a mut Reports,
    has_failed: &'a mut bool,
    has_skipped_failure: &'a mut bool,
    /// It had nothing more.
    is_drained: bool,
    skips: u32,
}

impl<S: Source> Asked<'_, S> {
    fn next(&mut self, cx: &mut Context<'_>) -> Next {
        loop {
            if *self.has_failed {
                return Next::Close(CloseReason::SourceFailed);
            }
            let Some(mut source) = self.source.as_mut().get_pin_mut() else {
                return Next::Close(CloseReason::SourceEnded);
            };
            let error = match source.as_mut().poll_frame(self.encoder, cx) {
                Poll::Pending => {
                    self.is_drained = true;
                    return Next::Pending;
                }
                Poll::Ready(None) if *self.has_skipped_failure => {
                    return Next::Close(CloseReason::SourceFailed);
                }
                Poll::Ready(None) => return Next::Close(CloseReason::SourceEnded),
                Poll::Ready(Some(Ok(frame))) => {
                    *self.has_skipped_failure = false;
                    self.reports.accept(frame.as_bytes(), || source.kind());
                    return Next::Frame(frame);
                }
                Poll::Ready(Some(Err(ItemError::Close(reason)))) => return Next::Close(reason),
                Poll::Ready(Some(Err(error))) => error,
            };
            *self.has_skipped_failure = matches!(error, ItemError::Source(_));
            let error = Guarded::new(error);
            let action = error.get().map_or(ErrorAction::Skip, |error| {
                self.reports.observe_error(|| source.kind(), error);
                match error {
                    ItemError::Skip(_) => ErrorAction::Skip,
                    error => self.on_error.decide(error, self.encoder),
                }
            });
            match action {
                ErrorAction::Send(frame) => {
                    self.reports.accept(frame.as_bytes(), || "error");
                    return Next::Frame(frame);
                }
                ErrorAction::SendAndClose(frame) => {
                    *self.has_failed = true;
                    self.reports.accept(frame.as_bytes(), || "error");
                    return Next::Frame(frame);
                }
                ErrorAction::Close => return Next::Close(CloseReason::SourceFailed),
                ErrorAction::Skip => {
                    self.skips += 1;
                    if self.skips == SKIPS_PER_POLL {
                        cx.waker().wake_by_ref();
                        return Next::Pending;
                    }
                }
            }
        }
    }
}

impl<S, T> fmt::Debug for Driver<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Returns the standard library's own randomness, which differs between processes and calls: a seed for jitter, nothing
/// secret.
///
/// ```
/// assert_ne!(sse_driver::random_seed(), sse_driver::random_seed());
/// ```
#[must_use]
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
