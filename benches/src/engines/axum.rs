use super::body::{drain, repeated};
use super::{EncodeEngine, Kind, Sink};
use crate::corpora::{Document, Message};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use std::convert::Infallible;
use std::hint::black_box;

fn event(message: &Message) -> Event {
    let mut event = Event::default();
    if let Some(name) = message.name {
        event = event.event(name);
    }
    if let Some(id) = message.id {
        event = event.id(id);
    }
    event.data(message.data)
}

fn send(events: u64, mut make: impl FnMut() -> Event + Send + 'static, sink: &mut impl Sink) {
    let stream = repeated(events, move || Ok::<_, Infallible>(make()));
    drain(Sse::new(stream).into_response(), sink);
}

pub(super) struct Body;

impl EncodeEngine for Body {
    const NAME: &'static str = super::AXUM;
    const KIND: Kind = Kind::Body;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        send(events, move || event(black_box(message)), sink);
    }
}

/// The way to send one event to many clients.
pub(super) struct ClonedEvent;

impl EncodeEngine for ClonedEvent {
    const NAME: &'static str = "axum 0.8, clone of an Event, body";
    const KIND: Kind = Kind::Shared;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let event = event(message);
        send(events, move || black_box(&event).clone(), sink);
    }
}

/// What is written most.
pub(super) struct TextOfJson;

impl EncodeEngine<Document> for TextOfJson {
    const NAME: &'static str = super::AXUM_JSON;
    const KIND: Kind = Kind::Body;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        let event = move || {
            let text = serde_json::to_string(black_box(document)).expect("JSON");
            Event::default().data(text)
        };
        send(events, event, sink);
    }
}

pub(super) struct JsonData;

impl EncodeEngine<Document> for JsonData {
    const NAME: &'static str = "axum 0.8, json_data, body";
    const KIND: Kind = Kind::Body;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        send(events, move || Event::default().json_data(black_box(document)).expect("JSON"), sink);
    }
}
