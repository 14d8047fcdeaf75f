use super::{EncodeEngine, Sink};
use crate::corpora::Message;
use bytes::Bytes;
use std::hint::black_box;

/// Copies the encoded event: what an encoder costs that has nothing to find out.
pub(super) struct Copy;

impl EncodeEngine for Copy {
    const NAME: &'static str = "floor: copy of the encoded bytes";

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let wire = super::ours::event(message).to_frame();
        for _ in 0..events {
            sink.take(&Bytes::copy_from_slice(black_box(wire.as_bytes())));
        }
    }
}
