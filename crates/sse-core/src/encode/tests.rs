use super::*;
use crate::field::{EventId, EventName, Retry};
use alloc::string::String;
use alloc::vec;
use bytes::Buf;
use core::fmt::Write;

fn wire(event: &Event<'_>) -> String {
    String::from_utf8(event.to_frame().as_bytes().to_vec()).unwrap()
}

#[test]
fn fields_stand_in_the_fixed_order() {
    let event = Event::new("d")
        .with_retry(Retry::from_millis(1500))
        .with_id(EventId::from(9_u64))
        .with_comment("c")
        .with_name(EventName::from_static("n"));
    assert_eq!(wire(&event), ": c\nevent: n\nid: 9\nretry: 1500\ndata: d\n\n");
}

#[test]
fn a_number_is_an_id_of_an_event_that_borrows() {
    let data = String::from("d");
    assert_eq!(wire(&Event::new(data.as_str()).with_id(9_u64)), "id: 9\ndata: d\n\n");
    assert_eq!(wire(&Event::new(data.as_str()).with_id(9_u32)), "id: 9\ndata: d\n\n");
}

#[test]
fn each_line_end_ends_one_line_once() {
    for (data, expected) in [
        ("", "data: \n\n"),
        ("a", "data: a\n\n"),
        (" a", "data:  a\n\n"),
        ("a\nb", "data: a\ndata: b\n\n"),
        ("a\rb", "data: a\ndata: b\n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        ("a\r\r\nb", "data: a\ndata: \ndata: b\n\n"),
        ("\n", "data: \ndata: \n\n"),
        ("a\n", "data: a\ndata: \n\n"),
        ("a\r", "data: a\ndata: \n\n"),
        ("\r\n\r\n", "data: \ndata: \ndata: \n\n"),
        ("x\u{2028}y\u{85}z\u{b}", "data: x\u{2028}y\u{85}z\u{b}\n\n"),
        ("a\n\nevent: admin\ndata: x", "data: a\ndata: \ndata: event: admin\ndata: data: x\n\n"),
    ] {
        assert_eq!(wire(&Event::new(data)), expected, "{data:?}");
        assert_eq!(
            wire(&Event::bare_retry(Retry::from_millis(1)).with_comment(data)),
            expected.trim_end_matches('\n').replace("data: ", ": ").replace(": : x", ": data: x")
                + "\nretry: 1\n\n",
            "comment {data:?}"
        );
    }
}

#[test]
fn crlf_ends_every_line() {
    let encoder = Encoder::new().with_line_ending(LineEnding::CrLf);
    let event = Event::new("a\nb").with_id(EventId::RESET).with_comment("c");
    assert_eq!(encoder.to_frame(&event).as_bytes(), b": c\r\nid: \r\ndata: a\r\ndata: b\r\n\r\n");
    assert_eq!(encoder.encoded_len(&event), encoder.to_frame(&event).len());
    assert_eq!(encoder.comment_to_frame(&Comment::new("x")).as_bytes(), b": x\r\n");
}

#[test]
fn a_fixed_buffer_gets_all_or_nothing() {
    let event = Event::new("abc\ndef");
    let needed = event.encoded_len();
    for room in 0..needed + 2 {
        let mut buffer = vec![b'-'; room];
        let done = Encoder::new().try_encode(&event, &mut &mut buffer[..]);
        if room < needed {
            let refused = done.unwrap_err();
            assert_eq!((refused.required(), refused.available()), (needed, room));
            assert!(buffer.iter().all(|byte| *byte == b'-'));
        } else {
            assert_eq!(done, Ok(()));
            assert_eq!(&buffer[..needed], event.to_frame().as_bytes());
        }
    }
}

#[test]
fn chunks_are_the_callers_own_bytes() {
    let data = String::from("a long line\nanother");
    let event = Event::new(data.as_str());
    let own = data.as_bytes().as_ptr_range();
    let lent = event.chunks().filter(|piece| own.contains(&piece.as_ptr())).count();
    assert_eq!(lent, 2);
}

#[test]
fn chunks_can_be_advanced_to_any_offset() {
    let event = Event::new("ab\r\ncd\n").with_id(1_u64).with_comment("");
    let whole = event.to_frame();
    for offset in 0..=whole.len() + 3 {
        let mut chunks = event.chunks();
        chunks.advance(offset);
        let at = offset.min(whole.len());
        assert_eq!(chunks.remaining(), whole.len() - at);
        assert_eq!(chunks.copy_to_bytes(whole.len() - at), whole.as_bytes()[at..]);
        assert_eq!(chunks.next(), None);
    }
}

#[test]
fn a_data_writer_sees_line_ends_across_writes() {
    let text = "a\r\nb\n\rc\r\r\n\nd\r";
    let expected = Event::new(text).to_frame();
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let mut writer = DataWriter::new(&Event::new(""));
            for part in [&text[..first], "", &text[first..second], &text[second..]] {
                writer.write_str(part).unwrap();
            }
            assert_eq!(writer.into_frame(), expected, "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_data_writer_goes_on_from_the_events_own_data() {
    let mut writer = DataWriter::new(&Event::new("a\r").with_id(3_u64));
    writer.write_str("\nb").unwrap();
    assert_eq!(writer.into_frame().as_bytes(), b"id: 3\ndata: a\ndata: b\n\n");
    let writer = DataWriter::new(&Event::bare_id(3_u64));
    assert_eq!(writer.into_frame().as_bytes(), b"id: 3\ndata: \n\n");
}
