//! The Server-Sent Events protocol: fields, encoder, decoder, and the life of a response. No I/O, no clock, no `std`.
//!
//! Applications use it through the crate of their framework (`sse-hyper`, `sse-axum`, `sse-actix`). Use it alone to write
//! another server, another adapter, or a client.
//!
//! - [`Event`] is a value; [`Event::to_frame`] makes it bytes. What exists can be encoded: [`EventName`] and [`EventId`]
//!   hold nothing that could end a line.
//! - [`Decoder`] reads a stream of bytes as browsers do and lends what it finds.
//! - [`Connection`] says what to send when: first bytes, heartbeats, the end. It is told the time.
//! - [`client`] is the other end: when to connect, what to send, when to give up. It is told the time, too.
//! - [`head`] names the headers.
//!
//! # A server
//!
//! The whole of a driver, here with a vector for a socket and a counter for a clock:
//!
//! ```
//! use core::time::Duration;
//! use sse_core::connection::{CloseReason, Config, Connection, Output};
//! use sse_core::{Event, Instant};
//!
//! let (mut socket, mut now) = (Vec::new(), Instant::EPOCH);
//! let mut connection = Connection::start(Config::new(), now);
//! for number in 1..=2_u64 {
//!     connection.send(Event::new("tick").with_id(number))?;
//! }
//! let reason = loop {
//!     match connection.poll_output(now) {
//!         Output::Transmit(bytes) => socket.extend_from_slice(&bytes),
//!         Output::Wait(Some(deadline)) if now < Instant::from_epoch(Duration::from_secs(15)) => now = deadline,
//!         Output::Wait(_) => connection.close(CloseReason::Shutdown),
//!         Output::Closed(reason) => break reason,
//!     }
//! };
//! assert_eq!(reason, CloseReason::Shutdown);
//! assert_eq!(socket, b":\nid: 1\ndata: tick\n\nid: 2\ndata: tick\n\n: heartbeat\n");
//! # Ok::<(), sse_core::connection::SendError>(())
//! ```
//!
//! Two real ones, on blocking sockets and on a readiness loop, are among the examples.
//!
//! # Features
//!
//! - `std` (default): faster scanning, [`io::Write`](std::io::Write) for [`DataWriter`]. Never another behaviour.
//! - `json`: [`Event::json`], by `serde_json`.
//!
//! Without `std` the crate needs an allocator and atomic compare-and-swap, as `bytes` does.
//!
//! # When not to use it
//!
//! For a web application: its framework's adapter does all of this. For a client on hyper: `sse-hyper` has one.
#![cfg_attr(not(feature = "std"), allow(rustdoc::broken_intra_doc_links))]
#![no_std]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod client;
mod close;
pub mod connection;
pub mod decode;
pub mod encode;
pub mod event;
pub mod field;
pub mod frame;
pub mod head;
#[cfg(feature = "json")]
pub mod json;
pub mod profile;
pub mod random;
pub mod time;
mod timer;

pub use connection::{CloseReason, Config, Connection};
pub use decode::{
    CommentLine, Decoder, Discarded, Feed, Item, MessageEvent, OwnedCommentLine, OwnedItem, OwnedMessageEvent,
};
pub use encode::{BufferTooSmall, Chunks, DataWriter, Encoder, LineEnding};
pub use event::{Comment, Event};
pub use field::{EventId, EventName, InvalidField, Retry};
pub use frame::{BoxError, Frame, FrameAwaitingId, IntoFrame, ItemError, NotAFrame, RenderError};
#[cfg(feature = "json")]
pub use json::{JsonError, JsonEvent};
pub use profile::{ClientProfile, Refusal};
pub use time::Instant;
