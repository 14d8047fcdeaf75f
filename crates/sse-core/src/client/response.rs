use crate::head::is_event_stream;
use core::time::Duration;

/// What the machine wants to know of a response: status, content type, and when to come back.
///
/// Redirects are the driver's: this is the head of the last response.
///
/// ```
/// use core::time::Duration;
/// use sse_core::client::ResponseHead;
///
/// let head = ResponseHead::new(503).with_retry_after(Duration::from_secs(30));
/// # let _ = head;
/// let head = ResponseHead::new(200).with_content_type(b"Text/Event-Stream; charset=UTF-8");
/// # let _ = head;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    pub(super) status: u16,
    pub(super) content_type: Option<&'a [u8]>,
    pub(super) retry_after: Option<Duration>,
}

impl<'a> ResponseHead<'a> {
    /// Makes a head without content type.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, content_type: None, retry_after: None }
    }

    /// Sets the value of the `Content-Type` header, as it came; where there may be several,
    /// [`head::content_type`](crate::head::content_type) finds the one that counts.
    #[must_use]
    pub const fn with_content_type(self, value: &'a [u8]) -> Self {
        Self { content_type: Some(value), ..self }
    }

    /// Sets how long the server asks to be left alone, as
    /// [`head::retry_after`](crate::head::retry_after) reads it. It counts with statuses that are tried again.
    #[must_use]
    pub const fn with_retry_after(self, delay: Duration) -> Self {
        Self { retry_after: Some(delay), ..self }
    }

    pub(super) fn is_event_stream(&self) -> bool {
        self.content_type.is_some_and(is_event_stream)
    }
}

/// Says whether a status tells of a trouble that may pass: 408, 425, 429, 500, 502, 503, 504.
///
/// For [`Config::with_retried_statuses`](super::Config::with_retried_statuses).
///
/// ```
/// use sse_core::client::is_transient;
///
/// assert!(is_transient(503) && !is_transient(404));
/// ```
#[must_use]
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}
