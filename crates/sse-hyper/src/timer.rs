use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use hyper::rt::{Sleep, Timer as RtTimer};
use sse_driver::Timer;
use sse_driver::sse_core::Instant;
use std::sync::Arc;

/// Any [`hyper::rt::Timer`] as the clock and alarm of a response.
///
/// Its clock is [`hyper::rt::Timer::now`]. Made by [`Sse::with_timer`](crate::Sse::with_timer).
///
/// ```
/// use sse_hyper::{HyperTimer, Source, SseBody, Sse};
///
/// fn body(events: impl Source) -> SseBody<impl Source, HyperTimer> {
///     Sse::new(events).with_timer(hyper_util::rt::TokioTimer::new()).into_body()
/// }
/// # let _ = body(tokio_stream::iter(["a"]));
/// ```
pub struct HyperTimer {
    timer: Arc<dyn RtTimer + Send + Sync>,
    epoch: Option<std::time::Instant>,
    sleep: Option<Pin<Box<dyn Sleep>>>,
}

/// For deadlines beyond what the platform's clock can hold.
const FAR_AWAY: Duration = Duration::from_secs(86_400 * 365);

impl HyperTimer {
    pub(crate) fn new(timer: impl RtTimer + Send + Sync + 'static) -> Self {
        Self { timer: Arc::new(timer), epoch: None, sleep: None }
    }
}

impl Timer for HyperTimer {
    fn now(&mut self) -> Instant {
        let now = self.timer.now();
        let epoch = *self.epoch.get_or_insert(now);
        Instant::from_epoch(now.saturating_duration_since(epoch))
    }

    fn reset(&mut self, deadline: Instant) {
        let epoch = *self.epoch.get_or_insert_with(|| self.timer.now());
        let deadline =
            epoch.checked_add(deadline.since_epoch()).unwrap_or_else(|| self.timer.now() + FAR_AWAY);
        match &mut self.sleep {
            Some(sleep) => self.timer.reset(sleep, deadline),
            None => self.sleep = Some(self.timer.sleep_until(deadline)),
        }
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

impl fmt::Debug for HyperTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTimer").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
