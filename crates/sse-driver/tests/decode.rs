//! The decoder as a stream.

#![allow(clippy::unwrap_used, reason = "tests")]

use core::pin::pin;
use sse_driver::DecodeStream;
use sse_driver::sse_core::{Decoder, OwnedItem};
use tokio_stream::StreamExt;

const WIRE: &str =
    "\u{FEFF}retry: 5\nid: 1\ndata: a\r\ndata: b\r\r: c\nevent: n\ndata: \u{e9}\n\nid: 2\n\ndata: half";

async fn items(chunks: Vec<Vec<u8>>) -> Vec<OwnedItem> {
    let chunks = tokio_stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    DecodeStream::new(chunks).map(Result::unwrap).collect().await
}

#[tokio::test]
async fn the_items_are_the_same_however_the_chunks_are_cut() {
    let whole = items(vec![WIRE.into()]).await;
    assert_eq!(whole.len(), 5, "{whole:?}");
    assert_eq!(items(WIRE.bytes().map(|byte| vec![byte]).collect()).await, whole);
    for cut in 0..=WIRE.len() {
        let (first, second) = WIRE.as_bytes().split_at(cut);
        assert_eq!(items(vec![first.into(), Vec::new(), second.into()]).await, whole, "cut at {cut}");
    }
}

#[tokio::test]
async fn an_error_passes_and_what_follows_is_a_new_connection() {
    let chunks = [Ok("id: 6\ndata: half\n"), Err("broken"), Ok("data: a\n\ndata: b\n\n")];
    let mut items = pin!(DecodeStream::new(tokio_stream::iter(chunks)));
    assert_eq!(items.next().await.unwrap().unwrap_err(), "broken");
    assert!(matches!(items.next().await, Some(Ok(OwnedItem::Event(event))) if event.data == "a"));
    assert!(matches!(items.next().await, Some(Ok(OwnedItem::Event(event))) if event.data == "b"));
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn half_an_event_at_the_end_is_discarded_with_its_id() {
    let chunks = tokio_stream::iter([Ok::<_, ()>("id: 8\ndata: half")]);
    let decoder = Decoder::new().with_last_event_id("7");
    let mut items = pin!(DecodeStream::with_decoder(chunks, decoder));
    assert!(items.next().await.is_none());
    assert_eq!(items.decoder().last_event_id(), "7");
}
