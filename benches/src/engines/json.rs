//! Values that are sent as JSON: ours, and the floor. What peers do is in their modules.

use super::body::{drain, repeated};
use super::{EncodeEngine, Kind, Sink, hand};
use crate::corpora::Document;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use sse_core::Event;
use std::hint::black_box;

pub(super) struct ToFrame;

impl EncodeEngine<Document> for ToFrame {
    const NAME: &'static str = "ours, Event::json, to_frame";
    const KIND: Kind = Kind::New;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let frame = Event::json(black_box(document)).to_frame().expect("JSON");
            sink.take(frame.as_bytes());
        }
    }
}

pub(super) struct AxumBody;

impl EncodeEngine<Document> for AxumBody {
    const NAME: &'static str = "ours, Event::json, sse-axum body";
    const KIND: Kind = Kind::Body;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        let stream = repeated(events, move || Event::json(black_box(document)));
        drain(sse_axum::Sse::new(stream).into_response(), sink);
    }
}

pub(super) struct HandWritten;

impl EncodeEngine<Document> for HandWritten {
    const NAME: &'static str = super::HAND_WRITTEN_JSON;
    const KIND: Kind = Kind::New;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let text = serde_json::to_string(black_box(document)).expect("JSON");
            sink.take(&Bytes::from(hand::encoded(None, None, &text)));
        }
    }
}

/// The serialiser alone, into a buffer that is there already; what is handed on was made before.
pub(super) struct Serialised;

impl EncodeEngine<Document> for Serialised {
    const NAME: &'static str = "floor: serde_json into a reused Vec";
    const KIND: Kind = Kind::Floor;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        let wire = Event::json(document).to_frame().expect("JSON");
        let mut text = Vec::new();
        for _ in 0..events {
            text.clear();
            serde_json::to_writer(&mut text, black_box(document)).expect("JSON");
            black_box(&text);
            sink.take(wire.as_bytes());
        }
    }
}
