//! Streams with known meaning: from the standard, the web platform tests and real servers, cut in every way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, outside of test functions"
)]

mod common;

use common::decode;
use serde_json::Value;
use sse_testkit::oracle::{Said, interpret};
use std::sync::LazyLock;

/// A stream and what the standard makes of it.
struct Vector {
    name: String,
    stream: Vec<u8>,
    /// Type, data, last event ID.
    events: Vec<(String, String, String)>,
    retry: Option<u64>,
    last_event_id: String,
}

impl Vector {
    fn check(&self, (said, last_event_id): (Vec<Said>, String), how: &str) {
        let events: Vec<_> = said
            .iter()
            .filter_map(|said| match said {
                Said::Event { event_type, data, last_event_id, .. } => {
                    Some((event_type.clone(), data.clone(), last_event_id.clone()))
                }
                _ => None,
            })
            .collect();
        let retry = said.iter().rev().find_map(|said| match said {
            Said::Retry(time) => Some(*time),
            _ => None,
        });
        assert_eq!(events, self.events, "{} {how}: events", self.name);
        assert_eq!(retry, self.retry, "{} {how}: reconnection time", self.name);
        assert_eq!(last_event_id, self.last_event_id, "{} {how}: last event ID", self.name);
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        alphabet.iter().position(|&letter| letter == byte).expect("a base64 digit")
    };
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 6 | digit(byte)) << (6 * (4 - group.len()));
        bytes.extend((0..group.len() - 1).map(|byte| u8::try_from(bits >> (16 - 8 * byte) & 0xFF).unwrap()));
    }
    bytes
}

/// An interpreter takes minutes for the four that have thousands of bytes.
const LONGEST: u64 = if cfg!(miri) { 1_000 } else { u64::MAX };

fn vectors() -> &'static [Vector] {
    static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(read);
    &VECTORS
}

fn read() -> Vec<Vector> {
    let file: Value = serde_json::from_str(include_str!("data/decoder-vectors.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = file["vectors"].as_array().unwrap();
    assert_eq!(list.len(), 74);
    list.iter()
        .filter(|vector| vector["input_len"].as_u64() <= Some(LONGEST))
        .map(|vector| {
            let stream = base64(vector["input_b64"].as_str().unwrap());
            assert_eq!(stream.len() as u64, vector["input_len"]);
            Vector {
                name: text(&vector["name"]),
                stream,
                events: vector["expected_events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| (text(&event["type"]), text(&event["data"]), text(&event["lastEventId"])))
                    .collect(),
                retry: match &vector["expected_retry"] {
                    Value::String(choice) => panic!("a choice of reconnection times: {choice}"),
                    time => time.as_u64(),
                },
                last_event_id: text(&vector["expected_last_event_id"]),
            }
        })
        .collect()
}

/// At every place; an interpreter takes too long for that, and tries some.
fn splits(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).step_by(if cfg!(miri) { len / 16 + 1 } else { 1 })
}

#[test]
fn b08_every_vector_means_the_same_whole() {
    for vector in vectors() {
        vector.check(decode([&*vector.stream]), "whole");
    }
}

#[test]
fn every_vector_means_the_same_byte_by_byte() {
    for vector in vectors() {
        vector.check(decode(vector.stream.chunks(1)), "byte by byte");
    }
}

#[test]
fn every_vector_means_the_same_at_every_split() {
    for vector in vectors() {
        for at in splits(vector.stream.len()) {
            let (head, tail) = vector.stream.split_at(at);
            vector.check(decode([head, tail]), &format!("split at {at}"));
        }
    }
}

#[test]
fn the_oracle_agrees_with_every_vector() {
    for vector in vectors() {
        let stream = interpret(&vector.stream, "");
        vector.check((stream.said, stream.last_event_id), "oracle");
    }
}

fn event(event_type: &str, data: &str, last_event_id: &str, sets_id: bool) -> Said {
    Said::Event {
        event_type: event_type.to_owned(),
        data: data.to_owned(),
        last_event_id: last_event_id.to_owned(),
        sets_id,
    }
}

fn message(data: &str) -> Said {
    event("message", data, "", false)
}

fn comment(text: &str) -> Said {
    Said::Comment(text.to_owned())
}

fn block(last_event_id: &str, sets_id: bool) -> Said {
    Said::Block { last_event_id: last_event_id.to_owned(), sets_id }
}

/// Checks decoder and oracle over the stream whole, byte by byte and at every split, with LF, CR and CRLF as
/// line ends.
fn says(stream: &str, expected: &[Said]) {
    for line_end in ["\n", "\r\n", "\r"] {
        let stream = stream.replace('\n', line_end);
        let bytes = stream.as_bytes();
        assert_eq!(interpret(bytes, "").said, expected, "oracle: {stream:?}");
        assert_eq!(decode([bytes]).0, expected, "whole: {stream:?}");
        assert_eq!(decode(bytes.chunks(1)).0, expected, "byte by byte: {stream:?}");
        for at in splits(bytes.len()) {
            assert_eq!(decode([&bytes[..at], &bytes[at..]]).0, expected, "split at {at}: {stream:?}");
        }
    }
}

#[test]
fn the_examples_of_the_standard() {
    // 9.2.1
    says(
        "data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\n\
         data: This is the third message.\n\n",
        &[
            message("This is the first message."),
            message("This is the second message, it\nhas two lines."),
            message("This is the third message."),
        ],
    );
    says(
        "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        &[
            event("add", "73857293", "", false),
            event("remove", "2153", "", false),
            event("add", "113411", "", false),
        ],
    );
    // 9.2.6
    says("data: YHOO\ndata: +2\ndata: 10\n\n", &[message("YHOO\n+2\n10")]);
    says(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        &[
            comment("test stream"),
            event("message", "first event", "1", true),
            event("message", "second event", "", true),
        ],
    );
    says("data\n\ndata\ndata\n\ndata:", &[message(""), message("\n")]);
    says("data:test\n\ndata: test\n\n", &[message("test"), message("test")]);
}

#[test]
fn a_comment_is_reported_at_its_line_end() {
    says(":Hello\n", &[comment("Hello")]);
    says(": one\n:  two\n:\n: \n", &[comment("one"), comment(" two"), comment(""), comment("")]);
    says("data: a\n: between\ndata: b\n\n", &[comment("between"), message("a\nb")]);
    says("event: e\n: between\n\ndata: b\n\n", &[comment("between"), message("b")]);
    says(": not ended", &[]);
}

#[test]
fn a_block_without_data_is_reported_if_it_moved_id_or_retry() {
    says("id: 1\n\n", &[block("1", true)]);
    says(
        "id: 1\nretry: 5\n\ndata: x\n\n",
        &[Said::Retry(5), block("1", true), event("message", "x", "1", false)],
    );
    says("retry: 5\n\n", &[Said::Retry(5), block("", false)]);
    says("id\n\n", &[block("", true)]);
    says("\n\n: c\n\nevent: e\n\nunknown: x\n\nid: a\0b\n\nretry: no\n\n", &[comment("c")]);
}

#[test]
fn retry_is_reported_at_its_line_end_and_saturates() {
    says("retry: 5\n", &[Said::Retry(5)]);
    says("data: a\nretry: 7\n\n", &[Said::Retry(7), message("a")]);
    says("retry: 18446744073709551615\n", &[Said::Retry(u64::MAX)]);
    says("retry: 99999999999999999999999\n", &[Said::Retry(u64::MAX)]);
    says("retry\nretry:\nretry: \nretry:  1\nretry: 1 \nretry: \u{661}\nretry: 5", &[]);
}

#[test]
fn a_name_is_a_field_only_if_it_is_exactly_that() {
    says("dat: a\ndatas: b\nDATA: c\n data: d\ndata : e\ndata: f\n\n", &[message("f")]);
    says("i: 1\nidd: 1\neven: x\nevents: x\nretr: 1\nretryy: 1\nd\ne\ni\nr\n\n", &[]);
    says("\u{FEFF}\u{FEFF}data: a\ndata: b\n\n", &[message("b")]);
    says("data: \u{FEFF}a\n\n", &[message("\u{FEFF}a")]);
}

#[test]
fn the_last_event_of_a_kind_in_a_block_counts() {
    says("event: a\nevent: b\nid: 1\nid: 2\ndata: x\n\n", &[event("b", "x", "2", true)]);
    says("event: a\nevent\ndata: x\n\n", &[message("x")]);
    says(
        "event: a\n\nid: 1\ndata\n\ndata: y\n\n",
        &[event("message", "", "1", true), event("message", "y", "1", false)],
    );
}
