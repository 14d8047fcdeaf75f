use sse_core::ItemError;
use sse_core::connection::{CloseReason, Totals};

/// Is told what happens to a response; see [`Notice`].
///
/// Called inside of the response's own poll: it must not block. Implemented for functions.
///
/// ```
/// use sse_driver::{Notice, Options};
///
/// let options = Options::new().with_observer(|notice: &Notice<'_>| match notice {
///     Notice::Close { reason, totals } => println!("closed: {reason} after {} bytes", totals.bytes),
///     _ => {}
/// });
/// # let _ = options;
/// ```
pub trait Observer: Send + Sync {
    /// Takes note.
    fn observe(&self, notice: &Notice<'_>);
}

impl<F: Fn(&Notice<'_>) + Send + Sync> Observer for F {
    fn observe(&self, notice: &Notice<'_>) {
        self(notice);
    }
}

/// Something happened to a response. Never holds event data.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The response was polled for the first time.
    Start,
    /// A chunk was handed over: the transport has taken it and asked for more, or is gone.
    Chunk {
        /// Its size in bytes.
        bytes: usize,
    },
    /// An item gave no frame; the error policy decides what becomes of it.
    Error {
        /// What was wrong.
        error: &'a ItemError,
    },
    /// The response is over. Comes once, last.
    Close {
        /// Why.
        reason: CloseReason,
        /// What was handed over in all.
        totals: Totals,
    },
}
