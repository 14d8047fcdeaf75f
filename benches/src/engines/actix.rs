//! Bodies of actix-web: ours, and its lab's.

use super::body::repeated;
use super::{EncodeEngine, Kind, Sink, ours};
use crate::corpora::{Document, Message};
use actix_web::body::{BoxBody, MessageBody};
use actix_web_lab::sse::{Data, Event, Sse};
use bytestring::ByteString;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Pulls a response's body as the server would, in the box that the server gets it in.
fn drain(body: impl MessageBody + 'static, sink: &mut impl Sink) {
    let mut body = BoxBody::new(body);
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(bytes)) = Pin::new(&mut body).poll_next(&mut cx) {
        sink.take(&bytes.expect("a stream without errors"));
    }
}

/// The whole way of a response on actix-web, with the defaults.
pub(super) struct OurBody;

impl EncodeEngine for OurBody {
    const NAME: &'static str = "ours, sse-actix body";
    const KIND: Kind = Kind::Body;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let stream = repeated(events, move || ours::event(black_box(message)));
        drain(sse_actix::Sse::new(stream).into_body(), sink);
    }
}

pub(super) struct OurJsonBody;

impl EncodeEngine<Document> for OurJsonBody {
    const NAME: &'static str = "ours, Event::json, sse-actix body";
    const KIND: Kind = Kind::Body;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        let stream = repeated(events, move || sse_core::Event::json(black_box(document)));
        drain(sse_actix::Sse::new(stream).into_body(), sink);
    }
}

fn send(events: u64, mut make: impl FnMut() -> Data + 'static, sink: &mut impl Sink) {
    drain(Sse::from_infallible_stream(repeated(events, move || Event::Data(make()))), sink);
}

fn data(message: &Message, text: impl Fn(&'static str) -> ByteString) -> Data {
    let mut data = Data::new(text(message.data));
    if let Some(name) = message.name {
        data = data.event(text(name));
    }
    if let Some(id) = message.id {
        data = data.id(text(id));
    }
    data
}

pub(super) struct LabBody;

impl EncodeEngine for LabBody {
    const NAME: &'static str = "actix-web-lab 0.29, body";
    const KIND: Kind = Kind::Body;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        send(events, move || data(black_box(message), ByteString::from), sink);
    }
}

/// The text is shared, its wire form is not.
pub(super) struct LabShared;

impl EncodeEngine for LabShared {
    const NAME: &'static str = "actix-web-lab 0.29, shared ByteStrings, body";
    const KIND: Kind = Kind::Shared;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let shared = data(message, ByteString::from);
        send(events, move || black_box(&shared).clone(), sink);
    }
}

pub(super) struct LabJson;

impl EncodeEngine<Document> for LabJson {
    const NAME: &'static str = "actix-web-lab 0.29, new_json, body";
    const KIND: Kind = Kind::Body;

    fn run(document: &'static Document, events: u64, sink: &mut impl Sink) {
        send(events, move || Data::new_json(black_box(document)).expect("JSON"), sink);
    }
}
