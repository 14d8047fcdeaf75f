//! Time as the core sees it: a value that a driver hands in.

use core::time::Duration;

/// A point in time, counted from an epoch that the driver chooses, such as the start of its connection.
///
/// The core reads no clock. A driver keeps an epoch of its clock, passes `now` as the time since then, and turns a
/// deadline back by adding it to the epoch. Arithmetic saturates: no value is out of range.
///
/// ```
/// use core::time::Duration;
/// use sse_core::Instant;
///
/// let now = Instant::EPOCH.saturating_add(Duration::from_secs(15));
/// assert_eq!(now, Instant::from_epoch(Duration::from_secs(15)));
/// assert_eq!(Instant::EPOCH.saturating_duration_since(now), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's epoch itself.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// Makes the instant that lies `since` after the epoch.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    ///
    /// let epoch = std::time::Instant::now();
    /// let now = Instant::from_epoch(epoch.elapsed());
    /// assert!(now >= Instant::EPOCH);
    /// assert!(now < Instant::from_epoch(Duration::MAX));
    /// ```
    #[must_use]
    pub const fn from_epoch(since: Duration) -> Self {
        Self(since)
    }

    /// Returns the time since the epoch: added to the driver's epoch, it is a deadline of the driver's clock.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    ///
    /// let epoch = std::time::Instant::now();
    /// let deadline = Instant::from_epoch(Duration::from_secs(15));
    /// assert_eq!(epoch + deadline.since_epoch(), epoch + Duration::from_secs(15));
    /// ```
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// Returns the instant that lies `duration` later, or the last one there is.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    ///
    /// let last = Instant::from_epoch(Duration::MAX);
    /// assert_eq!(last.saturating_add(Duration::from_secs(1)), last);
    /// ```
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Returns the time since `earlier`, or zero when that lies later.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    ///
    /// let [one, three] = [1, 3].map(|secs| Instant::from_epoch(Duration::from_secs(secs)));
    /// assert_eq!(three.saturating_duration_since(one), Duration::from_secs(2));
    /// assert_eq!(one.saturating_duration_since(three), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
