//! What the decoder allocates. Its own binary, because the counting allocator is global.

use allocation_counter::{AllocationInfo, measure};
use sse_core::{Decoder, Item};

const MIB: u64 = 1 << 20;

/// Feeds chunks without end to a decoder that has seen some already, and says what the second half allocates.
fn steady_state(stream: &[u8], chunk: usize) -> AllocationInfo {
    let mut decoder = Decoder::new();
    let mut events = 0;
    let mut run = || {
        for chunk in stream.chunks(chunk) {
            let mut feed = decoder.feed(chunk);
            while let Some(item) = feed.next() {
                if let Item::Event(event) = item {
                    events += usize::from(!event.data().is_empty());
                }
            }
        }
    };
    run();
    let info = measure(&mut run);
    assert!(events > 0);
    info
}

fn tokens(head: &str, line_end: &str) -> Vec<u8> {
    let event = |number: u32| {
        let data = format!("{{\"choices\":[{{\"delta\":{{\"content\":\"{number}\"}}}}]}}");
        format!("{}data: {data}\n\n", head.replace('#', &number.to_string())).replace('\n', line_end)
    };
    (0..1000).map(event).collect::<String>().into_bytes()
}

#[test]
fn an_event_in_one_chunk_allocates_nothing_even_the_first() {
    for stream in [
        "data: x\n\n",
        "event: e\ndata: x\n\n",
        "data: x\r\n\r\n",
        ": c\nretry: 1\nevent: e\ndata: x\nunknown\n\n",
    ] {
        let info = measure(|| {
            let mut decoder = Decoder::new();
            let mut feed = decoder.feed(stream.as_bytes());
            while feed.next().is_some() {}
        });
        assert_eq!(info.count_total, 0, "{stream:?}");
    }
}

#[test]
fn a_stream_of_tokens_allocates_nothing_however_it_is_cut() {
    for head in ["", "event: delta\nid: #\n", ": keep-alive\n\nid: #\nevent: delta\n"] {
        for line_end in ["\n", "\r\n"] {
            for chunk in [1, 7, 100, 1460, 4096, 1 << 20] {
                let info = steady_state(&tokens(head, line_end), chunk);
                assert_eq!(info.count_total, 0, "{head:?} {line_end:?} in chunks of {chunk}");
            }
        }
    }
}

#[test]
fn a_long_line_is_held_once_in_a_buffer_that_doubles() {
    let stream = [b"data: ".as_slice(), &vec![b'x'; 8 << 20], b"\n\n"].concat();
    let info = measure(|| {
        let mut decoder = Decoder::new();
        for chunk in stream.chunks(16 * 1024) {
            let mut feed = decoder.feed(chunk);
            while feed.next().is_some() {}
        }
    });
    // At its last doubling the buffer exists twice: 8 and 16 MiB.
    assert!(info.count_total <= 16 && info.bytes_max < 25 * MIB, "{info:?}");
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let limit = 64 * 1024;
    for (head, unit) in [
        ("data: ", b"x".as_slice()),
        ("data: ", b"\xFF"),
        ("data: x\nid: ", b"x"),
        ("id: ", b"\xFF"),
        ("event: ", b"\xFF"),
        ("retry: ", b"1"),
        (": ", b"x"),
        ("unknown: ", b"x"),
        ("", b"data\n"),
        ("", b"id: 1234567890\n"),
        ("", b"event: 1234567890\ndata\n"),
        ("", b": comment\n"),
    ] {
        let chunk = unit.repeat(16 * 1024 / unit.len());
        let info = measure(|| {
            let mut decoder = Decoder::with_limit(limit);
            for chunk in core::iter::once(head.as_bytes()).chain(core::iter::repeat_n(&*chunk, 1024)) {
                let mut feed = decoder.feed(chunk);
                while feed.next().is_some() {}
            }
        });
        assert!(info.bytes_max <= 4 * limit as u64, "{head:?} {unit:?}: {info:?}");
    }
}

#[test]
fn a_comment_without_end_holds_its_first_kilobyte_and_an_unknown_field_nothing() {
    for (head, held) in [(": ", 2 * 1024), ("unknown: ", 64)] {
        let chunk = vec![b'x'; 16 * 1024];
        let info = measure(|| {
            let mut decoder = Decoder::new();
            for chunk in core::iter::once(head.as_bytes()).chain(core::iter::repeat_n(&*chunk, 4096)) {
                assert!(decoder.feed(chunk).next().is_none());
            }
        });
        assert!(info.bytes_max <= held, "{head:?}: {info:?}");
    }
}

#[test]
fn between_events_little_is_kept() {
    let long = "x".repeat(4 << 20);
    for head in [
        format!("event: {long}\nid: x\ndata: {long}\n\n"),
        format!("event: {long}\n\n"),
        format!("event: {long}\nevent\n: c\n\n"),
        format!("data: {long}\ndata\n\n"),
    ] {
        let stream = head + "data: y\n\n";
        let info = measure(|| {
            let mut decoder = Decoder::new();
            for chunk in stream.as_bytes().chunks(1000) {
                let mut feed = decoder.feed(chunk);
                while feed.next().is_some() {}
            }
            let kept = measure(|| drop(decoder));
            assert!(kept.bytes_current >= -4 * 64 * 1024, "{kept:?}");
        });
        assert_eq!(info.bytes_current, 0);
    }
}

/// Allocations, reallocations among them, and the most bytes at a time, of an event in chunks; it is taken by an owner.
fn taken(decoder: &mut Decoder, stream: &[u8]) -> (u64, u64) {
    let info = measure(|| {
        for chunk in stream.chunks(1000) {
            assert!(decoder.feed(chunk).owned().count() <= 1);
        }
    });
    (info.count_total, info.bytes_max)
}

#[test]
fn an_event_as_large_as_the_last_one_is_one_allocation() {
    let lines = format!("{}\n", "data: 0123456789abcdef\n".repeat(2000));
    let mut decoder = Decoder::new();
    let (first, _) = taken(&mut decoder, lines.as_bytes());
    // The second of the two buffers that take turns is empty, too.
    let (second, _) = taken(&mut decoder, lines.as_bytes());
    let (third, bytes) = taken(&mut decoder, lines.as_bytes());
    assert!(first > 5 && second == 1 && third == 1, "{first}, {second}, {third}");
    assert!(bytes < 40_000, "{bytes}");
}

#[test]
fn a_large_event_makes_the_next_large_one_grow_at_once_and_a_small_one_hardly() {
    let large = format!("data: {}\n\n", "x".repeat(1 << 20));
    let small = format!("data: {}\n\n", "x".repeat(1500));
    let mut decoder = Decoder::new();
    let (first, _) = taken(&mut decoder, large.as_bytes());
    let (second, bytes) = taken(&mut decoder, large.as_bytes());
    assert!(first > 8 && second == 2 && bytes < 2 * MIB, "{first}, {second}, {bytes}");
    let (_, bytes) = taken(&mut decoder, small.as_bytes());
    assert!(bytes <= 64 * 1024 + 1500, "{bytes}");
}
