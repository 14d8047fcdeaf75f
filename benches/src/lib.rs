//! What encoding and decoding costs, next to peers: see `docs/BENCHMARKING.md`.
//!
//! An engine is one way to do the work, a corpus is what it works on. Every engine is generic over what becomes of its
//! output, so that the code that is checked is the code that is measured.

pub mod broadcast;
pub mod callgrind;
pub mod cases;
pub mod corpora;
pub mod engines;
#[cfg(feature = "peers")]
pub mod load;
#[cfg(feature = "peers")]
pub mod nodes;
#[cfg(feature = "peers")]
pub mod report;
