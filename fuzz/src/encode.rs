//! Hostile texts in every field of an event and of a comment, encoded in every way there is.

use crate::common::{cut, items, said, truncated};
use bytes::Buf;
use sse_core::{
    Comment, DataWriter, Decoder, Encoder, Event, EventId, EventName, Frame, LineEnding, OwnedItem, Retry,
};
use sse_testkit::oracle::{Said, interpret};
use std::borrow::Cow;
use std::io::Write;

/// What surrounds an event, so that one that says too much or too little is noticed.
const BEFORE: &[u8] = b"id: before\ndata: first\n\n";
const AFTER: &[u8] = b"data: last\n\n";

/// What a caller asks for: the control byte says which fields there are, the texts follow one another, cut by
/// a byte that is never in UTF-8.
struct Asked<'a> {
    line_ending: LineEnding,
    comment: Option<Cow<'a, str>>,
    name: Option<EventName<'a>>,
    id: Option<EventId<'a>>,
    retry: Option<Retry>,
    data: Option<Cow<'a, str>>,
    /// The length of pieces, in which data is written and streams are read.
    piece: usize,
}

impl<'a> Asked<'a> {
    fn read(input: &'a [u8]) -> Option<Self> {
        let (&[flags, piece], texts) = input.split_first_chunk()?;
        let mut texts = texts.splitn(5, |byte| *byte == 0xFF).map(String::from_utf8_lossy);
        let mut text = || texts.next().unwrap_or_default();
        let is = |bit: u32| flags & (1 << bit) != 0;
        let (comment, name, id, retry, data) = (text(), text(), text(), text(), text());
        let id = is(3).then(|| checked_id(id, is(6)));
        let retry = retry.parse().ok().map(checked_retry);
        let is_data = is(4) || (id.is_none() && retry.is_none());
        Some(Self {
            line_ending: if is(0) { LineEnding::CrLf } else { LineEnding::Lf },
            comment: is(1).then_some(comment),
            name: is(2).then(|| checked_name(name, is(5))),
            id,
            retry,
            data: is_data.then_some(data),
            piece: usize::from(piece).max(1),
        })
    }

    fn event(&self) -> Event<'_> {
        let event = match (&self.data, &self.id, self.retry) {
            (Some(data), ..) => Event::new(&**data),
            (None, Some(id), _) => Event::bare_id(id.clone()),
            (None, None, Some(retry)) => Event::bare_retry(retry),
            (None, None, None) => Event::new(""),
        };
        let event = self.name.iter().cloned().fold(event, Event::with_name);
        let event = self.id.iter().cloned().fold(event, Event::with_id);
        let event = self.retry.into_iter().fold(event, Event::with_retry);
        self.comment.iter().fold(event, |event, comment| event.with_comment(&**comment))
    }

    /// The lines that were asked for, in their order, and no other.
    fn wire(&self) -> Vec<u8> {
        let mut wire = String::new();
        let mut line = |field: &str, value: &str| {
            assert!(!value.contains(['\r', '\n']), "{value:?} is no line");
            let end = if self.line_ending == LineEnding::CrLf { "\r\n" } else { "\n" };
            wire.extend([field, value, end]);
        };
        lines(self.comment.as_deref()).for_each(|text| line(": ", &text));
        self.name.iter().for_each(|name| line("event: ", name.as_str()));
        self.id.iter().for_each(|id| line("id: ", id.as_str()));
        self.retry.iter().for_each(|retry| line("retry: ", &retry.as_millis().to_string()));
        lines(self.data.as_deref()).for_each(|text| line("data: ", &text));
        line("", "");
        wire.into_bytes()
    }

    /// What a client hears, between two other events.
    fn heard(&self) -> Vec<Said> {
        let id = self.id.as_ref().map_or("before", EventId::as_str);
        let event = |event_type: &str, data: String, last_event_id: &str, sets_id| Said::Event {
            event_type: event_type.to_owned(),
            data,
            last_event_id: last_event_id.to_owned(),
            sets_id,
        };
        let mut said = vec![event("message", "first".to_owned(), "before", true)];
        said.extend(lines(self.comment.as_deref()).map(Said::Comment));
        said.extend(self.retry.map(|retry| Said::Retry(retry.as_millis().into())));
        let name = self.name.as_ref().map(EventName::as_str).filter(|name| !name.is_empty());
        said.push(match &self.data {
            Some(data) => event(name.unwrap_or("message"), normalised(data), id, self.id.is_some()),
            None => Said::Block { last_event_id: id.to_owned(), sets_id: self.id.is_some() },
        });
        said.push(event("message", "last".to_owned(), id, false));
        said
    }
}

/// What a caller asks for is on the wire whole and alone, whichever way it got there.
pub fn encode(input: &[u8]) {
    let Some(asked) = Asked::read(input) else { return };
    let event = asked.event();
    let encoder = Encoder::new().with_line_ending(asked.line_ending);
    let frame = encoder.to_frame(&event);
    assert_eq!(frame.as_bytes().escape_ascii().to_string(), asked.wire().escape_ascii().to_string());
    assert_eq!(Frame::from_wire(frame.clone().into_bytes()).as_ref(), Ok(&frame));
    is_heard_as(frame.as_bytes(), &asked.heard(), asked.piece);
    every_way_is_the_same(&encoder, &event, &frame, asked.piece);
    writing_data_is_the_same(&encoder, &asked, &frame);
    an_id_that_comes_late_is_the_same(&encoder, &asked, &frame);
    a_comment_is_only_a_comment(&encoder, &asked);
}

/// By the decoder, however cut, and by the standard's algorithm.
fn is_heard_as(wire: &[u8], expected: &[Said], piece: usize) {
    let stream = [BEFORE, wire, AFTER].concat();
    let oracle = interpret(&stream, "");
    assert_eq!(oracle.said, expected);
    let mut decoder = Decoder::with_limit(usize::MAX);
    let items: Vec<OwnedItem> = items(&mut decoder, cut(&stream, &[piece]));
    assert_eq!(decoder.finish(), None, "nothing is left over");
    assert_eq!(decoder.last_event_id(), oracle.last_event_id);
    let expected = truncated(expected.to_vec(), &items);
    assert_eq!(items.into_iter().map(said).collect::<Vec<_>>(), expected);
}

fn every_way_is_the_same(encoder: &Encoder, event: &Event<'_>, frame: &Frame, piece: usize) {
    let wire = frame.as_bytes();
    assert_eq!(encoder.encoded_len(event), wire.len());
    let mut buffer = Vec::new();
    encoder.encode(event, &mut buffer);
    assert_eq!(buffer, wire);
    let mut exact = vec![0; wire.len()];
    assert_eq!(encoder.try_encode(event, &mut &mut exact[..]), Ok(()));
    assert_eq!(exact, wire);
    let mut short = vec![0; wire.len() - 1];
    assert!(encoder.try_encode(event, &mut &mut short[..]).is_err());
    assert!(short.iter().all(|byte| *byte == 0), "a failed call writes nothing");

    let pieces: Vec<&[u8]> = encoder.chunks(event).collect();
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
    assert_eq!(pieces.concat(), wire);
    let mut chunks = encoder.chunks(event);
    for written in wire.chunks(piece) {
        let before = chunks.remaining();
        assert_eq!(&*chunks.copy_to_bytes(written.len()), written);
        assert_eq!(chunks.remaining(), before - written.len());
    }
    assert!(!chunks.has_remaining() && chunks.chunk().is_empty());

    if encoder.line_ending() == LineEnding::Lf {
        assert_eq!(event.to_frame(), *frame);
        assert_eq!(event.encoded_len(), wire.len());
        assert_eq!(event.chunks().collect::<Vec<_>>().concat(), wire);
    }
    assert_eq!(encoder.to_frame(&event.clone().into_owned()), *frame);
}

/// The first piece of the data stands in the event, the others are written in pieces that may cut characters.
fn writing_data_is_the_same(encoder: &Encoder, asked: &Asked<'_>, frame: &Frame) {
    let Some(data) = &asked.data else { return };
    let first = (0..=asked.piece.min(data.len()) / 2).rev().find(|at| data.is_char_boundary(*at));
    let (first, rest) = data.split_at(first.unwrap_or(0));
    let part = Asked {
        data: Some(first.into()),
        comment: asked.comment.clone(),
        name: asked.name.clone(),
        id: asked.id.clone(),
        ..*asked
    };
    let mut writer = DataWriter::append_to(b"earlier".to_vec(), encoder, &part.event());
    for piece in rest.as_bytes().chunks(asked.piece) {
        writer.write_all(piece).expect("a vector takes all");
    }
    assert_eq!(writer.into_frame(), *frame);
}

fn an_id_that_comes_late_is_the_same(encoder: &Encoder, asked: &Asked<'_>, frame: &Frame) {
    if let Some(id) = &asked.id {
        let without = Asked {
            id: None,
            data: asked.data.clone(),
            comment: asked.comment.clone(),
            name: asked.name.clone(),
            ..*asked
        };
        if without.data.is_some() || without.retry.is_some() {
            let without = without.event();
            assert_eq!(encoder.to_frame_awaiting_id(&without).with_id(id), *frame);
            let before = encoder.put_id_before(&encoder.to_frame(&without)).with_id(id);
            is_heard_as(before.as_bytes(), &asked.heard(), asked.piece);
        }
    }
}

fn a_comment_is_only_a_comment(encoder: &Encoder, asked: &Asked<'_>) {
    let Some(text) = &asked.comment else { return };
    let frame = encoder.comment_to_frame(&Comment::new(&**text));
    assert_eq!(Frame::from_wire(frame.clone().into_bytes()).as_ref(), Ok(&frame));
    let asked =
        Asked { name: None, id: None, retry: None, data: None, comment: asked.comment.clone(), ..*asked };
    let mut expected = asked.heard();
    // No block: what `heard` says of an event is not there.
    expected.remove(expected.len() - 2);
    is_heard_as(frame.as_bytes(), &expected, asked.piece);
}

/// What is legal stays as it is; what is not is refused where it says, and mended.
fn checked_name(text: Cow<'_, str>, is_replaced: bool) -> EventName<'_> {
    let (stripped, replaced) = (EventName::stripped(text.clone()), EventName::replaced(text.clone()));
    for mended in [&stripped, &replaced] {
        assert_eq!(EventName::new(mended.as_str()).as_ref(), Ok(mended), "what is mended is legal");
    }
    match EventName::new(text.clone()) {
        Ok(name) => assert_eq!([&stripped, &replaced], [&name; 2]),
        Err(refused) => {
            assert_eq!(text.as_bytes().get(refused.offset()), Some(&refused.byte()));
            assert_ne!(stripped.as_str(), text);
        }
    }
    if is_replaced { replaced } else { stripped }
}

fn checked_id(text: Cow<'_, str>, is_replaced: bool) -> EventId<'_> {
    let (stripped, replaced) = (EventId::stripped(text.clone()), EventId::replaced(text.clone()));
    for mended in [&stripped, &replaced] {
        assert_eq!(EventId::new(mended.as_str()).as_ref(), Ok(mended), "what is mended is legal");
    }
    match EventId::new(text.clone()) {
        Ok(id) => assert_eq!([&stripped, &replaced], [&id; 2]),
        Err(refused) => {
            assert_eq!(text.as_bytes().get(refused.offset()), Some(&refused.byte()));
            assert_ne!(stripped.as_str(), text);
        }
    }
    let number = text.parse::<u64>().ok();
    if let Some(number) = number {
        let id = EventId::from(number);
        assert_eq!((id.as_str(), id.as_u64()), (&*number.to_string(), Some(number)));
        assert_eq!(stripped.as_u64().is_some(), text == id.as_str(), "one text for one number");
        return id;
    }
    if is_replaced { replaced } else { stripped }
}

fn checked_retry(millis: u64) -> Retry {
    let retry = Retry::from_millis(millis);
    assert_eq!(u64::from(retry.as_millis()), millis.min(Retry::MAX.as_millis().into()));
    retry
}

/// What the standard makes of line ends in data: each one is an LF.
fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn lines(text: Option<&str>) -> impl Iterator<Item = String> {
    let lines = text.map(|text| normalised(text).split('\n').map(str::to_owned).collect::<Vec<_>>());
    lines.unwrap_or_default().into_iter()
}
