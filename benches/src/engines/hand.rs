//! What somebody writes who needs no library: correct, checked, and as plain as that allows.

use super::{EncodeEngine, Kind, Sink};
use crate::corpora::Message;
use bytes::Bytes;
use memchr::{memchr2, memchr3};
use std::hint::black_box;

fn encode(name: Option<&str>, id: Option<&str>, data: &str, dst: &mut Vec<u8>) -> Result<(), Refused> {
    if let Some(name) = name {
        field(dst, b"event: ", checked(name)?);
    }
    if let Some(id) = id {
        field(dst, b"id: ", checked(id)?);
    }
    let mut rest = data.as_bytes();
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

/// The capacity is exact for data in one line.
pub(super) fn encoded(name: Option<&str>, id: Option<&str>, data: &str) -> Vec<u8> {
    let field = |prefix: &[u8], value: Option<&str>| value.map_or(0, |value| prefix.len() + value.len() + 1);
    let len = field(b"event: ", name) + field(b"id: ", id) + field(DATA, Some(data)) + 1;
    let mut wire = Vec::with_capacity(len);
    encode(name, id, data, &mut wire).expect("legal fields");
    wire
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
    const NAME: &'static str = super::HAND_WRITTEN;
    const KIND: Kind = Kind::New;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        for _ in 0..events {
            let Message { name, id, data } = black_box(message);
            sink.take(&Bytes::from(encoded(*name, *id, data)));
        }
    }
}

pub(super) struct Reused;

impl EncodeEngine for Reused {
    const NAME: &'static str = "hand-written, reused Vec";
    const KIND: Kind = Kind::Reused;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let mut wire = Vec::new();
        for _ in 0..events {
            wire.clear();
            let Message { name, id, data } = black_box(message);
            encode(*name, *id, data, &mut wire).expect("legal fields");
            sink.take(&wire);
        }
    }
}
