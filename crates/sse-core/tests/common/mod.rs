//! Runs the decoder over a stream cut into chunks, and says what came out in the oracle's words.

#![allow(dead_code, reason = "each test binary uses a part")]

use sse_core::{CommentLine, Decoder, Item, OwnedItem};
use sse_testkit::oracle::Said;

/// An item in the oracle's words; a discarded event has none.
pub(crate) fn said(item: OwnedItem) -> Said {
    match item {
        OwnedItem::Event(event) => Said::Event {
            event_type: event.event_type.into_owned(),
            data: event.data,
            last_event_id: event.last_event_id,
            sets_id: event.sets_id,
        },
        OwnedItem::Comment(comment) => Said::Comment(comment.text),
        OwnedItem::Retry(time) => Said::Retry(u64::try_from(time.as_millis()).unwrap()),
        OwnedItem::Block { last_event_id, sets_id } => Said::Block { last_event_id, sets_id },
        OwnedItem::Discarded(discarded) => panic!("{discarded:?}"),
    }
}

/// Feeds the chunks and collects the items; checks on the way what holds for every item.
pub(crate) fn items<'c>(decoder: &mut Decoder, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<OwnedItem> {
    let mut items = Vec::new();
    for chunk in chunks {
        let before = decoder.bytes_seen();
        let mut feed = decoder.feed(chunk);
        while let Some(item) = feed.next() {
            let copy = match &item {
                Item::Event(event) => Some((event.event_type().to_owned(), event.data().to_owned())),
                _ => None,
            };
            let owned = item.into_owned();
            if let (Some((event_type, data)), OwnedItem::Event(event)) = (copy, &owned) {
                assert_eq!((&*event.event_type, &event.data), (&*event_type, &data), "owned as borrowed");
                assert!(event.data.capacity() <= event.data.len() * 2, "a capacity unrelated to the length");
            }
            items.push(owned);
        }
        assert!(feed.remaining().is_empty());
        assert_eq!(decoder.bytes_seen() - before, chunk.len() as u64);
    }
    items
}

/// What a new decoder with the default limit makes of the chunks, and its last event ID at the end of the stream.
pub(crate) fn decode<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Said>, String) {
    let mut decoder = Decoder::new();
    let said = items(&mut decoder, chunks).into_iter().map(said).collect();
    decoder.finish();
    (said, decoder.last_event_id().to_owned())
}

/// The oracle's account, with comments as short as the decoder's where it says that it truncated them.
pub(crate) fn truncated(mut said: Vec<Said>, items: &[OwnedItem]) -> Vec<Said> {
    for (said, item) in said.iter_mut().zip(items) {
        if let (Said::Comment(text), OwnedItem::Comment(comment)) = (said, item) {
            if comment.is_truncated && text.starts_with(&comment.text) {
                assert!(comment.text.len() > CommentLine::LIMIT - 4 && comment.text.len() < text.len());
                text.clone_from(&comment.text);
            }
        }
    }
    said
}

/// Cuts `stream` into chunks of the given lengths, round and round.
pub(crate) fn cut<'c>(stream: &'c [u8], lengths: &[usize]) -> Vec<&'c [u8]> {
    let mut lengths = lengths.iter().copied().cycle();
    let mut rest = stream;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(lengths.next().unwrap_or(rest.len()).clamp(1, rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
