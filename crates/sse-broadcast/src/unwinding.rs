//! What users' code may do while a panic unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs users' code. While a panic unwinds, another one would abort the process, and every other client's stream with it: it
/// ends here, and the first is the one that is heard of.
pub(crate) fn run(code: impl FnOnce()) {
    if !std::thread::panicking() {
        return code();
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        // What was panicked with is users' code, too. Leaked if it will not be dropped: there may be no end of these.
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            core::mem::forget(another);
        }
    }
}

/// Something of the user's, or nothing: dropped as [`run`] runs, wherever its owner is dropped. Whatever a broadcaster holds
/// of users' code is in one, or is a waker that waits and is woken as [`run`] runs.
#[derive(Clone)]
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        run(|| drop(value));
    }
}
