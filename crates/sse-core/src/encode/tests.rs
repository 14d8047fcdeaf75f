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
fn a_line_end_is_found_wherever_it_stands() {
    // An interpreter takes minutes for what takes milliseconds.
    let longest = if cfg!(miri) { 20 } else { 80 };
    for len in 0..longest {
        for at in 0..len {
            for end in ["\r", "\n", "\r\n"] {
                let (first, second) = ("a".repeat(at), "b".repeat(len - at - 1));
                let expected = alloc::format!("data: {first}\ndata: {second}\n\n");
                assert_eq!(wire(&Event::new(first + end + &second)), expected);
            }
        }
        let text = "é".repeat(len);
        assert_eq!(wire(&Event::new(text.as_str())), alloc::format!("data: {text}\n\n"));
        for end in ["\r", "\n"] {
            let lines = "data: \n".repeat(len + 1) + "\n";
            assert_eq!(wire(&Event::new(end.repeat(len))), lines, "nothing but line ends");
        }
    }
}

#[test]
fn every_way_to_encode_gives_the_same_bytes() {
    for encoder in [Encoder::new(), Encoder::new().with_line_ending(LineEnding::CrLf)] {
        for data in ["", "a", "a\nb", "\r", "sixteen bytes or", "sixteen bytes or more, and\r\nthe like"] {
            for fields in 0..16 {
                let mut event = Event::new(data);
                if fields & 1 > 0 {
                    event = event.with_name(EventName::from_static("name"));
                }
                if fields & 2 > 0 {
                    event = event.with_id(EventId::from_static("id"));
                }
                if fields & 4 > 0 {
                    event = event.with_retry(Retry::from_millis(7));
                }
                if fields & 8 > 0 {
                    event = event.with_comment("c\nd");
                }
                let frame = encoder.to_frame(&event);
                let mut wire = Vec::new();
                encoder.encode(&event, &mut wire);
                assert_eq!(wire, frame.as_bytes());
                assert_eq!(encoder.chunks(&event).collect::<Vec<_>>().concat(), wire);
                assert_eq!(DataWriter::append_to(Vec::new(), &encoder, &event).into_vec(), wire);
                assert_eq!(
                    (encoder.encoded_len(&event), encoder.chunks(&event).remaining()),
                    (wire.len(), wire.len())
                );
            }
        }
    }
}

#[test]
fn an_event_encodes_itself_with_lf() {
    let event = Event::new("a\r\nb");
    let mut wire = b"before".to_vec();
    event.encode(&mut wire);
    assert_eq!(wire, b"beforedata: a\ndata: b\n\n");
    assert_eq!((event.encoded_len(), event.to_frame().as_bytes()), (17, &wire[6..]));
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

#[cfg(feature = "std")]
#[test]
fn chunks_can_be_gathered() {
    let event = Event::new("a").with_id(EventId::RESET);
    let mut chunks = event.chunks();
    let gathered = |chunks: &Chunks<'_>, room: usize| {
        let mut slices = [std::io::IoSlice::new(b""); 4];
        let filled = chunks.chunks_vectored(&mut slices[..room]);
        slices.iter().take(filled).map(|slice| slice.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(gathered(&chunks, 4), [&b"id: "[..], b"\n"], "what is empty is no piece");
    chunks.advance(5);
    assert_eq!(gathered(&chunks, 4), [&b"data: "[..], b"a", b"\n"], "the line at hand");
    assert_eq!(gathered(&chunks, 2), [&b"data: "[..], b"a"]);
    chunks.advance(3);
    assert_eq!(gathered(&chunks, 4), [&b"a: "[..], b"a", b"\n"]);
    chunks.advance(5);
    assert_eq!(gathered(&chunks, 4), [b"\n"], "the blank line");
    chunks.advance(1);
    assert_eq!(gathered(&chunks, 4), [b""; 0]);
}

#[test]
fn defaults_fill_what_is_missing_and_change_nothing_else() {
    let name = || EventName::from_static("log");
    let encoder = Encoder::new()
        .with_line_ending(LineEnding::CrLf)
        .with_default_name(name())
        .with_default_id(7_u64)
        .with_default_name(name());
    assert_eq!(encoder.line_ending(), LineEnding::CrLf);
    let full = Event::new("a").with_name(name()).with_id(7_u64);
    assert_eq!(encoder.fill(Event::new("a")), full);
    assert_eq!(encoder.fill_id(Event::new("a")), Event::new("a").with_id(7_u64));
    let own = Event::new("a").with_name(EventName::from_static("own")).with_id(EventId::RESET);
    for event in [own, Event::bare_retry(Retry::from_millis(1)), Event::bare_id(1_u64)] {
        assert_eq!(encoder.fill(event.clone()), event);
        assert_eq!(encoder.fill_id(event.clone()), event);
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

#[cfg(feature = "std")]
#[test]
fn a_data_writer_takes_bytes_whole() {
    use std::io::Write;
    let mut writer = DataWriter::new(&Event::new(""));
    assert_eq!(Write::write(&mut writer, b"ab\n").unwrap(), 3);
    writer.write_all(b"cd").unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.into_frame().as_bytes(), b"data: ab\ndata: cd\n\n");
}

#[test]
fn a_data_writer_goes_on_from_the_events_own_data() {
    let mut writer = DataWriter::new(&Event::new("a\r").with_id(3_u64));
    writer.write_str("\nb").unwrap();
    assert_eq!(writer.into_frame().as_bytes(), b"id: 3\ndata: a\ndata: b\n\n");
    let writer = DataWriter::new(&Event::bare_id(3_u64));
    assert_eq!(writer.into_frame().as_bytes(), b"id: 3\ndata: \n\n");
}

#[test]
fn a_frame_of_a_data_writer_is_its_event_alone() {
    let prefix = b"\xEF\xBB\xBFdata: half";
    let writer = DataWriter::append_to(prefix.to_vec(), &Encoder::new(), &Event::new("a"));
    assert_eq!(writer.into_frame(), Event::new("a").to_frame());
    let writer = DataWriter::append_to(prefix.to_vec(), &Encoder::new(), &Event::new("a"));
    assert_eq!(writer.into_vec(), [&prefix[..], b"data: a\n\n"].concat());
}

/// What [`each_line_end_ends_one_line_once`] shows for short texts, for those that are read in blocks.
#[test]
fn a_long_text_is_cut_like_a_short_one() {
    let lines = ["", "a", "a line of some length, of some length", "\u{20ac}\u{20ac}\u{20ac}", "b", ""];
    let long = "x".repeat(700);
    for end in ["\n", "\r", "\r\n"] {
        for before in [0, 1, 61, 62, 63, 64, 65] {
            let first = "y".repeat(before);
            let all = [&[&*first][..], &lines, &lines, &[&*long], &lines, &[&*long], &lines].concat();
            let with =
                |prefix: &str| all.iter().map(|line| alloc::format!("{prefix}{line}\n")).collect::<String>();
            let expected = with(": ") + &with("data: ") + "\n";
            let data = all.join(end);
            let event = Event::new(data.as_str()).with_comment(data.as_str());
            assert!(wire(&event) == expected, "{before} bytes, then {end:?}");
            let crlf = Encoder::new().with_line_ending(LineEnding::CrLf).to_frame(&event);
            assert!(crlf.as_bytes() == expected.replace('\n', "\r\n").as_bytes());
            assert!(event.chunks().collect::<Vec<_>>().concat() == expected.as_bytes());
            let mut writer = DataWriter::new(&Event::new(""));
            writer.write_str(&data).unwrap();
            assert!(writer.into_frame() == Event::new(data.as_str()).to_frame());
        }
    }
}
