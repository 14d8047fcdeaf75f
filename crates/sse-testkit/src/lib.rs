//! What Server-Sent Events code is tested with.
//!
//! - [`oracle`]: the standard's algorithm, written down line by line, to hold a decoder against.
//! - `html`: whether a page listens to what a stream sends.
//! - `conformance`: lints for the streams of any server.
//! - `contract`: the scenarios that every adapter has to keep, on virtual time.
//!
//! # Features
//!
//! - `collect`: a client that collects event streams and never hangs.
//! - `tower`: services in memory, axum's `Router` among them.
//! - `actix`: actix-web's services in memory.
//! - `url`: servers over HTTP/1.1 and HTTP/2, on sockets and pipes.
//! - `html`: whether a page listens to what a stream sends.
//! - `conformance`: lints for the streams of any server.
//! - `contract`: the scenarios, with the HTTP client they need.
#![cfg_attr(feature = "contract", allow(clippy::expect_used, reason = "it asserts"))]

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "collect")]
pub mod collect;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "html")]
pub mod html;
pub mod oracle;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "url")]
pub mod url;
