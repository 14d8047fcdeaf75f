use crate::decode::{self, Item};
use core::time::Duration;

/// A chunk of the response's body being read: [`next`](Self::next) until `None`.
///
/// [`decode::Feed`] with a client behind it, which takes note of what it reads.
///
/// ```
/// use core::time::Duration;
/// use sse_core::client::{Client, Config, ResponseHead};
/// use sse_core::{Instant, Item};
///
/// let now = Instant::EPOCH;
/// let mut client = Client::start(Config::new());
/// let _connect = client.poll_output(now);
/// client.handle_response(now, ResponseHead::new(200).with_content_type(b"text/event-stream"));
/// let mut feed = client.feed(now, b"retry: 1000\nid: 7\ndata: a\n\n");
/// assert!(matches!(feed.next(), Some(Item::Retry(_))));
/// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "a"));
/// assert!(feed.next().is_none());
/// assert_eq!((client.reconnection_time(), client.last_event_id()), (Duration::from_secs(1), "7"));
/// ```
#[derive(Debug)]
#[must_use = "a chunk is read by calling `next` until it returns `None`"]
pub struct Feed<'m, 'c> {
    pub(super) inner: decode::Feed<'m, 'c>,
    pub(super) retry: &'m mut Option<Duration>,
    pub(super) has_delivered: &'m mut bool,
}

impl<'c> Feed<'_, 'c> {
    /// Returns the next item, or `None` when the chunk is used up; see [`decode::Feed::next`].
    #[expect(
        clippy::should_implement_trait,
        reason = "an item borrows from the feed, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<Item<'_>> {
        let item = self.inner.next()?;
        match item {
            Item::Retry(time) => *self.retry = Some(time),
            Item::Event(_) | Item::Block { sets_id: true, .. } => *self.has_delivered = true,
            _ => {}
        }
        Some(item)
    }

    /// Returns the part of the chunk that is not consumed yet; see [`decode::Feed::remaining`].
    #[must_use]
    pub fn remaining(&self) -> &'c [u8] {
        self.inner.remaining()
    }
}
