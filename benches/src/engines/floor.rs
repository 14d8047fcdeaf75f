//! Less than the work.

use super::{DecodeEngine, EncodeEngine, EventSink, Kind, Sink};
use crate::corpora::Message;
use bytes::Bytes;
use memchr::memchr2_iter;
use std::hint::black_box;

/// Copies the encoded event: what an encoder costs that has nothing to find out.
pub(super) struct Copy;

impl EncodeEngine for Copy {
    const NAME: &'static str = "floor: copy of the encoded bytes";
    const KIND: Kind = Kind::Floor;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let wire = super::ours::event(message).to_frame();
        for _ in 0..events {
            sink.take(&Bytes::copy_from_slice(black_box(wire.as_bytes())));
        }
    }
}

pub(super) struct CopyReused;

impl EncodeEngine for CopyReused {
    const NAME: &'static str = "floor: copy into a reused Vec";
    const KIND: Kind = Kind::Floor;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let wire = super::ours::event(message).to_frame();
        let mut copy = Vec::new();
        for _ in 0..events {
            copy.clear();
            copy.extend_from_slice(black_box(wire.as_bytes()));
            sink.take(&copy);
        }
    }
}

/// Looks for the ends of the data's lines; what is handed on was made before.
pub(super) struct Scan;

impl EncodeEngine for Scan {
    const NAME: &'static str = "floor: memchr2 over the data";
    const KIND: Kind = Kind::Floor;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let wire = super::ours::event(message).to_frame();
        for _ in 0..events {
            memchr2_iter(b'\r', b'\n', black_box(message).data.as_bytes()).for_each(|at| {
                black_box(at);
            });
            sink.take(wire.as_bytes());
        }
    }
}

/// Looks for the ends of lines: no decoder that looks for two bytes can be faster.
pub(super) struct LineEnds;

impl DecodeEngine for LineEnds {
    const NAME: &'static str = "floor: memchr2 over the chunks";
    const KIND: Kind = Kind::Floor;

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        for chunk in (0..times).flat_map(|_| chunks) {
            memchr2_iter(b'\r', b'\n', black_box(chunk)).for_each(|at| sink.take_line_end(at));
        }
    }
}
