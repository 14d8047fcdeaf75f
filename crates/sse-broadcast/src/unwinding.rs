//! What users' code may do while a panic unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs users' code. While a panic unwinds, another one would abort the process, and every other client's stream with it: it
/// ends here, and the first is the one that is heard of.
pub(crate) fn run(code: impl FnOnce()) {
    if std::thread::panicking() {
        let _panicked = catch_unwind(AssertUnwindSafe(code));
    } else {
        code();
    }
}
