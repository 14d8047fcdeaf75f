//! What encoding allocates. Its own binary, because the counting allocator is global.

#![allow(clippy::expect_used, reason = "helpers of tests, outside of test functions")]

use allocation_counter::{AllocationInfo, measure};
use sse_core::{Comment, Encoder, Event, EventId, Frame, FrameAwaitingId, LineEnding, Retry, event_name};

/// What it takes to make a value, and the value.
fn measured<T>(make: impl FnOnce() -> T) -> (AllocationInfo, T) {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    (info, made.expect("made"))
}

/// Events of every shape, their texts shorter and longer than an id's room.
fn events() -> Vec<Event<'static>> {
    let long = "a long comment, longer than the room that is left for an id\r\nand its second line";
    let name = event_name!("name");
    vec![
        Event::new(""),
        Event::new("one line"),
        Event::new("two\nlines"),
        Event::new(long).with_id(7_u64),
        Event::new("a").with_name(name.clone()).with_id(EventId::RESET),
        Event::new("a").with_name(name).with_comment(long).with_retry(Retry::MAX),
        Event::bare_id(u64::MAX),
        Event::bare_retry(Retry::MAX),
    ]
}

fn encoders() -> [Encoder; 2] {
    [LineEnding::Lf, LineEnding::CrLf].map(|line_ending| Encoder::new().with_line_ending(line_ending))
}

#[test]
fn a_frame_is_one_allocation_of_its_length() {
    for encoder in encoders() {
        let check = |what: &str, (info, frame): (AllocationInfo, Frame)| {
            assert_eq!((info.count_total, info.bytes_max), (1, frame.len() as u64), "{what}: {frame:?}");
        };
        for event in events() {
            check("event", measured(|| encoder.to_frame(&event)));
        }
        for text in ["", "a", "a\r\nb\n"] {
            let comment = Comment::new(text);
            check("comment", measured(|| encoder.comment_to_frame(&comment)));
        }
        let frames = events().iter().map(|event| encoder.to_frame(event)).collect::<Vec<_>>();
        check("joined", measured(|| Frame::concat(&frames).expect("there are some")));
    }
}

#[test]
fn a_frame_that_awaits_its_id_is_one_allocation_with_room_for_an_id() {
    for encoder in encoders() {
        let check = |what: &str, (info, frame): (AllocationInfo, FrameAwaitingId)| {
            let room = FrameAwaitingId::ROOM + frame.len();
            assert_eq!((info.count_total, info.bytes_max), (1, room as u64), "{what}: {frame:?}");
        };
        for event in events() {
            check("encoded", measured(|| encoder.to_frame_awaiting_id(&event)));
            let ready = encoder.to_frame(&event);
            check("put before", measured(|| encoder.put_id_before(&ready)));
        }
    }
}

#[test]
fn an_event_is_written_and_lent_without_allocation() {
    for encoder in encoders() {
        for event in events() {
            let mut buffer = [0; 512];
            let (info, pieces) = measured(|| {
                encoder.encode(&event, &mut &mut buffer[..]);
                encoder.chunks(&event).count()
            });
            assert!(info.count_total == 0 && pieces > 0, "{event:?}: {info:?}");
        }
    }
}
