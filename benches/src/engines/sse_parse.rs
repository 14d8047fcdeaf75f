use super::{DecodeEngine, EventSink};
use sse_parse::SseParser;
use std::hint::black_box;

pub(super) struct Decoder;

impl DecodeEngine for Decoder {
    const NAME: &'static str = "sse-parse 0.1";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let mut parser = SseParser::new();
        for chunk in (0..times).flat_map(|_| chunks) {
            parser.feed(black_box(chunk));
            while let Some(event) = parser.next_event() {
                sink.take(&event.event, &event.data, &event.id);
            }
        }
    }
}
