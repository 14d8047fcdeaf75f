//! Real time, for when tokio's clock stands still.
//!
//! A paused clock moves only when every task waits. A task that spins keeps it where it is, and with it every deadline:
//! what waits for one has to be woken from outside of the runtime.

use core::task::Waker;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

static WATCHED: Mutex<Watched> = Mutex::new(Watched { alarms: BTreeMap::new(), next: 0, is_running: false });

/// Told of every change that the thread would not see in time.
static CHANGED: Condvar = Condvar::new();

/// The alarms of all readings: one thread serves them, as long as there are any.
struct Watched {
    alarms: BTreeMap<u64, Entry>,
    next: u64,
    is_running: bool,
}

struct Entry {
    due: Instant,
    /// `None` once it was woken.
    waker: Option<Waker>,
}

/// Wakes a task after a real time, unless it is dropped before.
#[derive(Debug)]
pub(super) struct Alarm(u64);

impl Alarm {
    pub(super) fn new(time: Duration, waker: &Waker) -> Self {
        let entry = Entry { due: due(time), waker: Some(waker.clone()) };
        let mut watched = lock();
        let id = watched.next;
        watched.next = id.wrapping_add(1);
        watched.alarms.insert(id, entry);
        // Where there is no thread to be had, the next alarm tries again.
        let thread = || thread::Builder::new().name("sse-testkit alarms".to_owned()).spawn(run);
        watched.is_running = watched.is_running || thread().is_ok();
        CHANGED.notify_one();
        Self(id)
    }

    /// Says whether it has rung; if not, it will wake this task.
    pub(super) fn has_rung(&self, waker: &Waker) -> bool {
        match self.waker(&mut lock()) {
            None => return true,
            Some(known) if known.will_wake(waker) => return false,
            Some(_) => {}
        }
        let mut other = waker.clone();
        if let Some(known) = self.waker(&mut lock()) {
            core::mem::swap(known, &mut other);
            // A waker may run code of its own when it is dropped: `other` is, behind the lock.
            return false;
        }
        true
    }

    /// The waker, until it was woken.
    fn waker<'a>(&self, watched: &'a mut Watched) -> Option<&'a mut Waker> {
        watched.alarms.get_mut(&self.0)?.waker.as_mut()
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let entry = lock().alarms.remove(&self.0);
        CHANGED.notify_one();
        // Behind the lock, too.
        drop(entry);
    }
}

/// The thread: it ends with the last alarm.
fn run() {
    let mut watched = lock();
    while !watched.alarms.is_empty() {
        let waiting = watched.alarms.values().filter(|entry| entry.waker.is_some());
        let Some(due) = waiting.map(|entry| entry.due).min() else {
            watched = CHANGED.wait(watched).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let now = Instant::now();
        if due > now {
            let waited = CHANGED.wait_timeout(watched, due.duration_since(now));
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let rung = watched.alarms.values_mut().filter(|entry| entry.due <= now);
        let wakers: Vec<Waker> = rung.filter_map(|entry| entry.waker.take()).collect();
        drop(watched);
        for waker in wakers {
            // A waker is anybody's code: one that panics must not keep the others from being woken.
            drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        watched = lock();
    }
    watched.is_running = false;
}

/// Thirty years are as good as for ever, and no sum that fails.
fn due(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time.min(Duration::from_secs(30 * 365 * 86_400))).unwrap_or(now)
}

fn lock() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::pin::pin;
    use core::task::{Context, Poll};
    use std::sync::Arc;
    use std::task::Wake;

    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    #[test]
    fn an_alarm_rings_in_real_time_and_no_thread_is_left_behind() {
        let unpark = Arc::new(Unpark(thread::current()));
        let waker = Waker::from(Arc::clone(&unpark));
        let alarm = Alarm::new(Duration::from_millis(1), &waker);
        let later = Alarm::new(Duration::MAX, &waker);
        while !alarm.has_rung(&waker) {
            thread::park();
        }
        assert!(!later.has_rung(&waker));
        drop((alarm, later));
        // Other tests have alarms of their own.
        let is_left_behind = || {
            let watched = lock();
            watched.is_running && watched.alarms.is_empty()
        };
        while is_left_behind() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_waker_may_own_another_alarm_and_be_the_last_to_let_go_of_it() {
        struct Owner(#[expect(dead_code, reason = "dropped with it")] Alarm);
        impl Wake for Owner {
            fn wake(self: Arc<Self>) {}
        }
        let owner = || Waker::from(Arc::new(Owner(Alarm::new(Duration::MAX, Waker::noop()))));
        let alarm = Alarm::new(Duration::MAX, &owner());
        assert!(!alarm.has_rung(&owner()));
        assert!(!alarm.has_rung(Waker::noop()));
        drop(Alarm::new(Duration::MAX, &owner()));
    }

    #[test]
    fn a_waker_that_panics_stops_no_other_alarm() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new("a waker"));
            }
        }
        let unpark = Waker::from(Arc::new(Unpark(thread::current())));
        let bad = Alarm::new(Duration::from_millis(1), &Waker::from(Arc::new(Panics)));
        for _ in 0..2 {
            let alarm = Alarm::new(Duration::from_millis(1), &unpark);
            while !alarm.has_rung(&unpark) {
                thread::park();
            }
        }
        drop(bad);
    }

    #[test]
    fn an_alarm_wakes_the_task_that_asked_last() {
        let alarm = Alarm::new(Duration::from_millis(1), Waker::noop());
        let mut rung = pin!(core::future::poll_fn(|cx: &mut Context<'_>| {
            if alarm.has_rung(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
        }));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        while rung.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
    }
}
