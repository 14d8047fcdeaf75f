//! Any bytes, decoded.

use crate::common::{cut, items, said, truncated};
use sse_core::{Decoder, Item, OwnedItem};
use sse_testkit::oracle::interpret;

/// Splits the lengths of chunks and a limit off an input; a length of 0 means all that is left.
fn controls(input: &[u8]) -> Option<(Vec<usize>, usize, &[u8])> {
    let (&[first, second, third, limit], stream) = input.split_first_chunk()?;
    let length = |byte: u8| if byte == 0 { usize::MAX } else { usize::from(byte) };
    Some((vec![length(first), length(second), length(third)], usize::from(limit), stream))
}

/// The decoder against the standard's algorithm, at the chunk borders that the input's first bytes choose.
pub fn decode(input: &[u8]) {
    let Some((lengths, limit, stream)) = controls(input) else { return };
    let chunks = cut(stream, &lengths);
    says_what_the_standard_says(stream, &chunks);
    is_the_same_however_cut(stream, &chunks, limit);
    loses_nothing_when_dropped_early(&chunks, limit);
    holds_no_more_than_the_limit(&chunks, limit);
}

fn says_what_the_standard_says(stream: &[u8], chunks: &[&[u8]]) {
    let mut decoder = Decoder::new();
    let items = items(&mut decoder, chunks.iter().copied());
    decoder.finish();
    let oracle = interpret(stream, "");
    let expected = truncated(oracle.said, &items);
    assert_eq!(items.into_iter().map(said).collect::<Vec<_>>(), expected);
    assert_eq!(decoder.last_event_id(), oracle.last_event_id);
}

fn is_the_same_however_cut(stream: &[u8], chunks: &[&[u8]], limit: usize) {
    let (mut whole, mut cut) = (Decoder::with_limit(limit), Decoder::with_limit(limit));
    let expected = items(&mut whole, [stream]);
    for item in &expected {
        match item {
            OwnedItem::Event(event) => assert!(event.data.len() <= 3 * limit),
            OwnedItem::Discarded(discarded) => assert!(discarded.len > limit as u64),
            _ => {}
        }
    }
    assert_eq!(items(&mut cut, chunks.iter().copied()), expected);
    assert_eq!(cut.is_discarding(), whole.is_discarding());
    assert_eq!(cut.finish(), whole.finish());
    assert_eq!(cut.last_event_id(), whole.last_event_id());
}

fn loses_nothing_when_dropped_early(chunks: &[&[u8]], limit: usize) {
    let expected = items(&mut Decoder::with_limit(limit), chunks.iter().copied());
    let mut decoder = Decoder::with_limit(limit);
    let mut items = Vec::new();
    for &chunk in chunks {
        let mut rest = chunk;
        loop {
            let mut feed = decoder.feed(rest);
            let Some(item) = feed.next().map(Item::into_owned) else { break };
            items.push(item);
            rest = feed.remaining();
        }
    }
    assert_eq!(items, expected);
}

fn holds_no_more_than_the_limit(chunks: &[&[u8]], limit: usize) {
    let info = allocation_counter::measure(|| {
        let mut decoder = Decoder::with_limit(limit);
        // Again and again, so that what is not bounded grows out of any bound.
        for chunk in chunks.iter().cycle().take(16 * chunks.len()) {
            let mut feed = decoder.feed(chunk);
            while feed.next().is_some() {}
        }
    });
    // Several buffers of up to twice the limit, three bytes for a bad one. A comment of up to 1 KiB likewise: its bytes in
    // 2 KiB, its text in twice 3 KiB, as much again where that buffer took the place of the data's, and 3 KiB for
    // the one that grows.
    assert!(info.bytes_max <= 16 * limit as u64 + 17 * 1024, "{limit}: {info:?}");
}
