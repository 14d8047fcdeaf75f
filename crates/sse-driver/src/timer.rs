use core::task::{Context, Poll};
use sse_core::Instant;

/// A runtime's clock and alarm, as the driver needs them.
///
/// The driver looks at the clock to decide and uses the alarm only to be woken; it sets it only when it has to ring
/// earlier than before or has rung. An implementation makes its alarm on the first [`Timer::reset`], not before: a
/// response is often built outside of the runtime.
///
/// ```
/// use core::pin::Pin;
/// use core::task::{Context, Poll};
/// use sse_driver::Timer;
/// use sse_driver::sse_core::Instant;
/// use tokio::time::{Sleep, sleep_until};
///
/// #[derive(Default)]
/// struct Tokio {
///     epoch: Option<tokio::time::Instant>,
///     sleep: Option<Pin<Box<Sleep>>>,
/// }
///
/// impl Timer for Tokio {
///     fn now(&mut self) -> Instant {
///         Instant::from_epoch(self.epoch.get_or_insert_with(tokio::time::Instant::now).elapsed())
///     }
///
///     fn reset(&mut self, deadline: Instant) {
///         let epoch = *self.epoch.get_or_insert_with(tokio::time::Instant::now);
///         self.sleep = Some(Box::pin(sleep_until(epoch + deadline.since_epoch())));
///     }
///
///     fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
///     }
/// }
/// ```
pub trait Timer {
    /// Returns the time since an epoch of the timer's choice, by the same clock that rings the alarm.
    fn now(&mut self) -> Instant;

    /// Sets the alarm to `deadline`, in the place of what it was set to.
    fn reset(&mut self, deadline: Instant);

    /// Is ready once the alarm has rung, which is never before its deadline; wakes the task when it rings.
    ///
    /// Not called again after it was ready before the alarm is set anew.
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A [`Timer`] that is armed no more often than it has to ring; for those who write a loop of their own.
///
/// ```
/// use core::future::poll_fn;
/// use core::time::Duration;
/// use sse_driver::{Alarm, TokioTimer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mut alarm = Alarm::new(TokioTimer::default());
/// let now = alarm.now();
/// let deadline = now.saturating_add(Duration::from_secs(15));
/// assert_eq!(poll_fn(|cx| alarm.poll(now, deadline, cx)).await, deadline);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Alarm<T> {
    timer: T,
    armed: Option<Instant>,
}

impl<T: Timer> Alarm<T> {
    /// Makes an alarm that is not set.
    pub fn new(timer: T) -> Self {
        Self { timer, armed: None }
    }

    /// Returns the time by the timer's clock.
    pub fn now(&mut self) -> Instant {
        self.timer.now()
    }

    /// Arranges a wake-up at `deadline` or earlier; is ready, with the time it was set to, when it has rung.
    ///
    /// An alarm that rings too early costs one look at the clock; setting it anew for each event would cost more.
    pub fn poll(&mut self, now: Instant, deadline: Instant, cx: &mut Context<'_>) -> Poll<Instant> {
        if !self.armed.is_some_and(|armed| now < armed && armed <= deadline) {
            self.timer.reset(deadline);
            self.armed = Some(deadline);
        }
        self.timer.poll_elapsed(cx).map(|()| self.armed.take().unwrap_or(deadline))
    }
}

#[cfg(feature = "tokio")]
pub use self::with_tokio::TokioTimer;

#[cfg(feature = "tokio")]
mod with_tokio {
    use super::{Context, Instant, Poll, Timer};
    use core::future::Future;
    use core::pin::Pin;
    use core::time::Duration;
    use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};

    /// Tokio's clock and timer, which tests can pause.
    ///
    /// Built anywhere; it needs a tokio runtime with its timer enabled from the first poll of the response on.
    ///
    /// ```
    /// use core::future::poll_fn;
    /// use core::time::Duration;
    /// use sse_driver::{Timer, TokioTimer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let mut timer = TokioTimer::default();
    /// let deadline = timer.now().saturating_add(Duration::from_secs(15));
    /// timer.reset(deadline);
    /// poll_fn(|cx| timer.poll_elapsed(cx)).await;
    /// assert!(timer.now() >= deadline);
    /// # }
    /// ```
    #[derive(Debug, Default)]
    pub struct TokioTimer {
        epoch: Option<TokioInstant>,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    /// For deadlines beyond what the platform's clock can hold.
    const FAR_AWAY: Duration = Duration::from_secs(86_400 * 365);

    impl Timer for TokioTimer {
        fn now(&mut self) -> Instant {
            let now = TokioInstant::now();
            let epoch = *self.epoch.get_or_insert(now);
            Instant::from_epoch(now.saturating_duration_since(epoch))
        }

        fn reset(&mut self, deadline: Instant) {
            let epoch = *self.epoch.get_or_insert_with(TokioInstant::now);
            let deadline =
                epoch.checked_add(deadline.since_epoch()).unwrap_or_else(|| TokioInstant::now() + FAR_AWAY);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline),
                None => self.sleep = Some(Box::pin(sleep_until(deadline))),
            }
        }

        fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
        }
    }
}
