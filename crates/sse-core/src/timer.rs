//! A period, as the machines keep it.

use crate::time::Instant;
use core::time::Duration;

/// A period that runs from a point in time. A clock that steps back restarts it; one that jumps ahead ends it once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    since: Instant,
    period: Duration,
}

impl Timer {
    pub(crate) const fn start(now: Instant, period: Duration) -> Self {
        Self { since: now, period }
    }

    pub(crate) fn restart(&mut self, now: Instant) {
        self.since = now;
    }

    /// Starts the period that `now` lies in, on the grid of the first.
    pub(crate) fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        let into_period = match elapsed.as_nanos().checked_rem(self.period.as_nanos()) {
            // A period is at most 300 s where this is used: its nanoseconds fit.
            Some(nanos) => Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)),
            None => Duration::ZERO,
        };
        self.since = Instant::from_epoch(now.since_epoch().saturating_sub(into_period));
    }

    /// To be called before anything else is asked: keeps a deadline at most one period away.
    pub(crate) fn handle_now(&mut self, now: Instant) {
        self.since = self.since.min(now);
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.period
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.since.saturating_add(self.period)
    }

    pub(crate) fn with_period(self, period: Duration) -> Self {
        Self { period, ..self }
    }

    pub(crate) const fn period(&self) -> Duration {
        self.period
    }
}
