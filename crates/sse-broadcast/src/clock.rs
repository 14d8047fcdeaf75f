//! The time that events are stamped with and age by.

use core::time::Duration;
use std::time::Instant;

/// The clock is read in front of the lock, and who read it first may come last: by so much, or by the age of events if that is
/// more, it is not taken to be set back.
const SLACK: Duration = Duration::from_secs(1);

/// What a clock shows, made to run forward: it stands still while the clock is a little behind. When the clock is set back it
/// goes on from where it is, so that no jump, ahead or back, keeps events from ageing for longer than they live.
#[derive(Debug, Default)]
pub(crate) struct Time {
    now: Option<Instant>,
    /// How far the clock was set back in all.
    behind: Duration,
}

impl Time {
    /// The time, now that the clock shows this.
    pub(crate) fn at(&mut self, shown: Instant, age: Duration) -> Instant {
        let latest = self.now.unwrap_or(shown);
        let mut now = shown.checked_add(self.behind).unwrap_or(latest);
        if latest.saturating_duration_since(now) > age.max(SLACK) {
            self.behind = latest.saturating_duration_since(shown);
        }
        now = now.max(latest);
        self.now = Some(now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_forward_whatever_the_clock_does() {
        let (zero, age) = (Instant::now(), Duration::from_secs(60));
        let mut time = Time::default();
        let shows = [(100, 100), (50, 100), (40, 100), (110, 110)];
        // Set back twice, and on in between.
        let set_back = [(49, 110), (59, 120), (1_000, 1_061), (0, 1_061), (5, 1_066), (4, 1_066), (6, 1_067)];
        for (shown, expected) in shows.into_iter().chain(set_back) {
            let now = time.at(zero + Duration::from_secs(shown), age);
            assert_eq!((now - zero).as_secs(), expected, "at {shown}");
        }
    }

    #[test]
    fn threads_that_come_late_set_no_clock_back() {
        let zero = Instant::now();
        let mut time = Time::default();
        for (shown, expected) in [(1_500, 1_500), (500, 1_500), (1_501, 1_501), (501, 1_501), (1_502, 1_502)]
        {
            let now = time.at(zero + Duration::from_millis(shown), Duration::ZERO);
            assert_eq!((now - zero).as_millis(), expected, "at {shown}");
        }
    }
}
