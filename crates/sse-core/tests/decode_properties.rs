//! What holds for every stream and every way to cut it.

mod common;
#[path = "../../../tests/properties/mod.rs"]
mod properties;

use core::time::Duration;
use std::time::Instant;

use common::{cut, items, said, truncated};
use properties::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sse_core::{CommentLine, Decoder, Item, OwnedItem};
use sse_testkit::oracle::interpret;

/// Pieces that streams go wrong on.
const NASTY: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\r",
    b"\xEF\xBB\xBF",
    b"\xEF\xBB",
    b"\xEF",
    b"\0",
    b":",
    b": ",
    b" ",
    b"data",
    b"data:",
    b"data: ",
    b"data: x\n\n",
    b"data: \xF0\x9F\x92\xA9\r\n\r\n",
    b"dat",
    b"event",
    b"event:",
    b"event: e",
    b"id",
    b"id:",
    b"id: ",
    b"id: 7\n",
    b"id: a\0b\n",
    b"retry:",
    b"retry: 10\n",
    b"retry: 99999999999999999999",
    b"unknown: field\n",
    b"x",
    b"12",
    b"\xFF",
    b"\xC3",
    b"\xA9",
    b"\xE2\x82",
    b"\xE2\x82\xAC",
    b"\xF0\x9F\x92",
    b"\xF0\x9F\x92\xA9",
    b"\xED\xA0\x80",
    b"\xC0\xAF",
    b"\xC2\x85",
    b"\xE2\x80\xA8",
];

/// A stream of up to 40 nasty pieces, now and then with a long run in it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        30 => select(NASTY).prop_map(<[u8]>::to_vec),
        1 => (select(UNITS), 300_usize..1100).prop_map(|(unit, times)| unit.repeat(times)),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What a long run repeats.
const UNITS: &[&[u8]] = &[b"a", b"\xE2\x82\xAC", b"\xFF", b"data\n"];

/// Lengths of chunks, mostly short.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![4 => 1_usize..8, 1 => 8_usize..2000], 1..8)
}

fn decoded(decoder: &mut Decoder, stream: &[u8], lengths: &[usize]) -> Vec<OwnedItem> {
    items(decoder, cut(stream, lengths))
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn b08_the_decoder_says_what_the_standard_says(stream in stream(), lengths in lengths(), id in "[a-c]{0,2}") {
        let mut decoder = Decoder::new().with_last_event_id(&id);
        let items = decoded(&mut decoder, &stream, &lengths);
        decoder.finish();
        let oracle = interpret(&stream, &id);
        let expected = truncated(oracle.said, &items);
        prop_assert_eq!(items.into_iter().map(said).collect::<Vec<_>>(), expected);
        prop_assert_eq!(decoder.last_event_id(), oracle.last_event_id);
    }

    #[test]
    fn b08_chunk_borders_change_nothing(stream in stream(), lengths in lengths(), limit in 0_usize..40) {
        let (mut whole, mut cut) = (Decoder::with_limit(limit), Decoder::with_limit(limit));
        let expected = decoded(&mut whole, &stream, &[usize::MAX]);
        prop_assert_eq!(decoded(&mut cut, &stream, &lengths), expected);
        prop_assert_eq!(cut.is_discarding(), whole.is_discarding());
        prop_assert_eq!(cut.finish(), whole.finish());
        prop_assert_eq!(cut.last_event_id(), whole.last_event_id());
        prop_assert_eq!(cut.bytes_seen(), stream.len() as u64);
    }

    #[test]
    fn a_limit_takes_out_the_long_events_and_nothing_else(stream in stream(), lengths in lengths(), limit in 0_usize..40) {
        let all = decoded(&mut Decoder::new(), &stream, &lengths);
        let mut decoder = Decoder::with_limit(limit);
        let kept = decoded(&mut decoder, &stream, &lengths);
        for item in &kept {
            match item {
                OwnedItem::Discarded(discarded) => prop_assert!(discarded.len > limit as u64),
                // A bad byte becomes three.
                OwnedItem::Event(event) => prop_assert!(event.data.len() <= limit * 3),
                _ => {}
            }
        }
        let content = |items: &[OwnedItem]| -> Vec<String> {
            let kind = |item: &OwnedItem| match item {
                OwnedItem::Event(event) => Some(format!("{} {:?}", event.event_type, event.data)),
                OwnedItem::Comment(comment) => Some(comment.text.clone()),
                _ => None,
            };
            items.iter().filter_map(kind).collect()
        };
        let mut rest = content(&all).into_iter();
        for item in content(&kept) {
            prop_assert!(rest.any(|other| other == item), "an item that is not in the stream: {item}");
        }
        let events = |items: &[OwnedItem]| items.iter().filter(|item| matches!(item, OwnedItem::Event(_))).count();
        let discarded = kept.iter().filter(|item| matches!(item, OwnedItem::Discarded(_))).count();
        prop_assert!(events(&all) <= events(&kept) + discarded);
    }

    #[test]
    fn a_feed_dropped_early_loses_nothing(stream in stream(), lengths in lengths()) {
        let expected = decoded(&mut Decoder::new(), &stream, &lengths);
        let mut decoder = Decoder::new();
        let mut items = Vec::new();
        for mut chunk in cut(&stream, &lengths) {
            loop {
                let mut feed = decoder.feed(chunk);
                let Some(item) = feed.next().map(Item::into_owned) else { break };
                items.push(item);
                chunk = feed.remaining();
            }
        }
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn the_next_connection_starts_afresh(first in stream(), second in stream(), lengths in lengths()) {
        let mut decoder = Decoder::new();
        decoded(&mut decoder, &first, &lengths);
        decoder.finish();
        let mut fresh = Decoder::new().with_last_event_id(decoder.last_event_id());
        prop_assert_eq!(decoded(&mut decoder, &second, &lengths), decoded(&mut fresh, &second, &lengths));
        prop_assert_eq!(decoder.finish(), fresh.finish());
        prop_assert_eq!(decoder.last_event_id(), fresh.last_event_id());
    }
}

/// Feeds `piece` until `total` bytes went in; no item may come out.
fn flood(decoder: &mut Decoder, piece: &[u8], total: usize) {
    let chunk = piece.repeat(16 * 1024 / piece.len());
    for _ in 0..total / chunk.len() {
        assert!(decoder.feed(&chunk).next().is_none());
    }
}

#[test]
fn an_endless_line_is_discarded_and_the_next_event_is_decoded() {
    for head in [b"data: ".as_slice(), b"event: ", b"id: ", b"retry: ", b"data: x\nevent: "] {
        let mut decoder = Decoder::with_limit(64 * 1024);
        assert!(decoder.feed(head).next().is_none());
        flood(&mut decoder, b"x", 4 << 20);
        assert!(decoder.is_discarding());
        let rest = items(&mut decoder, [b"\nid: 3\n\ndata: ok\n\n".as_slice()]);
        assert!(matches!(&rest[0], OwnedItem::Discarded(discarded) if discarded.len > 4 << 20), "{rest:?}");
        assert!(
            matches!(&rest[1], OwnedItem::Event(event) if event.data == "ok" && event.last_event_id.is_empty())
        );
        assert_eq!(rest.len(), 2);
    }
}

#[test]
fn a_hundred_thousand_empty_data_lines_hit_the_limit() {
    for line in [b"data:\n".as_slice(), b"data\r\n", b"id\n", b"event:\r"] {
        let mut decoder = Decoder::with_limit(99_999);
        flood(&mut decoder, line, 100_000 * line.len() + 32 * 1024);
        assert!(decoder.is_discarding(), "{line:?}");
    }
    let mut decoder = Decoder::with_limit(100_000);
    let stream = [b"data\n".repeat(100_000).as_slice(), b"\n"].concat();
    let whole = items(&mut decoder, [&*stream]);
    assert!(matches!(&whole[..], [OwnedItem::Event(event)] if event.data.len() == 99_999));
}

#[test]
fn an_endless_comment_or_unknown_field_is_no_event_and_counts_nothing() {
    for head in [b": ".as_slice(), b"unknown: ", b"datas", b"\xEF\xBB\xBF\xEF"] {
        let mut decoder = Decoder::with_limit(1);
        assert!(decoder.feed(head).next().is_none());
        flood(&mut decoder, b"x", 4 << 20);
        assert!(!decoder.is_discarding());
        assert_eq!(decoder.finish(), None);
        assert_eq!(decoder.bytes_seen(), (4 << 20) + head.len() as u64);
    }
}

#[test]
fn a_truncated_comment_ends_at_a_code_point() {
    for text in ["x".repeat(5000), "\u{e9}".repeat(3000), "\u{20ac}".repeat(3000), "\u{1f4a9}".repeat(3000)] {
        for shift in 0..4 {
            let text = "x".repeat(shift) + &text;
            let stream = format!(":{text}\n");
            for lengths in [&[usize::MAX][..], &[1], &[1000, 23, 1, 1]] {
                let items = decoded(&mut Decoder::new(), stream.as_bytes(), lengths);
                let [OwnedItem::Comment(comment)] = &items[..] else { panic!("{items:?}") };
                assert!(comment.is_truncated && text.starts_with(&comment.text));
                assert!(
                    comment.text.len() > CommentLine::LIMIT - 4 && comment.text.len() <= CommentLine::LIMIT
                );
            }
        }
    }
    let exact = format!(":{}\n", "x".repeat(CommentLine::LIMIT));
    let items = decoded(&mut Decoder::new(), exact.as_bytes(), &[100]);
    assert!(matches!(&items[..], [OwnedItem::Comment(comment)] if !comment.is_truncated));
}

#[test]
fn a_small_event_after_a_large_one_has_a_small_capacity() {
    let large = format!("data: {}\n\n", "x".repeat(500 * 1024));
    let mut decoder = Decoder::new();
    assert_eq!(decoded(&mut decoder, large.as_bytes(), &[16 * 1024]).len(), 1);
    for _ in 0..3 {
        let small = decoded(&mut decoder, b"data: hello\nevent: kind\nid: 1\n\n", &[3]);
        let [OwnedItem::Event(event)] = &small[..] else { panic!("{small:?}") };
        assert!(event.data.capacity() <= 10 && event.last_event_id.capacity() <= 2);
    }
}

#[test]
fn large_data_put_together_is_taken_not_copied() {
    let mut decoder = Decoder::new();
    assert!(decoder.feed(b"data: ").next().is_none());
    flood(&mut decoder, b"x", 1 << 20);
    let mut feed = decoder.feed(b"\n\n");
    let Some(Item::Event(event)) = feed.next() else { panic!("no event") };
    let lent = event.data().as_ptr();
    let data = event.into_data();
    assert_eq!((data.as_ptr(), data.len()), (lent, 1 << 20));
}

#[test]
fn taken_data_has_no_capacity_of_a_larger_event_before() {
    let mut decoder = Decoder::new();
    for _ in 0..3 {
        let stream = format!("data: {}\n\n", "x".repeat(60 * 1024));
        for chunk in stream.as_bytes().chunks(1000) {
            let mut feed = decoder.feed(chunk);
            while feed.next().is_some() {}
        }
    }
    // `items` checks the capacity.
    let stream = format!("data: {}\n\n", "x".repeat(5000));
    assert_eq!(decoded(&mut decoder, stream.as_bytes(), &[1000]).len(), 1);
}

/// Linear work is done in a second, quadratic work not in an hour; a busy machine may take this long.
const LINEAR: Duration = Duration::from_secs(120);

/// Decodes within a time that only linear work keeps, with much to spare.
#[expect(clippy::disallowed_methods, reason = "measures the decoder from outside")]
fn decodes_in_time(stream: &[u8], chunk: usize) {
    let begin = Instant::now();
    let mut decoder = Decoder::new();
    for chunk in cut(stream, &[chunk]) {
        let mut feed = decoder.feed(chunk);
        while feed.next().is_some() {
            assert!(begin.elapsed() < LINEAR, "not linear: {:?}", stream.get(..20));
        }
    }
}

#[test]
fn time_is_linear_in_the_events_of_a_chunk() {
    for unit in ["data: 012345\n\n", "data: 1\r\n\r\n", "data: x\rdata: y\r\r", ": c\n\n", "retry: 1\n"] {
        let mut stream = unit.repeat((4 << 20) / unit.len()).into_bytes();
        decodes_in_time(&stream, usize::MAX);
        stream.iter_mut().skip(6).step_by(unit.len()).for_each(|byte| *byte = 0xFF);
        decodes_in_time(&stream, usize::MAX);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures the decoder from outside")]
fn time_is_linear_in_the_items_that_are_fetched_one_by_one() {
    // What a stream of owned items does: a feed for each.
    for unit in ["data: 012345\n\n", ": c\ndata: 1\r\n\r\n", "retry: 1\nid: 1\ndata: \u{e9}\n\n"] {
        let begin = Instant::now();
        let stream = unit.repeat((4 << 20) / unit.len());
        let mut rest = stream.as_bytes();
        let mut decoder = Decoder::new();
        while !rest.is_empty() {
            let mut feed = decoder.feed(rest);
            feed.next();
            rest = feed.remaining();
            assert!(begin.elapsed() < LINEAR, "not linear: {unit:?}");
        }
    }
}

#[test]
fn time_is_linear_in_the_chunks_of_an_event() {
    for (head, unit) in [
        ("", "data: x\n"),
        ("data: ", "x"),
        ("data: ", "\u{e9}"),
        ("id: ", "x"),
        (": ", "x"),
        ("", "id: 1\n"),
    ] {
        let stream = format!("{head}{}\n\n", unit.repeat((4 << 20) / unit.len()));
        decodes_in_time(stream.as_bytes(), 200);
        decodes_in_time(&stream.as_bytes()[stream.len() - (256 << 10)..], 1);
    }
}

#[test]
fn half_a_byte_order_mark_is_the_name_of_an_unknown_field() {
    for half in
        [b"\xEF".as_slice(), b"\xEF\xBB", b"\xEF\xBB\xBE", b"\xBB\xBF", b"\xFE\xFF", b"\xEF\xBB\xBF\xEF"]
    {
        let stream = [half, b"data: a\ndata: b\n\n"].concat();
        for lengths in [1, 2, 3, usize::MAX] {
            let items = decoded(&mut Decoder::new(), &stream, &[lengths]);
            assert!(
                matches!(&items[..], [OwnedItem::Event(event)] if event.data == "b"),
                "{half:x?} {items:?}"
            );
        }
    }
}

#[test]
fn data_in_one_chunk_is_borrowed_from_it() {
    for stream in [
        "data: hello\n\n",
        "data:hello\r\n\r\n",
        "data: hello\r\r",
        "event: e\nid: 1\ndata: hello\n\n",
        ": comment\n\ndata: hello\nid: 1\nevent: e\n\n",
        "id: 1\r\nunknown\r\ndata: hello\r\nretry: no\r\n\r\n",
    ] {
        let mut decoder = Decoder::new();
        let mut feed = decoder.feed(stream.as_bytes());
        let event = loop {
            match feed.next() {
                Some(Item::Event(event)) => break event.data().as_bytes().as_ptr_range(),
                Some(_) => {}
                None => panic!("no event in {stream:?}"),
            }
        };
        let chunk = stream.as_bytes().as_ptr_range();
        assert!(chunk.start <= event.start && event.end <= chunk.end, "{stream:?}");
    }
}

#[test]
fn a_stream_cut_anywhere_is_not_acknowledged_beyond_its_last_blank_line() {
    let stream = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n";
    for at in 0..=stream.len() {
        let mut decoder = Decoder::new();
        let events = items(&mut decoder, [&stream[..at]]).len();
        let discarded = decoder.finish();
        assert_eq!(decoder.last_event_id(), ["", "1", "2"][events], "cut at {at}");
        assert_eq!(discarded.is_none(), [0, 15, 30].contains(&at), "cut at {at}");
    }
}
