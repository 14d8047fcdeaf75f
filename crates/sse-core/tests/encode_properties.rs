//! What holds for any event: the bytes decode to what was put in, and to nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../../../tests/properties/mod.rs"]
mod properties;

use bytes::Buf;
use core::fmt::Write;
use properties::cases;
use proptest::prelude::*;
use sse_core::{Comment, DataWriter, Decoder, Encoder, Event, EventId, EventName, Item, LineEnding, Retry};
use sse_testkit::oracle::{self, Said};

/// Text made of what might break out of a field.
fn hostile() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\0",
        " ",
        ":",
        "data: ",
        "data",
        "event: admin",
        "id: 7",
        "id",
        "retry: 1",
        ": ",
        "a",
        "ü",
        "\u{FEFF}",
        "\u{2028}",
        "\u{85}",
        "\u{b}",
        "💩",
        "",
    ]);
    prop::collection::vec(prop_oneof![3 => fragment.prop_map(str::to_owned), 1 => any::<String>()], 0..12)
        .prop_map(|parts| parts.concat())
}

fn events() -> impl Strategy<Value = Event<'static>> {
    let name = hostile().prop_map(EventName::stripped);
    let id = prop_oneof![
        hostile().prop_map(EventId::replaced),
        any::<u64>().prop_map(EventId::from),
        Just(EventId::RESET),
    ];
    let retry = any::<u64>().prop_map(Retry::from_millis);
    (
        hostile(),
        prop::option::of(name),
        prop::option::of(id),
        prop::option::of(retry),
        prop::option::of(hostile()),
    )
        .prop_map(|(data, name, id, retry, comment)| with_fields(data, name, id, retry, comment))
}

fn with_fields<'a>(
    data: String,
    name: Option<EventName<'a>>,
    id: Option<EventId<'a>>,
    retry: Option<Retry>,
    comment: Option<String>,
) -> Event<'a> {
    let event = Event::new(data);
    let event = name.into_iter().fold(event, Event::with_name);
    let event = id.into_iter().fold(event, Event::with_id);
    let event = retry.into_iter().fold(event, Event::with_retry);
    comment.into_iter().fold(event, Event::with_comment)
}

/// What the standard makes of line ends in data: each one is an LF.
fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// What a client must hear of an event, in the order of the wire, and nothing else.
fn expected(event: &Event<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(comment) = event.comment() {
        said.extend(normalised(comment).split('\n').map(|line| format!("comment {line}")));
    }
    if let Some(retry) = event.retry() {
        said.push(format!("retry {}", retry.as_millis()));
    }
    let name = event.name().map_or("", |name| name.as_str());
    let name = if name.is_empty() { "message" } else { name };
    let id = event.id().map_or("before", EventId::as_str);
    said.push(format!("event {name}|{}|{id}", normalised(event.data().unwrap_or_default())));
    said
}

/// A stream of the event between two others, decoded.
fn decoded(wire: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut decoder = Decoder::new();
    let stream = [b"id: before\ndata: first\n\n", wire, b"data: last\n\n"].concat();
    let mut feed = decoder.feed(&stream);
    while let Some(item) = feed.next() {
        said.push(match item {
            Item::Event(event) => {
                format!("event {}|{}|{}", event.event_type(), event.data(), event.last_event_id())
            }
            Item::Comment(comment) if comment.is_truncated => continue,
            Item::Comment(comment) => format!("comment {}", comment.text),
            Item::Retry(time) => format!("retry {}", time.as_millis()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(decoder.finish(), None, "nothing is left over");
    said
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn b01_an_event_decodes_to_itself_and_nothing_else(event in events(), is_crlf in any::<bool>()) {
        let line_ending = if is_crlf { LineEnding::CrLf } else { LineEnding::Lf };
        let frame = Encoder::new().with_line_ending(line_ending).to_frame(&event);
        let said = decoded(frame.as_bytes());
        let (first, rest) = said.split_first().unwrap();
        let (last, middle) = rest.split_last().unwrap();
        prop_assert_eq!(first, "event message|first|before");
        prop_assert!(last.starts_with("event message|last|"), "{}", last);
        prop_assert_eq!(middle, &expected(&event)[..]);
    }

    #[test]
    fn b01_the_standards_own_algorithm_hears_the_same(event in events()) {
        let heard = oracle::interpret(event.to_frame().as_bytes(), "before");
        let dispatched: Vec<_> =
            heard.said.iter().filter(|said| matches!(said, Said::Event { .. })).collect();
        prop_assert_eq!(dispatched.len(), 1, "{:?}", heard);
        prop_assert_eq!(&heard.last_event_id, event.id().map_or("before", EventId::as_str));
    }

    /// No line that the caller did not ask for, whatever the texts hold.
    #[test]
    fn b01_every_line_begins_with_a_field_that_was_asked_for(event in events()) {
        let wire = String::from_utf8(event.to_frame().as_bytes().to_vec()).unwrap();
        prop_assert!(!wire.contains('\r'));
        let lines: Vec<_> = wire.split('\n').collect();
        let count = |prefix| lines.iter().filter(|line| line.starts_with(prefix)).count();
        prop_assert_eq!(count("event: "), usize::from(event.name().is_some()));
        prop_assert_eq!(count("id: "), usize::from(event.id().is_some()));
        prop_assert_eq!(count("retry: "), usize::from(event.retry().is_some()));
        prop_assert_eq!(count("data: "), normalised(event.data().unwrap()).split('\n').count());
        let comments = event.comment().map_or(0, |comment| normalised(comment).split('\n').count());
        prop_assert_eq!(count(": "), comments);
        let fields = ["event: ", "id: ", "retry: ", "data: ", ": "].map(count).iter().sum::<usize>();
        prop_assert_eq!(lines.len(), fields + 2, "and the blank line");
    }

    #[test]
    fn all_ways_out_give_the_same_bytes(event in events(), is_crlf in any::<bool>(), cut in any::<usize>()) {
        let line_ending = if is_crlf { LineEnding::CrLf } else { LineEnding::Lf };
        let encoder = Encoder::new().with_line_ending(line_ending);
        let frame = encoder.to_frame(&event);
        let wire = frame.as_bytes();
        prop_assert_eq!(encoder.encoded_len(&event), wire.len());
        let mut buffer = Vec::new();
        encoder.encode(&event, &mut buffer);
        prop_assert_eq!(&buffer[..], wire);
        let mut exact = vec![0; wire.len()];
        prop_assert!(encoder.try_encode(&event, &mut &mut exact[..]).is_ok());
        prop_assert_eq!(&exact[..], wire);
        let pieces: Vec<&[u8]> = encoder.chunks(&event).collect();
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(&pieces.concat()[..], wire);
        let mut chunks = encoder.chunks(&event);
        let at = cut % (wire.len() + 1);
        chunks.advance(at);
        prop_assert_eq!(chunks.remaining(), wire.len() - at);
        prop_assert_eq!(&chunks.copy_to_bytes(wire.len() - at)[..], &wire[at..]);
    }

    #[test]
    fn a_data_writer_makes_the_same_event_of_any_pieces(
        event in events(),
        pieces in prop::collection::vec(hostile(), 0..6),
        is_crlf in any::<bool>(),
    ) {
        let line_ending = if is_crlf { LineEnding::CrLf } else { LineEnding::Lf };
        let encoder = Encoder::new().with_line_ending(line_ending);
        let mut writer = DataWriter::append_to(Vec::new(), &encoder, &event);
        for piece in &pieces {
            writer.write_str(piece).unwrap();
        }
        let data = event.data().unwrap_or_default().to_owned() + &pieces.concat();
        let whole = with_fields(data, event.name().cloned(), event.id().cloned(), event.retry(), event.comment().map(str::to_owned));
        prop_assert_eq!(writer.into_frame(), encoder.to_frame(&whole));
    }

    #[test]
    fn b01_a_comment_is_heard_as_nothing(text in hostile()) {
        let said = decoded(Comment::new(text.as_str()).to_frame().as_bytes());
        let expected: Vec<_> = normalised(&text).split('\n').map(|line| format!("comment {line}")).collect();
        prop_assert_eq!(&said[1..said.len() - 1], &expected[..]);
    }

    #[test]
    fn b01_lossy_names_and_ids_are_always_legal(text in hostile()) {
        for name in [EventName::stripped(text.as_str()), EventName::replaced(text.as_str())] {
            prop_assert_eq!(EventName::new(name.as_str()), Ok(name.clone()));
        }
        for id in [EventId::stripped(text.as_str()), EventId::replaced(text.as_str())] {
            prop_assert_eq!(EventId::new(id.as_str()), Ok(id.clone()));
        }
    }
}
