//! The engines: ours, the peers, and what a plain hand-written encoder, a scan and a copy cost.

#[cfg(feature = "peers")]
mod actix;
#[cfg(feature = "peers")]
mod axum;
mod body;
#[cfg(feature = "peers")]
mod eventsource_stream;
mod floor;
mod hand;
mod json;
mod ours;
#[cfg(feature = "peers")]
mod peer_sse_core;
#[cfg(feature = "peers")]
mod russe;
#[cfg(feature = "peers")]
mod sse_codec;
#[cfg(feature = "peers")]
mod sse_parse;
#[cfg(feature = "peers")]
mod sse_stream;

use crate::corpora::{DecodeCorpus, Document, Message};
use sse_testkit::oracle::{self, Said};
use std::hint::black_box;

/// What most would write, and the first that others are divided by.
pub const HAND_WRITTEN: &str = "hand-written, new Bytes";
/// The same for JSON.
pub const HAND_WRITTEN_JSON: &str = "serde_json::to_string, hand-written";
/// The peer that most Rust servers use.
pub const AXUM: &str = "axum 0.8, body";
/// The same for JSON.
pub const AXUM_JSON: &str = "serde_json::to_string, axum 0.8, body";
/// The nearest decoder.
pub const PEER_DECODER: &str = "peer sse-core 0.2";

/// What an engine leaves behind: only engines of a kind are rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes for each event.
    New,
    /// Bytes in a buffer that is there already.
    Reused,
    /// Bytes that came out of a response's body.
    Body,
    /// Bytes of an event that was made before, for one more client.
    Shared,
    /// Events.
    Decoded,
    /// What is published, and wakes those who wait.
    Published,
    /// What one more subscriber gets.
    Delivered,
    /// What one more subscriber gets, out of its response's body.
    DeliveredByBody,
    /// Less than the work: what no engine can do without.
    Floor,
}

/// One way to encode messages of a type.
pub trait EncodeEngine<M: 'static = Message> {
    const NAME: &'static str;
    const KIND: Kind;

    /// Encodes `message` as often as said, from text to what a transport would take.
    fn run(message: &'static M, events: u64, sink: &mut impl Sink);
}

/// Where encoded bytes go, piece by piece.
pub trait Sink {
    fn take(&mut self, wire: &[u8]);
}

/// One way to decode.
pub trait DecodeEngine {
    const NAME: &'static str;
    const KIND: Kind = Kind::Decoded;

    /// Decodes the chunks of one stream as often as said.
    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink);
}

/// Where decoded events go.
pub trait EventSink {
    fn take(&mut self, event_type: &str, data: &str, last_event_id: &str);

    /// For what finds the ends of lines, and nothing more.
    fn take_line_end(&mut self, at: usize);
}

/// Makes the optimiser believe that the output is looked at.
struct BlackBox;

impl Sink for BlackBox {
    #[inline(always)]
    fn take(&mut self, wire: &[u8]) {
        black_box(wire);
    }
}

impl EventSink for BlackBox {
    #[inline(always)]
    fn take(&mut self, event_type: &str, data: &str, last_event_id: &str) {
        black_box((event_type, data, last_event_id));
    }

    #[inline(always)]
    fn take_line_end(&mut self, at: usize) {
        black_box(at);
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, wire: &[u8]) {
        self.extend_from_slice(wire);
    }
}

/// What a decoder gave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    events: Vec<[String; 3]>,
    line_ends: usize,
}

impl EventSink for Decoded {
    fn take(&mut self, event_type: &str, data: &str, last_event_id: &str) {
        self.events.push([event_type, data, last_event_id].map(str::to_owned));
    }

    fn take_line_end(&mut self, _: usize) {
        self.line_ends += 1;
    }
}

/// What can be encoded.
pub trait Encodable {
    /// What a decoder has to find.
    fn said(&self) -> Said;
}

impl Encodable for Message {
    fn said(&self) -> Said {
        Said::Event {
            event_type: self.name.unwrap_or("message").to_owned(),
            data: self.data.to_owned(),
            last_event_id: self.id.unwrap_or_default().to_owned(),
            sets_id: self.id.is_some(),
        }
    }
}

impl Encodable for Document {
    fn said(&self) -> Said {
        Said::Event {
            event_type: "message".to_owned(),
            data: serde_json::to_string(self).expect("JSON"),
            last_event_id: String::new(),
            sets_id: false,
        }
    }
}

/// An [`EncodeEngine`] as a value.
#[derive(Clone, Copy)]
pub struct Encode<M: 'static = Message> {
    pub name: &'static str,
    pub kind: Kind,
    measured: fn(&'static M, u64),
    checked: fn(&'static M, u64) -> Vec<u8>,
}

impl Encode {
    pub const ALL: &[Self] = &[
        Self::of::<ours::ToFrame>(),
        Self::of::<ours::Reused>(),
        Self::of::<ours::Chunks>(),
        Self::of::<ours::AxumBody>(),
        #[cfg(feature = "peers")]
        Self::of::<actix::OurBody>(),
        Self::of::<ours::ClonedFrame>(),
        Self::of::<hand::NewBytes>(),
        Self::of::<hand::Reused>(),
        #[cfg(feature = "peers")]
        Self::of::<axum::Body>(),
        #[cfg(feature = "peers")]
        Self::of::<axum::ClonedEvent>(),
        #[cfg(feature = "peers")]
        Self::of::<actix::LabBody>(),
        #[cfg(feature = "peers")]
        Self::of::<actix::LabShared>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_stream::Encoded>(),
        #[cfg(feature = "peers")]
        Self::of::<russe::Encoded>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_codec::NewBuffer>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_codec::Reused>(),
        Self::of::<floor::Copy>(),
        Self::of::<floor::CopyReused>(),
        Self::of::<floor::Scan>(),
    ];
}

impl Encode<Document> {
    pub const OF_JSON: &[Self] = &[
        Self::of::<json::ToFrame>(),
        Self::of::<json::AxumBody>(),
        #[cfg(feature = "peers")]
        Self::of::<actix::OurJsonBody>(),
        Self::of::<json::HandWritten>(),
        #[cfg(feature = "peers")]
        Self::of::<axum::TextOfJson>(),
        #[cfg(feature = "peers")]
        Self::of::<axum::JsonData>(),
        #[cfg(feature = "peers")]
        Self::of::<actix::LabJson>(),
        Self::of::<json::Serialised>(),
    ];
}

impl<M: Encodable> Encode<M> {
    const fn of<E: EncodeEngine<M>>() -> Self {
        Self {
            name: E::NAME,
            kind: E::KIND,
            measured: |message, events| E::run(message, events, &mut BlackBox),
            checked: |message, events| {
                let mut wire = Vec::new();
                E::run(message, events, &mut wire);
                wire
            },
        }
    }

    pub fn run(&self, message: &'static M, events: u64) {
        (self.measured)(message, events);
    }

    /// Decodes what the engine makes, by the standard's own algorithm.
    ///
    /// # Errors
    ///
    /// When that is not the message, as often as asked for: says what it is.
    pub fn check(&self, message: &'static M) -> Result<(), String> {
        const EVENTS: usize = 3;
        let wire = (self.checked)(message, EVENTS as u64);
        let mut said = oracle::interpret(&wire, "").said;
        // Our response bodies begin with a comment.
        said.retain(|said| !matches!(said, Said::Comment(_)));
        compare(&said, &vec![message.said(); EVENTS])
    }
}

/// A [`DecodeEngine`] as a value.
#[derive(Clone, Copy)]
pub struct Decode {
    pub name: &'static str,
    pub kind: Kind,
    measured: fn(&[&'static [u8]], u64),
    checked: fn(&[&'static [u8]]) -> Decoded,
}

impl Decode {
    pub const ALL: &[Self] = &[
        Self::of::<ours::Borrowed>(),
        Self::of::<ours::Owned>(),
        #[cfg(feature = "peers")]
        Self::of::<peer_sse_core::Decoder>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_stream::Decoder>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_parse::Decoder>(),
        #[cfg(feature = "peers")]
        Self::of::<sse_codec::Decoder>(),
        #[cfg(feature = "peers")]
        Self::of::<eventsource_stream::Decoder>(),
        Self::of::<floor::LineEnds>(),
    ];

    const fn of<E: DecodeEngine>() -> Self {
        Self {
            name: E::NAME,
            kind: E::KIND,
            measured: |chunks, times| E::run(chunks, times, &mut BlackBox),
            checked: |chunks| {
                let mut decoded = Decoded::default();
                E::run(chunks, 1, &mut decoded);
                decoded
            },
        }
    }

    pub fn run(&self, chunks: &[&'static [u8]], times: u64) {
        (self.measured)(chunks, times);
    }

    /// Compares what the engine decodes with the standard's own algorithm.
    ///
    /// # Errors
    ///
    /// When they differ: says where.
    pub fn check(&self, corpus: &DecodeCorpus) -> Result<(), String> {
        let wire = corpus.chunks.concat();
        let Decoded { events, line_ends } = (self.checked)(&corpus.chunks);
        if self.kind == Kind::Floor {
            let expected = wire.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
            return compare(&[line_ends], &[expected]);
        }
        let said = oracle::interpret(&wire, "").said.into_iter();
        let expected = said.filter_map(|said| match said {
            Said::Event { event_type, data, last_event_id, .. } => Some([event_type, data, last_event_id]),
            _ => None,
        });
        compare(&events, &expected.collect::<Vec<_>>())
    }
}

fn compare<T: PartialEq + core::fmt::Debug>(found: &[T], expected: &[T]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} instead of {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => {
            let shown: String = format!("{:?}", found[at]).chars().take(80).collect();
            Err(format!("number {at} is wrong: {shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpora;

    /// Loses the last event, and all but the first line of data.
    struct Careless;

    impl EncodeEngine for Careless {
        const NAME: &'static str = "careless";
        const KIND: Kind = Kind::New;

        fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
            for _ in 1..events {
                sink.take(b"data: ");
                sink.take(message.data.lines().next().unwrap_or_default().as_bytes());
                sink.take(b"\n\n");
            }
        }
    }

    impl DecodeEngine for Careless {
        const NAME: &'static str = "careless";

        fn run(_: &[&'static [u8]], _: u64, sink: &mut impl EventSink) {
            sink.take("message", "an event that nobody sent", "");
        }
    }

    #[test]
    fn an_engine_that_gives_something_else_is_found() {
        static TWO_LINES: Message = Message { name: None, id: None, data: "one\ntwo" };
        let why = Encode::of::<Careless>().check(&TWO_LINES).unwrap_err();
        assert_eq!(why, "2 instead of 3");
        for corpus in &*corpora::DECODE {
            Decode::of::<Careless>().check(corpus).unwrap_err();
        }
    }
}
