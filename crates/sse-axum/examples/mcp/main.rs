//! A server of the Model Context Protocol over streamable HTTP, in both of its forms: 2025-11-25 with sessions and streams
//! that resume, 2026-07-28 without either.
//!
//! `cargo run -p sse-axum --example mcp`, with the environment variable `PORT` for a port of your choice. Its one tool counts,
//! and tells of its progress: `{"to": 5}`; `{"to": 5, "hangUpAfter": 2}` makes the server close the connection on the way,
//! which a client of 2025-11-25 does not notice but for the time.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

mod jsonrpc;
pub(crate) mod server;
mod session;
pub(crate) mod tool;
mod transcript;

use core::time::Duration;
use std::io;
use tokio::net::TcpListener;

/// How long the tool takes for a step.
const PACE: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    // Loopback only, as the specification wants it for servers on one's own machine.
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    axum::serve(listener, server::app(tool::Tick::new(|| tokio::time::sleep(PACE)))).await
}
