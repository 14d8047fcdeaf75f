use super::*;
use crate::event::Event;
use crate::event_name;
use core::time::Duration;

fn at(secs: u64) -> Instant {
    Instant::from_epoch(Duration::from_secs(secs))
}

fn text(output: &Output) -> &str {
    match output {
        Output::Transmit(bytes) => core::str::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn opened(config: Config) -> Connection {
    let mut connection = Connection::start(config, at(0));
    assert!(matches!(connection.poll_output(at(0)), Output::Transmit(_)));
    connection
}

fn frame(data: &str) -> Frame {
    Event::new(data).to_frame()
}

#[test]
fn something_is_sent_at_once() {
    let mut connection = Connection::start(Config::new(), at(0));
    assert_eq!(text(&connection.poll_output(at(0))), ":\n");
    let config = Config::new().with_retry(Duration::from_millis(1500));
    let mut connection = Connection::start(config, at(0));
    assert_eq!(text(&connection.poll_output(at(0))), ":\nretry: 1500\n");
    let config = Config::new().with_retry(Duration::ZERO).with_line_ending(crate::LineEnding::CrLf);
    let mut connection = Connection::start(config, at(0));
    assert_eq!(text(&connection.poll_output(at(0))), ":\r\nretry: 0\r\n");
}

#[test]
fn a_config_tells_what_it_was_given() {
    let config = Config::new();
    assert_eq!(config.heartbeat().map(Heartbeat::interval), Some(Duration::from_secs(15)));
    assert_eq!((config.opening(), config.encoder().line_ending()), (None, crate::LineEnding::Lf));
    let config = config
        .with_line_ending(crate::LineEnding::CrLf)
        .with_opening(frame("hello"))
        .with_default_name(event_name!("log"))
        .with_default_id(7_u64)
        .with_heartbeat(None);
    assert!(config.heartbeat().is_none());
    assert_eq!(config.opening(), Some(&frame("hello")));
    let filled = Event::new("a").with_name(event_name!("log")).with_id(7_u64);
    assert_eq!(config.encoder().fill(Event::new("a")), filled);
    assert_eq!(config.encoder().line_ending(), crate::LineEnding::CrLf);
    let mut connection = Connection::start(config, at(0));
    assert_eq!(text(&connection.poll_output(at(0))), "data: hello\n\n");
    assert_eq!(connection.poll_output(at(0)), Output::Wait(None));
}

#[test]
fn the_opening_bytes_leave_with_what_is_ready() {
    let mut connection = Connection::start(Config::new(), at(0));
    let mut source = [frame("a"), frame("b")].into_iter();
    let output = connection.poll_output_with(at(0), || source.next().map_or(Next::Pending, Next::Frame));
    assert_eq!(text(&output), ":\ndata: a\n\ndata: b\n\n");
}

#[test]
fn an_idle_heartbeat_follows_the_last_output() {
    let mut connection = opened(Config::new());
    assert_eq!(connection.poll_output(at(0)), Output::Wait(Some(at(15))));
    connection.send(frame("a")).unwrap();
    assert_eq!(text(&connection.poll_output(at(14))), "data: a\n\n");
    assert_eq!(connection.poll_output(at(15)), Output::Wait(Some(at(29))));
    assert_eq!(text(&connection.poll_output(at(29))), ": heartbeat\n");
    assert_eq!(connection.poll_output(at(29)), Output::Wait(Some(at(44))));
}

#[test]
fn a_periodic_heartbeat_keeps_its_grid() {
    let beat = Heartbeat::periodic(Duration::from_secs(10)).unwrap().with_frame(crate::Comment::new("ping"));
    let mut connection = opened(Config::new().with_heartbeat(beat));
    connection.send(frame("a")).unwrap();
    assert_eq!(text(&connection.poll_output(at(9))), "data: a\n\n");
    assert_eq!(text(&connection.poll_output(at(10))), ": ping\n");
    assert_eq!(text(&connection.poll_output(at(47))), ": ping\n", "one beat for a long stall");
    assert_eq!(connection.poll_output(at(47)), Output::Wait(Some(at(50))));
}

#[test]
fn a_slow_reader_gets_data_before_heartbeats() {
    let mut connection = opened(Config::new());
    for minute in 1..10 {
        let mut ready = Some(frame("a"));
        let output =
            connection.poll_output_with(at(60 * minute), || ready.take().map_or(Next::Pending, Next::Frame));
        assert_eq!(text(&output), "data: a\n\n");
    }
}

#[test]
fn m04_a_heartbeat_interval_has_bounds() {
    for millis in [0, 999, 300_001] {
        let interval = Duration::from_millis(millis);
        assert_eq!(Heartbeat::idle(interval).unwrap_err().interval(), interval);
        assert!(Heartbeat::periodic(interval).is_err());
    }
    assert!(Heartbeat::idle(Duration::from_nanos(300_000_000_001)).is_err());
    assert!(Heartbeat::idle(Duration::from_nanos(999_999_999)).is_err());
    assert!(Heartbeat::idle(Duration::from_secs(1)).is_ok());
    assert!(Heartbeat::periodic(Duration::from_secs(300)).is_ok());
}

#[test]
fn frames_are_joined_up_to_the_limit_and_larger_ones_are_not_copied() {
    let mut connection = opened(Config::new().with_chunk_limit(20));
    let large = frame("0123456789abcdefghijklmnopqrstuvwxyz");
    let shared = large.clone().into_bytes();
    for frame in [frame("a"), frame("b"), frame("c"), large, frame("d")] {
        connection.send(frame).unwrap();
    }
    assert_eq!(text(&connection.poll_output(at(1))), "data: a\n\ndata: b\n\n");
    assert_eq!(text(&connection.poll_output(at(1))), "data: c\n\n");
    match connection.poll_output(at(1)) {
        Output::Transmit(bytes) => assert_eq!(bytes.as_ptr(), shared.as_ptr()),
        other => panic!("{other:?}"),
    }
    assert_eq!(text(&connection.poll_output(at(1))), "data: d\n\n");
}

#[test]
fn a_chunk_takes_what_fits_exactly_and_then_asks_for_no_more() {
    let mut connection = opened(Config::new().with_chunk_limit(18));
    let mut asked = 0;
    let output = connection.poll_output_with(at(1), || {
        asked += 1;
        Next::Frame(frame("a"))
    });
    assert_eq!((text(&output), asked), ("data: a\n\ndata: a\n\n", 2));
    assert_eq!(connection.queued_bytes(), 0);
}

#[test]
fn without_room_for_a_chunk_frames_leave_one_by_one() {
    let mut connection = opened(Config::new().with_chunk_limit(0));
    for data in ["a", "b"] {
        connection.send(frame(data)).unwrap();
    }
    assert_eq!(text(&connection.poll_output(at(1))), "data: a\n\n");
    assert_eq!(text(&connection.poll_output(at(1))), "data: b\n\n");
    assert!(matches!(connection.poll_output(at(1)), Output::Wait(_)));
}

#[test]
fn close_drains_and_says_goodbye() {
    let close_event = CloseEvent::new(event_name!("done"));
    let mut connection = opened(Config::new().with_close_event(close_event));
    connection.send(frame("a")).unwrap();
    connection.close(CloseReason::Shutdown);
    assert_eq!(connection.send(frame("b")).unwrap_err(), SendError::Closed(frame("b")));
    assert_eq!(text(&connection.poll_output(at(1))), "data: a\n\nevent: done\ndata: complete\n\n");
    assert_eq!(connection.close_reason(), None);
    assert_eq!(connection.poll_output(at(1)), Output::Closed(CloseReason::Shutdown));
    assert_eq!(connection.close_reason(), Some(CloseReason::Shutdown));
}

#[test]
fn a_close_event_can_say_why_and_is_left_out_when_the_client_should_come_back() {
    for (reason, expected) in [
        (CloseReason::SourceEnded, "event: bye\ndata: source-ended\n\n"),
        (CloseReason::SourceFailed, "event: bye\ndata: source-failed\n\n"),
        (CloseReason::Revoked, "event: bye\ndata: revoked\n\n"),
        (CloseReason::Shutdown, ""),
        (CloseReason::MaxAge, ""),
        (CloseReason::Lagged, ""),
    ] {
        let close_event = CloseEvent::new(event_name!("bye")).with_reason().not_on_shutdown();
        let mut connection = opened(Config::new().with_close_event(close_event));
        let output = connection.poll_output_with(at(1), || Next::Close(reason));
        if expected.is_empty() {
            assert_eq!(output, Output::Closed(reason));
        } else {
            assert_eq!(text(&output), expected);
            assert_eq!(connection.poll_output(at(1)), Output::Closed(reason));
        }
    }
}

#[test]
fn an_event_before_a_failure_still_goes_out() {
    let mut connection = opened(Config::new());
    let mut script = [Next::Frame(frame("last")), Next::Close(CloseReason::SourceFailed)].into_iter();
    let output = connection.poll_output_with(at(1), || script.next().unwrap());
    assert_eq!(text(&output), "data: last\n\n");
    assert_eq!(connection.poll_output(at(1)), Output::Closed(CloseReason::SourceFailed));
}

#[test]
fn abort_drops_what_is_queued() {
    let mut connection = opened(Config::new());
    connection.send(frame("a")).unwrap();
    connection.handle_peer_gone();
    connection.abort(CloseReason::Revoked);
    assert_eq!(connection.poll_output(at(1)), Output::Closed(CloseReason::PeerGone));
    assert_eq!(connection.queued_bytes(), 0);
}

#[test]
fn a_connection_closes_at_its_maximum_age() {
    let age = Duration::from_secs(100);
    let config = Config::new().with_max_age(age).with_heartbeat(None);
    let mut connection = opened(config.clone());
    assert_eq!(connection.poll_output(at(99)), Output::Wait(Some(at(100))));
    assert_eq!(connection.poll_output(at(100)), Output::Closed(CloseReason::MaxAge));
    let mut ages: alloc::vec::Vec<_> = (0..1_000)
        .map(|seed| Connection::start(config.clone(), at(0)).with_seed(seed).next_deadline().unwrap())
        .collect();
    ages.sort();
    ages.dedup();
    assert!(ages.len() > 990, "seeds spread the age");
    assert!(ages[0] >= at(80) && ages[ages.len() - 1] <= at(100));
    assert!(ages[0] < at(81) && ages[ages.len() - 1] > at(99));
}

#[test]
fn what_is_ready_leaves_before_the_maximum_age_ends_the_stream() {
    let config = Config::new().with_max_age(Duration::from_secs(100)).with_chunk_limit(20);
    let mut connection = opened(config.clone());
    let mut ready = [frame("a"), frame("b")].into_iter();
    let output = connection.poll_output_with(at(100), || ready.next().map_or(Next::Pending, Next::Frame));
    assert_eq!(text(&output), "data: a\n\ndata: b\n\n");
    assert_eq!(connection.poll_output(at(100)), Output::Closed(CloseReason::MaxAge));

    let mut connection = opened(config);
    let output = connection.poll_output_with(at(100), || Next::Frame(frame("endless")));
    assert_eq!(text(&output), "data: endless\n\n", "one chunk");
    assert_eq!(text(&connection.poll_output(at(100))), "data: endless\n\n", "which it was handed already");
    assert_eq!(connection.poll_output(at(100)), Output::Closed(CloseReason::MaxAge));
}

#[test]
fn nothing_waits_for_a_time_after_the_last() {
    let end = Instant::from_epoch(Duration::MAX);
    let mut connection = Connection::start(Config::new(), end);
    assert!(matches!(connection.poll_output(end), Output::Transmit(_)));
    assert_eq!(connection.poll_output(end), Output::Wait(None));
}

#[test]
fn a_chunk_has_a_largest_limit() {
    let mut connection = opened(Config::new().with_chunk_limit(usize::MAX));
    let endless = frame(&"x".repeat(1_000));
    let output = connection.poll_output_with(at(1), || Next::Frame(endless.clone()));
    assert!(text(&output).len() <= Config::MAX_CHUNK_LIMIT);
    let defaults = Config::new();
    let limits = (defaults.chunk_limit, Config::MAX_CHUNK_LIMIT, defaults.queue_limit);
    assert_eq!(limits, (16_384, 1_048_576, 65_536));
}

#[test]
fn a_full_queue_hands_the_frame_back() {
    let mut connection = opened(Config::new().with_queue_limit(20));
    let large = frame("a lone frame always fits");
    let len = large.len();
    assert!(connection.has_room_for(len));
    connection.send(large).unwrap();
    assert_eq!(connection.queued_bytes(), len);
    assert!(!connection.has_room_for(1));
    assert_eq!(connection.send(frame("b")).unwrap_err(), SendError::Full(frame("b")));
}

#[test]
fn a_queue_takes_what_fits_exactly() {
    let mut connection = opened(Config::new().with_queue_limit(18).with_chunk_limit(9));
    connection.send(frame("a")).unwrap();
    assert!(connection.has_room_for(9) && !connection.has_room_for(10));
    connection.send(frame("b")).unwrap();
    assert_eq!(connection.queued_bytes(), 18);
    assert_eq!(text(&connection.poll_output(at(1))), "data: a\n\n");
    assert_eq!(connection.queued_bytes(), 9);
    assert_eq!(text(&connection.poll_output(at(1))), "data: b\n\n");
    assert_eq!(connection.queued_bytes(), 0);
    connection.close(CloseReason::Shutdown);
    assert!(!connection.has_room_for(1));
}

#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    let mut connection = opened(Config::new().with_heartbeat(None).with_stall_limit(Duration::from_secs(30)));
    assert_eq!(connection.next_deadline(), Some(at(30)));
    connection.handle_timeout(at(29));
    assert!(connection.is_open());
    connection.handle_timeout(at(30));
    assert_eq!(connection.close_reason(), Some(CloseReason::Stalled));
}

#[test]
fn a_heartbeat_that_falls_due_while_a_chunk_is_being_written_wakes_nobody() {
    let age = Duration::from_secs(20);
    let mut connection = opened(Config::new().with_max_age(age));
    assert_eq!(connection.next_deadline(), Some(at(30)), "neither heartbeat (15 s) nor age (20 s)");
    connection.handle_timeout(at(29));
    assert_eq!(connection.next_deadline(), Some(at(30)));
    assert_eq!(connection.poll_output(at(29)), Output::Closed(CloseReason::MaxAge), "what waited comes now");

    let connection = opened(Config::new().with_stall_limit(None));
    assert_eq!(connection.next_deadline(), None);
}

#[test]
fn a_peer_that_takes_a_little_is_not_given_up() {
    let mut connection = opened(Config::new().with_heartbeat(None));
    for secs in 1..=20 {
        connection.handle_progress(at(secs * 20));
        connection.handle_timeout(at(secs * 20 + 19));
        assert!(connection.is_open());
    }
    connection.handle_timeout(at(430));
    assert_eq!(connection.close_reason(), Some(CloseReason::Stalled));
}

#[test]
fn a_peer_that_takes_everything_does_not_stall() {
    let mut connection = opened(Config::new().with_heartbeat(None));
    assert_eq!(connection.poll_output(at(1)), Output::Wait(None));
    connection.handle_timeout(at(1_000));
    assert!(connection.is_open());
}

#[test]
fn a_clock_that_steps_back_does_not_silence_the_heartbeat() {
    let mut connection = opened(Config::new());
    assert!(matches!(connection.poll_output(at(1_000_000)), Output::Transmit(_)));
    assert_eq!(connection.poll_output(at(5)), Output::Wait(Some(at(20))));
    assert_eq!(text(&connection.poll_output(at(20))), ": heartbeat\n");
}

#[test]
fn totals_count_what_left() {
    let mut connection = opened(Config::new());
    connection.send(frame("a")).unwrap();
    let _frame = connection.poll_output(at(1));
    let _beat = connection.poll_output(at(16));
    assert_eq!(connection.totals(), Totals { frames: 1, heartbeats: 1, bytes: 2 + 9 + 12 });
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 256, "{}", size_of::<Connection>());
}
