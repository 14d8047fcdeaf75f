use core::time::Duration;
use sse_core::random::part_of;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How long to wait before the next try: up to a time that doubles, at random, so that nodes do not come back all at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new((first, most): (Duration, Duration)) -> Self {
        Self { first, most, next: first }
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let up_to = self.next;
        self.next = up_to.saturating_mul(2).min(self.most);
        // Never none at all: a server that refuses at once must not be asked in a busy loop.
        up_to / 2 + part_of(up_to / 2, RandomState::new().build_hasher().finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_most_and_begins_again() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new((millis(100), millis(1_000)));
        for up_to in [100, 200, 400, 800, 1_000, 1_000] {
            let pause = backoff.next();
            assert!(millis(up_to / 2) <= pause && pause <= millis(up_to), "{pause:?} of {up_to}");
        }
        backoff.reset();
        assert!(backoff.next() <= millis(100));
    }
}
