//! What a client claims to have seen last: a header, a query, a position in a log.

use crate::script::Script;
use http::HeaderValue;
use sse_broadcast::{Epoch, NotAPosition, Position, Sequence};
use sse_core::{EventId, head};
use std::borrow::Cow;

/// Any header and any query: an id that can go back as a header, or none; and any text as a position.
pub fn last_event_id(input: &[u8]) {
    let mut script = Script::new(input);
    let (has_header, has_query) = (script.is(), script.is());
    let length = script.byte().into();
    let (header, query) = (script.bytes(length), String::from_utf8_lossy(script.bytes(usize::MAX)));

    let from_header = of_value(header);
    let named = named_in_query(query.as_bytes());
    let from_query = named.as_deref().and_then(of_value);
    let expected = from_header.clone().filter(|_| has_header).or(from_query.filter(|_| has_query));
    let id = sse_driver::last_event_id(has_header.then_some(header), has_query.then_some(&query));
    assert_eq!(id, expected, "the header when it names an id, else the query");

    for id in from_header.iter().chain(&id) {
        survives_a_request(id);
        is_a_position_or_not(id.as_str());
    }
    is_a_position_or_not(&String::from_utf8_lossy(header));
    is_a_position_or_not(&query);
    comes_back(&query, header);
}

/// An id, if anything is left of the value that can be in one.
fn of_value(value: &[u8]) -> Option<EventId<'static>> {
    let id = head::last_event_id(value);
    let text = String::from_utf8_lossy(value);
    let kept: String = text.chars().filter(|char| *char == '\t' || !char.is_ascii_control()).collect();
    let kept = kept.trim_matches([' ', '\t']);
    assert_eq!(id.as_ref().map(EventId::as_str), (!kept.is_empty()).then_some(kept));
    id
}

/// As a header, and encoded in a query.
fn survives_a_request(id: &EventId<'_>) {
    assert_eq!(EventId::new(id.as_str()).as_ref(), Ok(id));
    let value = HeaderValue::from_bytes(id.as_str().as_bytes()).expect("an id is a header value");
    assert_eq!(value.as_bytes().trim_ascii(), value.as_bytes(), "nothing is trimmed on the way");
    assert_eq!(head::last_event_id(value.as_bytes()).as_ref(), Some(id));
    let query: String = id
        .as_str()
        .bytes()
        .fold("a=b&lastEventId=".to_owned(), |query, byte| query + &format!("%{byte:02x}"));
    assert_eq!(sse_driver::last_event_id(None, Some(&query)).as_ref(), Some(id));
}

/// The standard's [parser] of queries, for the first parameter of our name.
///
/// [parser]: https://url.spec.whatwg.org/#urlencoded-parsing
fn named_in_query(query: &[u8]) -> Option<Vec<u8>> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..equals], pair.get(equals + 1..).unwrap_or_default());
        (unescaped(name) == b"lastEventId").then(|| unescaped(value))
    })
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    bytes
}

fn is_epoch(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// One text for one position: what is read is written the same, and nothing else is read.
fn is_a_position_or_not(text: &str) {
    let is_position = text.split_once('-').is_some_and(|(epoch, sequence)| {
        let is_number =
            |text: &str| (text == "0" || !text.starts_with(['0', '+'])) && text.parse::<u64>().is_ok();
        let is_sequence = match sequence.split_once('-') {
            Some((high, low)) => high != "0" && is_number(high) && is_number(low),
            None => is_number(sequence),
        };
        is_epoch(epoch) && is_sequence
    });
    match text.parse::<Position>() {
        Ok(position) => {
            assert!(is_position, "{text:?} was read as {position:?}");
            assert_eq!((&*position.to_string(), position.to_id().as_str()), (text, text));
        }
        Err(NotAPosition) => assert!(!is_position, "{text:?} was not read"),
    }
}

/// A position of any epoch and number goes to a client and comes back.
fn comes_back(epoch: &str, sequence: &[u8]) {
    assert_eq!(Epoch::new(epoch).is_some(), is_epoch(epoch));
    let letters: Cow<'_, str> = epoch.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let Some(epoch) = Epoch::new(&letters) else { return };
    assert_eq!(epoch.as_str(), letters);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let (low, high) = sequence.split_at(sequence.len().min(8));
    let sequence = Sequence::of_parts(number(&high[..high.len().min(8)]), number(low));
    let position = Position { epoch, sequence };
    let id = position.to_id();
    survives_a_request(&id);
    assert_eq!(id.as_str().parse(), Ok(position));
}
