use super::collected::{Collected, End, Failure};
use core::error::Error;
use core::fmt;
use http::StatusCode;

/// How many characters of a body an error message shows.
const SHOWN: usize = 200;

/// Why there is nothing to look at, or less than the server meant to send.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::{Router, http::StatusCode, routing::get};
/// use sse_testkit::collect::{CollectError, Collector};
/// use sse_testkit::tower::Tower;
///
/// let app = Tower::new(Router::new().route("/", get(|| async { (StatusCode::UNAUTHORIZED, "who are you?") })));
/// let error = Collector::get("/").collect(&app).await.unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no event stream: status 401 Unauthorized, content type text/plain; charset=utf-8, body \"who are you?\""
/// );
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// The request cannot be made: what of it is not allowed.
    InvalidRequest(String),
    /// The service failed, or panicked, before there was a response.
    Service(Failure),
    /// There was no response: [`End::Deadline`], or [`End::Limit`] for a service that is woken without end, or a clock
    /// that stands still.
    NoResponse(End),
    /// The response is none that a client would read events from.
    NotAnEventStream {
        /// Its status.
        status: StatusCode,
        /// Its media type, as it stands in the header.
        content_type: Option<String>,
        /// The beginning of its body, at most 4 KiB, with U+FFFD for what is not UTF-8.
        body: String,
    },
    /// The body is compressed, or encoded otherwise: see
    /// [`Collector::with_any_encoding`](super::Collector::with_any_encoding).
    Encoded {
        /// What the header `content-encoding` says.
        encoding: String,
    },
    /// The body failed, or panicked. What came before is here.
    Broken(Box<Collected>),
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(what) => write!(f, "a request that cannot be made: {what}"),
            Self::Service(failure) => write!(f, "no response: the service {failure}"),
            Self::NoResponse(end) => write!(f, "no response: {end}"),
            Self::NotAnEventStream { status, content_type, body } => {
                let content_type = content_type.as_deref().unwrap_or("none");
                let shown: String = body.chars().take(SHOWN).collect();
                let more = if shown.len() < body.len() { " and more" } else { "" };
                write!(
                    f,
                    "no event stream: status {status}, content type {content_type}, body {shown:?}{more}"
                )
            }
            Self::Encoded { encoding } => {
                write!(f, "no event stream that can be read: the content encoding is {encoding:?}")
            }
            Self::Broken(collected) => {
                let (end, events) = (&collected.end, collected.events.len());
                write!(f, "{end} behind {events} events, {} bytes", collected.wire.len())
            }
        }
    }
}

impl Error for CollectError {}
