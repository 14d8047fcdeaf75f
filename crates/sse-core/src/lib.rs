//! The Server-Sent Events protocol, sans-IO.
#![no_std]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod connection;
pub mod decode;
pub mod encode;
pub mod event;
pub mod field;
pub mod frame;
pub mod head;
#[cfg(feature = "json")]
pub mod json;
pub mod time;

pub use connection::{CloseReason, Config, Connection};
pub use decode::{
    CommentLine, Decoder, Discarded, Feed, Item, MessageEvent, OwnedCommentLine, OwnedItem, OwnedMessageEvent,
};
pub use encode::{BufferTooSmall, Chunks, DataWriter, Encoder, LineEnding};
pub use event::{Comment, Event};
pub use field::{EventId, EventName, InvalidField, Retry};
pub use frame::{BoxError, Frame, IntoFrame, ItemError};
#[cfg(feature = "json")]
pub use json::{JsonError, JsonEvent};
pub use time::Instant;
