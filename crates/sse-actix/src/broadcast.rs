//! Events for many clients, with streams that resume: all of [`sse_broadcast`], and its route for actix-web.
//!
//! ```
//! use actix_web::{App, web};
//! use sse_actix::broadcast::{self, Broadcaster, Settings};
//!
//! let hub = Broadcaster::new(Settings::new());
//! let app = App::new().route("/news", web::get().to(broadcast::route(hub.clone(), ["news"])));
//! hub.publish("news", "something happened")?;
//! # let _ = app;
//! # Ok::<(), broadcast::PublishError>(())
//! ```

pub use sse_broadcast::{self, *};

use crate::{LastEventId, Sse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{CustomizeResponder, Responder};
use core::future::{Ready, ready};
use std::sync::Arc;

/// Makes a handler that answers with the events of some topics, from the client's `Last-Event-ID` on.
///
/// A client that cannot be taken is told to come back later, in a way that an `EventSource` understands. What the client
/// gets stands in the header `sse-outcome`, too ([`Outcome::HEADER`]). A HEAD gets the head, and does not count as a client;
/// actix asks for a route of its own for it: `web::head()`.
///
/// For topics of the request, options of the response, or a status for clients that are turned away, write the handler:
///
/// ```
/// use actix_web::error::ErrorServiceUnavailable;
/// use actix_web::{App, Responder, web};
/// use sse_actix::broadcast::{self, Broadcaster, Settings, outcome_header};
/// use sse_actix::{LastEventId, Sse};
///
/// async fn room(
///     hub: web::Data<Broadcaster>,
///     room: web::Path<String>,
///     LastEventId(seen): LastEventId,
/// ) -> actix_web::Result<impl Responder> {
///     let stream = hub.subscribe([room.into_inner()], seen.as_ref()).map_err(ErrorServiceUnavailable)?;
///     let header = outcome_header(&stream);
///     Ok(Sse::new(stream).with_heartbeat(None).customize().insert_header(header))
/// }
///
/// let hub = Broadcaster::new(Settings::new());
/// let app = App::new()
///     .route("/news", web::get().to(broadcast::route(hub.clone(), ["news"])))
///     .route("/rooms/{room}", web::get().to(room))
///     .app_data(web::Data::new(hub));
/// # let _ = app;
/// ```
pub fn route<T: Into<Arc<str>>>(
    hub: Broadcaster,
    topics: impl IntoIterator<Item = T>,
) -> impl Fn(LastEventId) -> Ready<CustomizeResponder<Sse<Subscription>>> + Clone + Send + Sync + 'static {
    let topics: Arc<[Arc<str>]> = topics.into_iter().map(Into::into).collect();
    move |LastEventId(seen)| {
        let stream = hub.subscribe_or_refuse(topics.iter().cloned(), seen.as_ref());
        let header = outcome_header(&stream);
        ready(Sse::new(stream).customize().insert_header(header))
    }
}

/// Returns the header that tells what a client gets.
///
/// ```
/// use actix_web::Responder;
/// use actix_web::test::TestRequest;
/// use sse_actix::Sse;
/// use sse_actix::broadcast::{Broadcaster, Settings, outcome_header};
///
/// let hub = Broadcaster::new(Settings::new());
/// let stream = hub.subscribe_or_refuse(["news"], None);
/// let header = outcome_header(&stream);
/// let response = Sse::new(stream).customize().insert_header(header);
/// let response = response.respond_to(&TestRequest::get().to_http_request());
/// assert_eq!(response.headers().get("sse-outcome").unwrap(), "fresh");
/// ```
#[must_use]
pub fn outcome_header(stream: &Subscription) -> (HeaderName, HeaderValue) {
    // Visible ASCII: the fallback is never taken.
    let value = HeaderValue::try_from(stream.outcome().to_string());
    let value = value.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    (HeaderName::from_static(Outcome::HEADER), value)
}
