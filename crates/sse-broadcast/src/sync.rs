//! The locks and the counter: the standard library's, or in its own models those of loom, which tries out in what order threads
//! can come to them.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicU64};
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicU64};
