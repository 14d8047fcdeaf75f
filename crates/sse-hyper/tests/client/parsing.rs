//! What a stream means, whatever its chunks.

use crate::pipe::{follow, server};
use sse_hyper::client::Signal;
use sse_hyper::sse_core::{OwnedCommentLine, OwnedItem};

/// A stream, and type, data and last event id of its events.
type Case = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

/// All items of a response that is sent in these chunks.
async fn items<C: AsRef<[u8]>>(chunks: impl IntoIterator<Item = C>) -> Vec<OwnedItem> {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut connection = server.accept_stream().await;
    for chunk in chunks {
        connection.send(chunk).await;
    }
    connection.end();
    client.opened().await;
    let mut items = Vec::new();
    loop {
        match client.signal().await.1 {
            Signal::Item(item) => items.push(item),
            Signal::Disconnected(_) => break,
            other => panic!("{other:?}"),
        }
    }
    client.leave().await;
    items
}

/// Type, data and last event id of all events.
async fn events<C: AsRef<[u8]>>(chunks: impl IntoIterator<Item = C>) -> Vec<(String, String, String)> {
    let items = items(chunks).await.into_iter();
    items
        .filter_map(|item| match item {
            OwnedItem::Event(event) => Some((event.event_type.into_owned(), event.data, event.last_event_id)),
            _ => None,
        })
        .collect()
}

fn owned(events: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    events.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn b08_fields_mean_what_the_standard_says() {
    let cases: [Case; 16] = [
        ("data: Hello\n\n", &[("message", "Hello", "")]),
        ("data:Hello\n\n", &[("message", "Hello", "")]),
        ("data:  Hello\n\n", &[("message", " Hello", "")]),
        ("data: one\ndata: two\n\n", &[("message", "one\ntwo", "")]),
        ("data: one\ndata:\ndata: three\n\n", &[("message", "one\n\nthree", "")]),
        ("data\n\n", &[("message", "", "")]),
        ("data:\n\n", &[("message", "", "")]),
        ("event: greeting\ndata: Hello\n\n", &[("greeting", "Hello", "")]),
        ("event\ndata: Hello\n\n", &[("message", "Hello", "")]),
        ("event: greeting\n\ndata: Hello\n\n", &[("message", "Hello", "")]),
        ("event: greeting\nid: 7\ndata: Hello\n\n", &[("greeting", "Hello", "7")]),
        ("data: Hello\nid: 7\nevent: greeting\n\n", &[("greeting", "Hello", "7")]),
        (
            "id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            &[("message", "a", "7"), ("message", "b", "7"), ("message", "c", "")],
        ),
        ("id: a\0b\ndata: x\n\n", &[("message", "x", "")]),
        ("unknown: x\nDATA: y\n data: z\ndata: Hello\n\n", &[("message", "Hello", "")]),
        ("data: a: b\n\n\n\ndata: c\n\n", &[("message", "a: b", ""), ("message", "c", "")]),
    ];
    for (wire, expected) in cases {
        assert_eq!(events([wire]).await, owned(expected), "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b08_line_ends_of_all_three_kinds_in_chunks_of_any_size() {
    let shapes: [Case; 6] = [
        ("data: Hello\n\n", &[("message", "Hello", "")]),
        ("data: one\ndata: two\n\n", &[("message", "one\ntwo", "")]),
        ("event: greeting\ndata: Hello\n\n", &[("greeting", "Hello", "")]),
        ("event: greeting\ndata: Hello\nid: 7\n\n", &[("greeting", "Hello", "7")]),
        ("data: a\n\ndata: b\n\n", &[("message", "a", ""), ("message", "b", "")]),
        (": comment\ndata\n\n\n\ndata: b\n\n", &[("message", "", ""), ("message", "b", "")]),
    ];
    for line_end in ["\n", "\r\n", "\r"] {
        for (shape, expected) in shapes {
            let wire = shape.replace('\n', line_end);
            for size in [wire.len(), 1, 2] {
                let found = events(wire.as_bytes().chunks(size)).await;
                assert_eq!(found, owned(expected), "{wire:?} in chunks of {size}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_crlf_that_two_chunks_share_is_one_line_end() {
    assert_eq!(events(["data: a\r", "\ndata: b\r", "\n\r", "\n"]).await, owned(&[("message", "a\nb", "")]));
}

#[tokio::test(start_paused = true)]
async fn b08_two_messages_in_three_chunks() {
    let chunks = ["data: fir", "st\n\ndata: sec", "ond\n\n"];
    assert_eq!(events(chunks).await, owned(&[("message", "first", ""), ("message", "second", "")]));
}

#[tokio::test(start_paused = true)]
async fn b08_a_euro_sign_that_comes_byte_by_byte() {
    let chunks = "data: €\n\n".as_bytes().chunks(1);
    assert_eq!(events(chunks).await, owned(&[("message", "€", "")]));
}

#[tokio::test(start_paused = true)]
async fn b08_bytes_that_are_no_utf8_are_replaced_and_end_nothing() {
    let found = events([&b"data: a\xFFb\n\n"[..], b"data: c\n\n"]).await;
    assert_eq!(found, owned(&[("message", "a\u{FFFD}b", ""), ("message", "c", "")]));
}

#[tokio::test(start_paused = true)]
async fn b08_a_hundred_rapid_messages_in_one_chunk() {
    let wire: String = (0..100).map(|number| format!("data: {number}\n\n")).collect();
    let data: Vec<String> = events([wire]).await.into_iter().map(|event| event.1).collect();
    assert_eq!(data, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn b08_large_events_of_7_mb_in_one_chunk_and_14_mb_in_two() {
    for (megabytes, chunks) in [(7, 1), (14, 2)] {
        let data = "x".repeat(megabytes * 1_000_000);
        let wire = format!("data: {data}\n\n");
        let found = events(wire.as_bytes().chunks(wire.len() / chunks + 1)).await;
        assert_eq!(found.len(), 1);
        assert!(found[0].1 == data, "{} bytes came", found[0].1.len());
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_byte_order_mark_is_dropped_where_the_stream_begins_and_kept_elsewhere() {
    let expected = owned(&[("message", "Hello", "")]);
    let hello = &b"data: Hello\n\n"[..];
    assert_eq!(events([b"\xEF\xBB\xBFdata: Hello\n\n"]).await, expected);
    assert_eq!(events([b"\xEF\xBB", &b"\xBF"[..], hello]).await, expected);
    assert_eq!(events([b"\xEF", &b"\xBB"[..], b"\xBF", hello]).await, expected);
    let in_the_middle = events(["data: \u{FEFF}a\n\n\u{FEFF}data: lost\n\ndata: b\n\n"]).await;
    assert_eq!(in_the_middle, owned(&[("message", "\u{FEFF}a", ""), ("message", "b", "")]));
}

#[tokio::test(start_paused = true)]
async fn b08_the_next_connection_may_have_a_byte_order_mark_of_its_own() {
    let (mut server, http) = server();
    let mut client = follow(http);
    for _ in 0..2 {
        let mut connection = server.accept_stream().await;
        connection.send("\u{FEFF}data: x\n\n").await;
        connection.end();
        client.opened().await;
        assert_eq!(client.event().await.data, "x");
        client.disconnected().await;
    }
}

#[tokio::test(start_paused = true)]
async fn b08_comments_are_told_before_any_blank_line() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut connection = server.accept_stream().await;
    client.opened().await;
    for (line, text) in [(":Hello\n", "Hello"), (": Hello\n", "Hello"), (":\n", "")] {
        connection.send(line).await;
        let comment = OwnedCommentLine { text: text.to_owned(), is_truncated: false };
        assert_eq!(client.item().await, OwnedItem::Comment(comment));
    }
}

#[tokio::test(start_paused = true)]
async fn b08_an_event_above_the_limit_is_told_and_the_stream_goes_on() {
    let found = items(["data: ".to_owned() + &"x".repeat(17 * 1024 * 1024) + "\n\ndata: b\n\n"]).await;
    assert!(matches!(&found[0], OwnedItem::Discarded(_)));
    assert!(matches!(&found[1], OwnedItem::Event(event) if event.data == "b"));
}
