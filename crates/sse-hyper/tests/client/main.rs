//! The client against a server that says exactly what it is told, byte by byte, by tokio's paused clock.
//!
//! The checks of parsing, of HTTP and of reconnection are those that LaunchDarkly's public contract tests for clients
//! make; `peers` has what other released clients were measured to get wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod http;
mod http2;
mod parsing;
mod peers;
mod pipe;
mod reconnection;
#[cfg(feature = "broadcast")]
mod resets;
#[cfg(feature = "broadcast")]
mod resuming;
mod sockets;
