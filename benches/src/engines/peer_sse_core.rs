//! The decoder that crates.io knows by the name `sse-core`.

use super::{DecodeEngine, EventSink, PEER_DECODER};
use peer_sse_core::{SseDecoder, SseEvent};
use std::hint::black_box;
use std::num::NonZeroUsize;

/// Its own is 512 KiB, and some events here are larger.
const LIMIT: NonZeroUsize = NonZeroUsize::new(16 << 20).unwrap();

pub(super) struct Decoder;

impl DecodeEngine for Decoder {
    const NAME: &'static str = PEER_DECODER;

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let mut decoder = SseDecoder::with_limit(LIMIT);
        for chunk in (0..times).flat_map(|_| chunks) {
            let mut rest = *black_box(chunk);
            while let Some(item) = decoder.next(&mut rest) {
                if let Ok(SseEvent::Message(event)) = item {
                    sink.take(&event.event, &event.data, event.last_event_id.as_deref().unwrap_or_default());
                }
            }
        }
    }
}
