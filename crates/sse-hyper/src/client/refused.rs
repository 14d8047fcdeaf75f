//! A response that is no event stream, read for those who want to know what it says.

use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use http::Response;
use http_body::Body;
use hyper::body::Incoming;
use sse_driver::sse_core::Instant;

/// How much of a body is kept.
const LIMIT: usize = 64 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Refused {
    response: Response<Incoming>,
    body: Vec<u8>,
    pub(super) deadline: Instant,
}

impl Refused {
    pub(super) fn new(response: Response<Incoming>, now: Instant) -> Self {
        Self { response, body: Vec::new(), deadline: now.saturating_add(PATIENCE) }
    }

    /// Is ready when there is nothing more to wait for.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.body.len() < LIMIT {
            match ready!(Pin::new(self.response.body_mut()).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = LIMIT - self.body.len();
                    self.body.extend_from_slice(data.get(..room).unwrap_or(&data));
                }
                // What came before an error is what there is.
                Some(Err(_)) | None => break,
            }
        }
        Poll::Ready(())
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        self.response.map(|_| Bytes::from(self.body))
    }
}
