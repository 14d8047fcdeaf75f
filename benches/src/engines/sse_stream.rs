use super::body::{Ready, for_each};
use super::{DecodeEngine, EncodeEngine, EventSink, Kind, Sink};
use crate::corpora::Message;
use sse_stream::{Sse, SseByteStream};
use std::convert::Infallible;
use std::hint::black_box;

pub(super) struct Encoded;

impl EncodeEngine for Encoded {
    const NAME: &'static str = "sse-stream 0.3";
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let Message { name, id, data } = *black_box(message);
            let mut event = Sse::default().data(data);
            if let Some(name) = name {
                event = event.event(name);
            }
            if let Some(id) = id {
                event = event.id(id);
            }
            sink.take(&event.encode().expect("legal fields"));
        }
    }
}

/// With the features `memchr` and `simdutf8`. It gives blocks as they are: what makes events of them is added.
pub(super) struct Decoder;

impl DecodeEngine for Decoder {
    const NAME: &'static str = "sse-stream 0.3";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let chunks = (0..times).flat_map(|_| chunks).map(|chunk| Ok::<_, Infallible>(*black_box(chunk)));
        let mut last_event_id = String::new();
        for_each(SseByteStream::new(Ready(chunks)), |block| {
            let block = block.expect("UTF-8");
            if let Some(id) = block.id {
                last_event_id = id;
            }
            if let Some(data) = block.data {
                sink.take(block.event.as_deref().unwrap_or("message"), &data, &last_event_id);
            }
        });
    }
}
