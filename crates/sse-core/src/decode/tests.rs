//! What streams mean, one case each; `tests/` has the vectors, the properties and what is allocated.

use super::*;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec;

/// An item as text: `type|data|id`, with `!` where the block sets the id.
fn said(item: OwnedItem) -> String {
    let set = |sets_id: bool| if sets_id { "!" } else { "" };
    match item {
        OwnedItem::Event(OwnedMessageEvent { event_type, data, last_event_id, sets_id }) => {
            format!("{event_type}|{data}|{last_event_id}{}", set(sets_id))
        }
        OwnedItem::Comment(comment) => format!(":{}", comment.text),
        OwnedItem::Retry(time) => format!("retry {}", time.as_millis()),
        OwnedItem::Block { last_event_id, sets_id } => format!("block {last_event_id}{}", set(sets_id)),
        OwnedItem::Discarded(discarded) => format!("discarded {}", discarded.len),
    }
}

fn decode(decoder: &mut Decoder, chunks: &[&[u8]]) -> Vec<String> {
    chunks.iter().flat_map(|chunk| decoder.feed(chunk).owned().map(said).collect::<Vec<_>>()).collect()
}

/// Whole, cut in two everywhere, byte by byte, and item by item.
fn means(decoder: &Decoder, stream: &[u8], expected: &[&str]) {
    let check = |chunks: &[&[u8]]| {
        let mut decoder = decoder.clone();
        assert_eq!(decode(&mut decoder, chunks), expected, "{:?}", chunks.escape_lossy());
        assert_eq!(decoder.bytes_seen(), stream.len() as u64);
    };
    (0..=stream.len()).for_each(|at| check(&[&stream[..at], &stream[at..]]));
    check(&stream.chunks(1).collect::<Vec<_>>());

    let (mut decoder, mut rest, mut items) = (decoder.clone(), stream, Vec::new());
    while !rest.is_empty() {
        let mut feed = decoder.feed(rest);
        items.extend(feed.next().map(Item::into_owned).map(said));
        rest = feed.remaining();
    }
    assert_eq!(items, expected);
}

trait EscapeLossy {
    fn escape_lossy(&self) -> Vec<String>;
}

impl EscapeLossy for [&[u8]] {
    fn escape_lossy(&self) -> Vec<String> {
        self.iter().map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect()
    }
}

#[test]
fn each_stream_means_what_the_standard_says_however_it_is_cut() {
    for (stream, expected) in [
        (&b""[..], &[][..]),
        (b"data: a\n\n", &["message|a|"]),
        (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", &["message|a|", "message|b|", "message|c|"]),
        (b"event: e\r\ndata: a\r\ndata: b\r\n\r\n", &["e|a\nb|"]),
        (b"data:a\ndata:  b\ndata\ndata:\n\n", &["message|a\n b\n\n|"]),
        (b"data\n\n", &["message||"]),
        (b"data: unfinished\n", &[]),
        (b"event: e\nid: 1\ndata: x\n\ndata: y\n\n", &["e|x|1!", "message|y|1"]),
        (b"data: x\nid: 1\nevent: e\n\n", &["e|x|1!"]),
        (b"event: a\nevent: b\nid: 1\nid: 2\ndata: x\n\n", &["b|x|2!"]),
        (b"event: e\nevent\ndata: x\n\n", &["message|x|"]),
        (b"event: e\n\ndata: x\n\n", &["message|x|"]),
        (b"event: e\ndata: x\n\nid: 2\ndata: y\n\n", &["e|x|", "message|y|2!"]),
        (b"event: e\n: c\ndata: x\n\n", &[":c", "e|x|"]),
        (b"data: x\n: c\nevent: e\ndata: y\n\n", &[":c", "e|x\ny|"]),
        (b": c\n:d\n:\n: e", &[":c", ":d", ":"]),
        (b"id: 7\n\ndata: x\n\nid\n\ndata: y\n\n", &["block 7!", "message|x|7", "block !", "message|y|"]),
        (b"id: 7\nid: a\0b\ndata: x\n\n", &["message|x|7!"]),
        (b"id: a\0b\ndata: x\n\nid: \0\n\n", &["message|x|"]),
        (b"retry: 10\ndata: x\n\n", &["retry 10", "message|x|"]),
        (b"retry: 09\n\n", &["retry 9", "block "]),
        (b"retry: 1x\nretry:\nretry\nretry: -1\n\n", &[]),
        (b"retry: 99999999999999999999\n\n", &["retry 18446744073709551615", "block "]),
        (b"datas: x\ndat: y\ndata x\nid : 1\n id: 1\nDATA: x\nevents: x\nretry1\n\n", &[]),
        (b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n", &["message|a|"]),
        (b"\xEF\xBBdata: a\ndata: b\n\n", &["message|b|"]),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\ndata: b\n\n", &["message|b|"]),
        (b"data: \xFF|\xE2\x82|\xC3\n\n", &["message|\u{FFFD}|\u{FFFD}|\u{FFFD}|"]),
        (
            b"event: \xFF\nid: \xFF\ndata: a\ndata: \xFF\n: \xFF\n\n",
            &[":\u{FFFD}", "\u{FFFD}|a\n\u{FFFD}|\u{FFFD}!"],
        ),
        ("event: \u{e9}\ndata: \u{20ac}\ndata: \u{1f4a9}\n\n".as_bytes(), &["\u{e9}|\u{20ac}\n\u{1f4a9}|"]),
        (b"\n\r\n\r\n\n\rdata: x\n\n", &["message|x|"]),
    ] {
        means(&Decoder::new(), stream, expected);
    }
}

#[test]
fn an_id_from_before_is_that_of_events_without() {
    let decoder = Decoder::new().with_last_event_id("41");
    means(&decoder, b"data: a\n\nid: 42\ndata: b\n\nid: 43\ndata: half", &["message|a|41", "message|b|42!"]);
    means(&Decoder::default(), b"data: a\n\n", &["message|a|"]);
}

#[test]
fn each_field_counts_its_value_and_its_end() {
    for (stream, len) in [
        (&b"data: abcd\n\n"[..], 5),
        (b"data:abcd\r\n\r\n", 5),
        (b"event: abcd\n\n", 5),
        (b"id: abcd\n\n", 5),
        (b"retry: 1000\n\n", 5),
        (b"data\nevent\nid\nretry\n\n", 4),
        (b"data: a\ndata: b\n\n", 4),
    ] {
        let discarded = format!("discarded {len}");
        // At the very beginning of a stream, and where a block begins.
        for before in [&b""[..], b"\n"] {
            let stream = [before, stream, b"data: b\n\n"].concat();
            means(&Decoder::with_limit(len - 1), &stream, &[&discarded, "message|b|"]);
            let kept = decode(&mut Decoder::with_limit(len), &[&stream]);
            assert!(!kept.contains(&discarded), "{kept:?}");
        }
    }
    let nothing = b": a long comment\nunknown: field\n\n";
    means(&Decoder::with_limit(0), nothing, &[":a long comment"]);
}

#[test]
fn a_discarded_event_leaves_nothing_behind() {
    let stream = b"id: 1\nretry: 5\nevent: e\ndata: too long\ndata: x\nid: 2\n\nid\ndata\n\ndata: y\n\n";
    means(&Decoder::with_limit(10), stream, &["retry 5", "discarded 19", "message||!", "message|y|"]);
}

#[test]
fn it_is_told_at_once_that_an_event_is_being_discarded() {
    let mut decoder = Decoder::with_limit(3);
    assert!(decode(&mut decoder, &[b"data: abc"]).is_empty() && !decoder.is_discarding());
    assert!(decode(&mut decoder, &[b"\n"]).is_empty() && decoder.is_discarding());
    assert_eq!(decode(&mut decoder, &[b"\n"]), ["discarded 4"]);
    assert!(!decoder.is_discarding());
}

#[test]
fn half_an_event_is_reported_at_the_end_and_forgotten() {
    for (stream, len) in [
        (&b""[..], None),
        (b"\xEF\xBB", None),
        (b"data: a\n\n", None),
        (b": half a comment", None),
        (b":", None),
        (b"unknown", None),
        (b"unknown: field", None),
        (b"d", Some(1)),
        (b"data: hal", Some(4)),
        (b"data: a\n", Some(2)),
        (b"data: a\r", Some(2)),
        (b"id: 7\nevent: e\nretry: 1\n", Some(6)),
        (b"id: 7\n: half a comment", Some(2)),
    ] {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &[stream]);
        assert_eq!(decoder.finish().map(|discarded| discarded.len), len, "{stream:?}");
        assert_eq!(decoder.finish(), None);
        assert_eq!(decoder.bytes_seen(), stream.len() as u64);
        // A line feed would belong to a carriage return, and a mark would not begin a stream.
        assert_eq!(decode(&mut decoder, &[b"\xEF\xBB\xBFdata: b\n\n"]), ["message|b|"], "after {stream:?}");
    }
}

#[test]
fn all_is_complete_between_blocks_only() {
    for (stream, is_between) in [
        (&b"\n"[..], true),
        (b"data: a\n\n", true),
        (b"data: a\r\r", true),
        (b": c\n", true),
        (b"unknown\n", true),
        (b"", false),
        (b"data: a\n", false),
        (b"data: a", false),
        (b": c", false),
        (b"unknown", false),
    ] {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &[stream]);
        assert_eq!(decoder.is_between_blocks(), is_between, "{stream:?}");
    }
}

#[test]
fn a_comment_is_cut_behind_its_first_kilobyte() {
    let text = "x".repeat(CommentLine::LIMIT - 1);
    for (more, kept) in [("", ""), ("y", "y"), ("yz", "y"), ("\u{e9}", ""), ("y\u{e9}", "y")] {
        let (stream, expected) = (format!(": {text}{more}\n"), text.clone() + kept);
        for chunk in [1, 100, CommentLine::LIMIT + 2, usize::MAX] {
            let mut decoder = Decoder::new();
            let items = stream
                .as_bytes()
                .chunks(chunk)
                .flat_map(|chunk| decoder.feed(chunk).owned().collect::<Vec<_>>());
            let is_truncated = more != kept;
            let comment = OwnedItem::Comment(OwnedCommentLine { text: expected.clone(), is_truncated });
            assert_eq!(items.collect::<Vec<_>>(), [comment], "{more:?} in chunks of {chunk}");
        }
    }
}

#[test]
fn lent_and_detached_items_say_the_same() {
    for chunks in [&[&b"event: e\nid: 1\ndata: x\n\n"[..]][..], &[b"event: e\nid: 1\nda", b"ta: x\n", b"\n"]]
    {
        let mut decoder = Decoder::new();
        let (last, first) = chunks.split_last().unwrap();
        assert!(decode(&mut decoder, first).is_empty());
        let mut feed = decoder.feed(last);
        let Some(Item::Event(event)) = feed.next() else { panic!("no event") };
        assert_eq!((event.event_type(), event.data(), event.last_event_id()), ("e", "x", "1"));
        assert!(event.sets_id());
        let is_borrowed = last.as_ptr_range().contains(&event.data().as_ptr());
        assert_eq!(is_borrowed, first.is_empty(), "from its chunk, if that is the only one");
        let shown = r#"MessageEvent { event_type: "e", data: "x", last_event_id: "1", sets_id: true }"#;
        assert_eq!(format!("{event:?}"), shown);
        assert_eq!(event.into_data(), "x");
    }
    let mut decoder = Decoder::new();
    let mut feed = decoder.feed(b": c\ndata: x");
    let Some(Item::Comment(comment)) = feed.next() else { panic!("no comment") };
    assert_eq!(comment.into_owned(), OwnedCommentLine { text: "c".to_owned(), is_truncated: false });
    assert!(format!("{feed:?}").ends_with("remaining: 7 }"), "{feed:?}");
}

/// Decodes an event with so much data in chunks; says whether the decoder's buffer was handed out.
fn takes_its_buffer(decoder: &mut Decoder, len: usize) -> bool {
    let stream = format!("data: {}\n\n", "x".repeat(len));
    for chunk in stream.as_bytes().chunks(1_000) {
        let mut feed = decoder.feed(chunk);
        if let Some(Item::Event(event)) = feed.next() {
            assert!(!event.sets_id());
            let lent = event.data().as_ptr();
            let data = event.into_data();
            assert!(data.len() == len && data.capacity() <= 2 * len, "{}", data.capacity());
            return data.as_ptr() == lent;
        }
    }
    panic!("no event")
}

#[test]
fn large_data_is_taken_and_small_data_copied() {
    assert!(takes_its_buffer(&mut Decoder::new(), 4_096));
    assert!(!takes_its_buffer(&mut Decoder::new(), 4_095));
    let mut decoder = Decoder::new();
    for _ in 0..3 {
        for chunk in format!("data: {}\n\n", "x".repeat(60 * 1024)).as_bytes().chunks(1_000) {
            let mut feed = decoder.feed(chunk);
            while feed.next().is_some() {}
        }
    }
    assert!(!takes_its_buffer(&mut decoder, 5_000), "its buffer is that of a larger event");
}

#[test]
fn a_decoder_shows_where_it_stands_and_not_what_it_holds() {
    let mut decoder = Decoder::with_limit(100).with_last_event_id("7");
    decode(&mut decoder, &[b"data: secret"]);
    let shown = format!("{decoder:?}");
    assert!(
        shown.contains("limit: 100, bytes_seen: 12") && shown.contains("last_event_id: \"7\""),
        "{shown}"
    );
    assert!(!shown.contains("secret"));
}

#[test]
fn a_large_buffer_is_given_back() {
    for (capacity, kept) in [(0, 0), (10, 10), (RETAINED, RETAINED), (RETAINED + 1, RETAINED)] {
        let mut buffer = Vec::with_capacity(capacity);
        buffer.extend_from_slice(&vec![b'x'; capacity.min(3)]);
        let before = buffer.as_ptr();
        empty(&mut buffer);
        assert_eq!((buffer.len(), buffer.capacity()), (0, kept));
        assert!(capacity > RETAINED || buffer.as_ptr() == before, "the same buffer");
        let mut text = String::with_capacity(capacity);
        text.extend(core::iter::repeat_n('x', capacity.min(3)));
        let before = text.as_ptr();
        empty_text(&mut text);
        assert_eq!((text.len(), text.capacity()), (0, kept));
        assert!(capacity > RETAINED || text.as_ptr() == before, "the same buffer");
    }
    assert_eq!(RETAINED, 65_536);
    assert_eq!(Decoder::DEFAULT_LIMIT, 16_777_216);
}

mod lines {
    use super::super::line::whole_code_points;
    use super::*;

    #[test]
    fn the_beginning_of_a_line_is_enough_once_no_byte_can_change_it() {
        for whole in ["data: ", "event: ", "id: ", "retry: ", ": "] {
            for len in 0..whole.len() {
                assert!(split_beginning(&whole.as_bytes()[..len]).is_none(), "{:?}", &whole[..len]);
            }
            let found = split_beginning(whole.as_bytes());
            assert!(found.is_some_and(|(field, value)| field != Field::Unknown && value.is_empty()));
        }
        let beginnings: [(&[u8], _, &[u8]); 7] = [
            (b"data:x", Field::Data, b"x"),
            (b"datax", Field::Unknown, b"x"),
            (b"x", Field::Unknown, b"x"),
            (b"event:x", Field::Event, b"x"),
            (b"events:", Field::Unknown, b"s:"),
            (b"retry:1", Field::Retry, b"1"),
            (b":x", Field::Comment, b"x"),
        ];
        for (line, field, value) in beginnings {
            assert_eq!(split_beginning(line), Some((field, value)), "{line:?}");
        }
    }

    #[test]
    fn a_code_point_that_is_cut_off_waits_for_its_end() {
        for text in ["a", "\u{7f}", "\u{e9}", "\u{20ac}", "\u{1f4a9}"] {
            let before = "aa".as_bytes();
            for len in 0..=text.len() {
                let bytes = [before, &text.as_bytes()[..len]].concat();
                let whole = if len == text.len() { &bytes[..] } else { before };
                assert_eq!(whole_code_points(&bytes), whole, "{bytes:?}");
                let alone = &text.as_bytes()[..len];
                assert_eq!(whole_code_points(alone).len(), if len == text.len() { len } else { 0 });
            }
        }
        for bytes in [&b"\x80"[..], b"\x80\x80\x80\x80", b"a\x80", b"\xC3\xA9\x80", b"\xE2\x82\xAC\x80", b""]
        {
            assert_eq!(whole_code_points(bytes), bytes, "what is no text is not cut");
        }
    }
}
