//! What somebody writes who needs no library: correct, checked, and as plain as that allows.

use super::{EncodeEngine, Sink};
use crate::corpora::Message;
use bytes::Bytes;
use memchr::{memchr2, memchr3};
use std::hint::black_box;

fn encode(message: &Message, dst: &mut Vec<u8>) -> Result<(), Refused> {
    if let Some(name) = message.name {
        field(dst, b"event: ", checked(name)?);
    }
    if let Some(id) = message.id {
        field(dst, b"id: ", checked(id)?);
    }
    let mut rest = message.data.as_bytes();
    while let Some(end) = memchr2(b'\r', b'\n', rest) {
        field(dst, DATA, &rest[..end]);
        rest = match &rest[end..] {
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
            [] => &[],
        };
    }
    field(dst, DATA, rest);
    dst.push(b'\n');
    Ok(())
}

/// Exact for data in one line.
fn len_of_one_line(message: &Message) -> usize {
    let field = |prefix: &[u8], value: Option<&str>| value.map_or(0, |value| prefix.len() + value.len() + 1);
    field(b"event: ", message.name) + field(b"id: ", message.id) + field(DATA, Some(message.data)) + 1
}

const DATA: &[u8] = b"data: ";

#[derive(Debug)]
struct Refused;

fn checked(value: &str) -> Result<&[u8], Refused> {
    match memchr3(b'\r', b'\n', 0, value.as_bytes()) {
        None => Ok(value.as_bytes()),
        Some(_) => Err(Refused),
    }
}

fn field(dst: &mut Vec<u8>, prefix: &[u8], value: &[u8]) {
    dst.extend_from_slice(prefix);
    dst.extend_from_slice(value);
    dst.push(b'\n');
}

pub(super) struct NewBytes;

impl EncodeEngine for NewBytes {
    const NAME: &'static str = super::BASELINE;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let message = black_box(message);
            let mut wire = Vec::with_capacity(len_of_one_line(message));
            encode(message, &mut wire).expect("legal fields");
            sink.take(&Bytes::from(wire));
        }
    }
}

pub(super) struct Reused;

impl EncodeEngine for Reused {
    const NAME: &'static str = "hand-written, reused Vec";

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let mut wire = Vec::new();
        for _ in 0..events {
            wire.clear();
            encode(black_box(message), &mut wire).expect("legal fields");
            sink.take(&wire);
        }
    }
}
