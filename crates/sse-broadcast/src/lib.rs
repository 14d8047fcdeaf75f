//! Server-Sent Events to many clients: one log, many cursors, streams that resume.
//!
//! A [`Broadcaster`] keeps what was published on each topic for a while. A [`Subscription`] is a cursor in it: publishing
//! encodes once, appends and wakes, and a subscriber that wakes takes everything that it missed. The log *is* the replay: a
//! client that reconnects with its last event id is a cursor that is set further back. So memory is bounded by the log,
//! whatever the clients do, and there is no hand-over from replay to live that could lose an event or double one.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sse_broadcast::{Broadcaster, Message, Settings};
//! use sse_core::event_name;
//!
//! let hub = Broadcaster::new(Settings::new());
//! hub.register_event(event_name!("chat"));
//! hub.publish("room/7", Message::json(event_name!("chat"), "hello")?)?;
//!
//! // In a handler: `Sse::new(stream)` of any adapter.
//! let last_event_id = None; // the request's
//! let stream = hub.subscribe_or_refuse(["room/7"], last_event_id);
//! # let _ = stream;
//! # Ok(()) }
//! ```
//!
//! # Ids, order, loss
//!
//! The id of an event is `epoch-sequence`. Sequence numbers count all events of a broadcaster, so a subscription to several
//! topics merges them in order, and one id resumes them all. A number is given and its event appended under the same lock,
//! and a subscriber reads all of its topics under that lock: whoever sees an event sees, before it, every event of its
//! topics with a smaller number.
//!
//! What cannot be had any more is *said*: [`Outcome`] to the handler, and an event in the stream to the client. A subscriber
//! that falls behind while it is connected is dealt with by [`Lag`]. A new broadcaster has a new epoch: after a restart
//! clients are told so.
//!
//! # Locks
//!
//! One [`std::sync::Mutex`] guards the log, the cursors' places and the counts; it is held to append, to read references and
//! to register. Encoding, waking, filters, hooks and snapshots happen outside of it; what is left to do under it is to put the
//! id in, and for a ready frame of several events to join their parts. A second lock keeps [`Broadcaster::publish_with`] and
//! snapshots apart; publishing otherwise does not know it.
//!
//! # Cost
//!
//! An idle subscriber of one topic takes about 300 bytes, whatever is published; publishing does no work for it but to wake
//! it. Subscribers of one topic that wake at the same place share one frame, joined once. Figures: `docs/BENCHMARKING.md`.
//!
//! # Features
//!
//! - `json` (default): [`Message::json`], [`TypedEvent`].

mod clock;
mod feed;
mod hub;
mod log;
mod message;
#[cfg(all(test, loom))]
mod models;
mod position;
mod settings;
mod subscription;
mod sync;
mod unwinding;

pub use feed::{Batch, FedEvent, Feed, FeedError};
pub use hub::{Broadcaster, PublishError, Stats, SubscribeError};
pub use message::Message;
#[cfg(feature = "json")]
pub use message::TypedEvent;
pub use position::{Epoch, NotAPosition, Position, Sequence};
pub use settings::{Lag, Presence, Settings};
pub use subscription::{Delivery, Outcome, Published, Subscribe, Subscription};

pub use sse_core;
