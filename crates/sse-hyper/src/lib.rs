//! Server-Sent Events for hyper, and for any server that takes an [`http_body::Body`].
//!
//! [`Sse`] turns a stream of events, or an async function that sends them, into a response. What is sent when is decided
//! below, in `sse-driver` and `sse-core`; this crate speaks `http` and `hyper`.
//!
//! ```
//! use http::{Request, Response};
//! use sse_hyper::{Event, Sender, Source, Sse, SseBody, event_name, last_event_id};
//!
//! fn ticks<B>(request: &Request<B>) -> Response<SseBody<impl Source + use<B>>> {
//!     let seen = last_event_id(request).and_then(|id| id.as_u64()).unwrap_or(0);
//!     let response = Sse::push(move |mut events: Sender| async move {
//!         for number in seen + 1..=3_u64 {
//!             events.send(Event::new("tick").with_name(event_name!("tick")).with_id(number)).await?;
//!         }
//!         Ok::<(), sse_hyper::PushError>(())
//!     });
//!     response.respond_to(request)
//! }
//! # let response = ticks(&Request::new(()));
//! # assert_eq!(response.headers()["content-type"], "text/event-stream");
//! ```
//!
//! The body is `Send` when its source is, and not `Sync`: box it with `BodyExt::boxed_unsync`.
//!
//! # What the server has to do
//!
//! - **Clients that leave** are noticed at once: hyper drops the body, the source with it.
//! - **Clients that stall** hold their body unpolled, so it cannot time out by itself: put a write time-out round the
//!   connection (the examples use `tokio-io-timeout`), not a short one, which would give up slow readers, too. Memory is
//!   bounded meanwhile: nothing is read from the source. Over HTTP/2 the time-out ends connections that are stuck; a client
//!   that stops reading one stream and goes on with others keeps it, at the price of hyper's `max_send_buf_size` at most.
//! - **Clients that vanish** without a word are noticed when heartbeats are not acknowledged: set `TCP_USER_TIMEOUT` on the
//!   listening socket, or Linux retransmits for about 15 minutes. A write time-out does not notice them on idle streams.
//! - **Shutdown** waits for open streams: end them with [`Sse::until`]. Over HTTP/2 a client whose window stays closed holds
//!   it up: limit it.
//! - **HEAD**: use [`Sse::respond_to`]; hyper sends bodies in answer to HEAD over HTTP/2 otherwise.
//!
//! # Features
//!
//! - `json` (default): [`Event::json`].
//! - `broadcast`: events for many clients, with streams that resume: the module `broadcast`.
//! - `tracing`: `TracingObserver`, which tells `tracing` what happens to a response.
//! - `html`: fragments for htmx, Datastar and Turbo: the module `html`, which is the crate `sse-html`.
//! - `client`: the other end, which reconnects: the module `client`.

mod body;
#[cfg(feature = "broadcast")]
pub mod broadcast;
#[cfg(feature = "client")]
pub mod client;
mod request;
mod sse;
mod timer;

pub use body::SseBody;
pub use request::{client_profile, last_event_id};
pub use sse::{Sse, refuse};
pub use timer::HyperTimer;

#[cfg(feature = "tracing")]
pub use sse_driver::TracingObserver;
pub use sse_driver::sse_core::{
    self, ClientProfile, CloseReason, Comment, Config, Encoder, Event, EventId, EventName, Frame, IntoFrame,
    InvalidField, ItemError, LineEnding, RenderError, Retry,
    connection::{CloseEvent, Heartbeat, InvalidInterval, Totals},
    event_id, event_name,
};
#[cfg(feature = "json")]
pub use sse_driver::sse_core::{JsonError, JsonEvent};
pub use sse_driver::{
    self, ErrorAction, ErrorPolicy, Iter, NoEvents, Notice, Observer, Options, Outcome, Push, PushError,
    Sender, Source, Timer, TokioTimer,
};
#[cfg(feature = "html")]
pub use sse_html as html;
