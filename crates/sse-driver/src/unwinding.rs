//! What users' code may do while a panic unwinds.

use core::pin::Pin;
use pin_project_lite::pin_project;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs users' code. While a panic unwinds, another one would abort the process, and every other response with it: it ends
/// here, and the first is the one that is heard of.
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

pin_project! {
    /// Something of the user's, or nothing: dropped as [`run`] runs, wherever its owner is dropped. Whatever a response
    /// holds of users' code is in one.
    pub(crate) struct Guarded<T> {
        #[pin]
        value: Option<T>,
    }

    impl<T> PinnedDrop for Guarded<T> {
        fn drop(this: Pin<&mut Self>) {
            this.clear();
        }
    }
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: impl Into<Option<T>>) -> Self {
        Self { value: value.into() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    pub(crate) fn get_pin_mut(self: Pin<&mut Self>) -> Option<Pin<&mut T>> {
        self.project().value.as_pin_mut()
    }

    /// Drops it now.
    pub(crate) fn clear(self: Pin<&mut Self>) {
        let mut value = self.project().value;
        run(|| value.set(None));
    }
}
