//! What Server-Sent Events code is tested with.
//!
//! - [`oracle`]: the standard's algorithm, written down line by line, to hold a decoder against.
//! - `contract`: the scenarios that every adapter has to keep, on virtual time.
//!
//! # Features
//!
//! - `contract`: the scenarios, with the HTTP client they need.
#![cfg_attr(feature = "contract", allow(clippy::expect_used, reason = "it asserts"))]

#[cfg(feature = "contract")]
pub mod contract;
pub mod oracle;
