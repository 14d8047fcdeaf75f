//! The engines: ours, the peers, and what a plain hand-written encoder and a copy cost.

mod axum;
mod floor;
mod hand;
mod ours;
mod peer_sse_core;

use crate::corpora::{DecodeCorpus, Message};
use sse_testkit::oracle::{self, Said};
use std::hint::black_box;

/// The row that others are divided by.
pub const BASELINE: &str = "hand-written, new Bytes";
/// The peer that most Rust servers use.
pub const AXUM: &str = "axum 0.8, body";
/// The nearest decoder.
pub const PEER_DECODER: &str = "peer sse-core 0.2";

/// One way to encode.
pub trait EncodeEngine {
    const NAME: &'static str;

    /// Encodes `message` as often as said, from text to what a transport would take.
    fn run(message: &'static Message, events: u64, sink: &mut impl Sink);
}

/// Where encoded bytes go, piece by piece.
pub trait Sink {
    fn take(&mut self, wire: &[u8]);
}

/// One way to decode.
pub trait DecodeEngine {
    const NAME: &'static str;

    /// Decodes the chunks of one stream as often as said.
    fn run(chunks: &[Vec<u8>], times: u64, sink: &mut impl EventSink);
}

/// Where decoded events go.
pub trait EventSink {
    fn take(&mut self, event_type: &str, data: &str, last_event_id: &str);
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
}

impl Sink for Vec<u8> {
    fn take(&mut self, wire: &[u8]) {
        self.extend_from_slice(wire);
    }
}

impl EventSink for Vec<[String; 3]> {
    fn take(&mut self, event_type: &str, data: &str, last_event_id: &str) {
        self.push([event_type, data, last_event_id].map(str::to_owned));
    }
}

/// An [`EncodeEngine`] as a value.
#[derive(Clone, Copy)]
pub struct Encode {
    pub name: &'static str,
    measured: fn(&'static Message, u64),
    checked: fn(&'static Message, u64) -> Vec<u8>,
}

impl Encode {
    pub const ALL: &[Self] = &[
        Self::of::<ours::ToFrame>(),
        Self::of::<ours::Reused>(),
        Self::of::<ours::Chunks>(),
        Self::of::<ours::AxumBody>(),
        Self::of::<ours::ClonedFrame>(),
        Self::of::<hand::NewBytes>(),
        Self::of::<hand::Reused>(),
        Self::of::<axum::Body>(),
        Self::of::<axum::ClonedEvent>(),
        Self::of::<floor::Copy>(),
    ];

    const fn of<E: EncodeEngine>() -> Self {
        Self {
            name: E::NAME,
            measured: |message, events| E::run(message, events, &mut BlackBox),
            checked: |message, events| {
                let mut wire = Vec::new();
                E::run(message, events, &mut wire);
                wire
            },
        }
    }

    pub fn run(&self, message: &'static Message, events: u64) {
        (self.measured)(message, events);
    }

    /// Decodes what the engine makes, by the standard's own algorithm.
    ///
    /// # Panics
    ///
    /// When that is not the message, as often as asked for.
    pub fn check(&self, message: &'static Message) {
        const EVENTS: u64 = 3;
        let wire = (self.checked)(message, EVENTS);
        let mut said = oracle::interpret(&wire, "").said;
        // Our response bodies begin with a comment.
        said.retain(|said| !matches!(said, Said::Comment(_)));
        let expected = Said::Event {
            event_type: message.name.unwrap_or("message").to_owned(),
            data: message.data.to_owned(),
            last_event_id: message.id.unwrap_or_default().to_owned(),
            sets_id: message.id.is_some(),
        };
        assert!(said == vec![expected; EVENTS as usize], "{} gives wrong bytes", self.name);
    }
}

/// A [`DecodeEngine`] as a value.
#[derive(Clone, Copy)]
pub struct Decode {
    pub name: &'static str,
    measured: fn(&[Vec<u8>], u64),
    checked: fn(&[Vec<u8>]) -> Vec<[String; 3]>,
}

impl Decode {
    pub const ALL: &[Self] =
        &[Self::of::<ours::Borrowed>(), Self::of::<ours::Owned>(), Self::of::<peer_sse_core::Decoder>()];

    const fn of<E: DecodeEngine>() -> Self {
        Self {
            name: E::NAME,
            measured: |chunks, times| E::run(chunks, times, &mut BlackBox),
            checked: |chunks| {
                let mut events = Vec::new();
                E::run(chunks, 1, &mut events);
                events
            },
        }
    }

    pub fn run(&self, chunks: &[Vec<u8>], times: u64) {
        (self.measured)(chunks, times);
    }

    /// Compares what the engine decodes with the standard's own algorithm.
    ///
    /// # Panics
    ///
    /// When they differ.
    pub fn check(&self, corpus: &DecodeCorpus) {
        let expected: Vec<_> = oracle::interpret(&corpus.chunks.concat(), "")
            .said
            .into_iter()
            .filter_map(|said| match said {
                Said::Event { event_type, data, last_event_id, .. } => {
                    Some([event_type, data, last_event_id])
                }
                _ => None,
            })
            .collect();
        assert_eq!(expected.len() as u64, corpus.events);
        assert!((self.checked)(&corpus.chunks) == expected, "{} decodes wrong", self.name);
    }
}
