use super::body::{drain, repeated};
use super::{DecodeEngine, EncodeEngine, EventSink, Kind, Sink};
use crate::corpora::Message;
use axum_core::response::IntoResponse;
use sse_core::{Decoder, Event, EventId, EventName, Item, OwnedItem};
use std::hint::black_box;

/// Name and id are checked, as if they came from outside.
#[inline]
pub(super) fn event(message: &Message) -> Event<'static> {
    let mut event = Event::new(message.data);
    if let Some(name) = message.name {
        event = event.with_name(EventName::new(name).expect("a legal name"));
    }
    if let Some(id) = message.id {
        event = event.with_id(EventId::new(id).expect("a legal id"));
    }
    event
}

/// What a stream of a response body is made of.
pub(super) struct ToFrame;

impl EncodeEngine for ToFrame {
    const NAME: &'static str = "ours, to_frame";
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let frame = event(black_box(message)).to_frame();
            sink.take(frame.as_bytes());
        }
    }
}

pub(super) struct Reused;

impl EncodeEngine for Reused {
    const NAME: &'static str = "ours, encode into a reused Vec";
    const KIND: Kind = Kind::Reused;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let mut wire = Vec::new();
        for _ in 0..events {
            wire.clear();
            event(black_box(message)).encode(&mut wire);
            sink.take(&wire);
        }
    }
}

/// Lends each piece, as a gathering write would take it.
pub(super) struct Chunks;

impl EncodeEngine for Chunks {
    const NAME: &'static str = "ours, chunks (no copy)";
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            for piece in event(black_box(message)).chunks() {
                sink.take(piece);
            }
        }
    }
}

/// The whole way of an axum response, with the defaults: ready events travel together, up to 16 KiB.
pub(super) struct AxumBody;

impl EncodeEngine for AxumBody {
    const NAME: &'static str = "ours, sse-axum body";
    const KIND: Kind = Kind::Body;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let stream = repeated(events, move || event(black_box(message)));
        drain(sse_axum::Sse::new(stream).into_response(), sink);
    }
}

/// What each further subscriber of a broadcast costs.
pub(super) struct ClonedFrame;

impl EncodeEngine for ClonedFrame {
    const NAME: &'static str = "ours, clone of a Frame";
    const KIND: Kind = Kind::Shared;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let frame = event(message).to_frame();
        for _ in 0..events {
            sink.take(black_box(&frame).clone().as_bytes());
        }
    }
}

pub(super) struct Borrowed;

impl DecodeEngine for Borrowed {
    const NAME: &'static str = "ours, borrowed events";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let mut decoder = Decoder::new();
        for chunk in (0..times).flat_map(|_| chunks) {
            let mut feed = decoder.feed(black_box(chunk));
            while let Some(item) = feed.next() {
                if let Item::Event(event) = item {
                    sink.take(event.event_type(), event.data(), event.last_event_id());
                }
            }
        }
    }
}

pub(super) struct Owned;

impl DecodeEngine for Owned {
    const NAME: &'static str = "ours, owned events";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let mut decoder = Decoder::new();
        for chunk in (0..times).flat_map(|_| chunks) {
            let mut feed = decoder.feed(black_box(chunk));
            while let Some(item) = feed.next() {
                if let OwnedItem::Event(event) = item.into_owned() {
                    sink.take(&event.event_type, &event.data, &event.last_event_id);
                }
            }
        }
    }
}
