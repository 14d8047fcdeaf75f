//! Events for many clients, with streams that resume: all of [`sse_broadcast`], and its route for axum.
//!
//! ```
//! use axum::{Router, routing::get};
//! use sse_axum::broadcast::{self, Broadcaster, Settings};
//!
//! let hub = Broadcaster::new(Settings::new());
//! let app: Router = Router::new().route("/news", get(broadcast::route(hub.clone(), ["news"])));
//! hub.publish("news", "something happened")?;
//! # let _ = app;
//! # Ok::<(), broadcast::PublishError>(())
//! ```

pub use sse_hyper::broadcast::sse_broadcast::*;
pub use sse_hyper::broadcast::{outcome_header, sse_broadcast};

use crate::{LastEventId, Sse};
use core::future::{Ready, ready};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// What a [`route`] answers.
///
/// ```
/// use axum::response::IntoResponse;
/// use sse_axum::Sse;
/// use sse_axum::broadcast::{Broadcaster, Routed, Settings, outcome_header};
///
/// fn routed(hub: &Broadcaster) -> Routed {
///     let stream = hub.subscribe_or_refuse(["news"], None);
///     ([outcome_header(&stream)], Sse::new(stream))
/// }
///
/// let response = routed(&Broadcaster::new(Settings::new())).into_response();
/// assert_eq!(response.headers()["sse-outcome"], "fresh");
/// ```
pub type Routed = ([(HeaderName, HeaderValue); 1], Sse<Subscription>);

/// Makes a handler that answers with the events of some topics, from the client's `Last-Event-ID` on.
///
/// A client that cannot be taken is told to come back later, in a way that an `EventSource` understands. What the client
/// gets stands in the header `sse-outcome`, too ([`Outcome::HEADER`]). A HEAD gets the head, and does not count as a client.
///
/// For topics of the request, options of the response, or a status for clients that are turned away, write the handler:
///
/// ```
/// use axum::extract::{Path, State};
/// use axum::response::IntoResponse;
/// use axum::{Router, http::StatusCode, routing::get};
/// use sse_axum::broadcast::{self, Broadcaster, Settings, outcome_header};
/// use sse_axum::{LastEventId, Sse};
///
/// async fn room(
///     State(hub): State<Broadcaster>,
///     Path(room): Path<String>,
///     LastEventId(seen): LastEventId,
/// ) -> Result<impl IntoResponse, StatusCode> {
///     let stream = hub.subscribe([room], seen.as_ref()).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
///     Ok(([outcome_header(&stream)], Sse::new(stream).with_heartbeat(None)))
/// }
///
/// let hub = Broadcaster::new(Settings::new());
/// let app: Router = Router::new()
///     .route("/news", get(broadcast::route(hub.clone(), ["news"])))
///     .route("/rooms/{room}", get(room))
///     .with_state(hub);
/// # let _ = app;
/// ```
pub fn route<T: Into<Arc<str>>>(
    hub: Broadcaster,
    topics: impl IntoIterator<Item = T>,
) -> impl Fn(LastEventId) -> Ready<Routed> + Clone + Send + Sync + 'static {
    let topics: Arc<[Arc<str>]> = topics.into_iter().map(Into::into).collect();
    move |LastEventId(seen)| {
        let stream = hub.subscribe_or_refuse(topics.iter().cloned(), seen.as_ref());
        ready(([outcome_header(&stream)], Sse::new(stream)))
    }
}
