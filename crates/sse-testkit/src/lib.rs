//! What Server-Sent Events code is tested with.
//!
//! # Features
//!
//! - `contract`: the contract that every adapter keeps, on virtual time.
#![cfg_attr(feature = "contract", allow(clippy::expect_used, reason = "it asserts"))]

#[cfg(feature = "contract")]
pub mod contract;
