use super::{DecodeEngine, EncodeEngine, EventSink, Kind, Sink};
use crate::corpora::Message;
use futures_codec::{BytesMut, Decoder as _, Encoder as _};
use sse_codec::{Event, SSECodec};
use std::hint::black_box;

fn event(message: &Message) -> Event {
    Event::message(message.name.unwrap_or("message"), message.data, message.id)
}

pub(super) struct NewBuffer;

impl EncodeEngine for NewBuffer {
    const NAME: &'static str = "sse-codec 0.3, new BytesMut";
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let mut codec = SSECodec::default();
        for _ in 0..events {
            let mut wire = BytesMut::new();
            codec.encode(event(black_box(message)), &mut wire).expect("no error");
            sink.take(&wire);
        }
    }
}

pub(super) struct Reused;

impl EncodeEngine for Reused {
    const NAME: &'static str = "sse-codec 0.3, reused BytesMut";
    const KIND: Kind = Kind::Reused;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let mut codec = SSECodec::default();
        let mut wire = BytesMut::new();
        for _ in 0..events {
            wire.clear();
            codec.encode(event(black_box(message)), &mut wire).expect("no error");
            sink.take(&wire);
        }
    }
}

/// As its framed stream does: what is read is appended to a buffer, from which lines are taken.
pub(super) struct Decoder;

impl DecodeEngine for Decoder {
    const NAME: &'static str = "sse-codec 0.3";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let mut codec = SSECodec::default();
        let mut buffer = BytesMut::new();
        for chunk in (0..times).flat_map(|_| chunks) {
            buffer.extend_from_slice(black_box(chunk));
            while let Some(event) = codec.decode(&mut buffer).expect("UTF-8") {
                if let Event::Message { id, event, data } = event {
                    sink.take(&event, &data, id.as_deref().unwrap_or_default());
                }
            }
        }
    }
}
