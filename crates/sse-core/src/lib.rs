//! The Server-Sent Events protocol, sans-IO.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod decode;

pub use decode::{CommentLine, Decoder, Discarded, Feed, Item, MessageEvent, OwnedCommentLine, OwnedItem, OwnedMessageEvent};
