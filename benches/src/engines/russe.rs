use super::{EncodeEngine, Kind, Sink};
use crate::corpora::Message;
use bytestring::ByteString;
use std::hint::black_box;

pub(super) struct Encoded;

impl EncodeEngine for Encoded {
    const NAME: &'static str = "russe 0.3";
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let Message { name, id, data } = *black_box(message);
            let event = russe::Event::Message(russe::Message {
                data: data.into(),
                event: name.map(ByteString::from),
                retry: None,
                id: id.map(ByteString::from),
            });
            sink.take(event.into_bytestring().expect("legal fields").as_bytes());
        }
    }
}
