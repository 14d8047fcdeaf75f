//! What each answer and each failure does to a client, and for how long it waits.

use super::*;
use crate::Item;
use alloc::vec::Vec;

const STREAM: ResponseHead<'static> = ResponseHead::new(200).with_content_type(b"text/event-stream");

fn at(millis: u64) -> Instant {
    Instant::from_epoch(Duration::from_millis(millis))
}

/// Without jitter, so that delays are exact.
fn exact() -> Config {
    Config::new().with_jitter_percent(0)
}

fn connect(client: &mut Client, now: Instant) -> Option<String> {
    match client.poll_output(now) {
        Output::Connect(attempt) => attempt.last_event_id,
        other => panic!("{other:?}"),
    }
}

fn disconnect(client: &mut Client, now: Instant) -> Interruption {
    match client.poll_output(now) {
        Output::Disconnect(interruption) => interruption,
        other => panic!("{other:?}"),
    }
}

fn open(client: &mut Client, now: Instant) {
    client.handle_response(now, STREAM);
    assert_eq!(client.poll_output(now), Output::Open);
}

fn read(client: &mut Client, now: Instant, chunk: &[u8]) -> usize {
    let mut feed = client.feed(now, chunk);
    let mut events = 0;
    while let Some(item) = feed.next() {
        events += usize::from(matches!(item, Item::Event(_)));
    }
    events
}

/// One connection from now on that gives these bytes and ends; returns when the next is due, and the id it was asked for.
fn connection(client: &mut Client, now: Instant, bytes: &[u8]) -> (Instant, Option<String>) {
    let id = connect(client, now);
    open(client, now);
    read(client, now, bytes);
    client.handle_end(now);
    (now.saturating_add(disconnect(client, now).delay), id)
}

#[test]
fn b08_the_id_is_kept_over_any_number_of_connections_that_bring_none() {
    let mut client = Client::start(exact()).with_last_event_id("1");
    let mut now = at(0);
    for (bytes, sent) in [
        (&b"data: inherits\n\n"[..], Some("1")),
        (b"id: 7\ndata: moves\n\n", Some("1")),
        (b"data: none of its own\n\n", Some("7")),
        (b"", Some("7")),
        (b"id: 8\n\n", Some("7")),
        (b"id: 9\ndata: half an event", Some("8")),
        (b"id\ndata: cleared\n\n", Some("8")),
        (b"data: x\n\n", None),
        (b"id: a\0b\ndata: not an id\n\n", None),
    ] {
        let (next, id) = connection(&mut client, now, bytes);
        assert_eq!(id.as_deref(), sent, "before {:?}", core::str::from_utf8(bytes));
        now = next;
    }
}

#[test]
fn b08_every_status_but_200_is_final_and_typed() {
    for status in [0, 100, 201, 202, 206, 301, 304, 400, 401, 404, 429, 500, 503, 999] {
        let mut client = Client::start(exact());
        connect(&mut client, at(0));
        client.handle_response(at(0), ResponseHead { status, ..STREAM });
        assert_eq!(client.poll_output(at(0)), Output::Closed(EndReason::Status(status)));
    }
}

#[test]
fn b08_204_and_200_are_no_statuses_to_try_again() {
    let mut client = Client::start(exact().with_retried_statuses(|_| true));
    connect(&mut client, at(0));
    client.handle_response(at(0), ResponseHead::new(204));
    assert_eq!(client.poll_output(at(0)), Output::Closed(EndReason::NoContent));

    let mut client = Client::start(exact().with_retried_statuses(|_| true));
    connect(&mut client, at(0));
    client.handle_response(at(0), ResponseHead::new(200));
    assert_eq!(client.poll_output(at(0)), Output::Closed(EndReason::ContentType));
}

#[test]
fn b08_the_content_type_counts_in_any_case_and_with_parameters() {
    let good = [
        "text/event-stream",
        "Text/Event-Stream; charset=UTF-8",
        " text/event-stream ;x",
        "TEXT/EVENT-STREAM",
    ];
    let bad = [
        "",
        "text/html",
        "text/event-stream2",
        "text",
        "application/json; text/event-stream",
        ";text/event-stream",
    ];
    for (types, is_good) in [(&good[..], true), (&bad, false)] {
        for content_type in types {
            let mut client = Client::start(exact());
            connect(&mut client, at(0));
            client.handle_response(at(0), ResponseHead::new(200).with_content_type(content_type.as_bytes()));
            let expected = if is_good { Output::Open } else { Output::Closed(EndReason::ContentType) };
            assert_eq!(client.poll_output(at(0)), expected, "{content_type}");
        }
    }
}

#[test]
fn b08_failures_in_a_row_double_the_delay_up_to_the_limit() {
    let mut client = Client::start(exact().with_backoff_limit(Duration::from_secs(30)));
    let mut now = at(0);
    let delays: Vec<u64> = (1..=6)
        .map(|attempt| {
            connect(&mut client, now);
            client.handle_connect_error(now);
            let interruption = disconnect(&mut client, now);
            assert_eq!(interruption.failed_attempts, attempt);
            now = now.saturating_add(interruption.delay);
            interruption.delay.as_secs()
        })
        .collect();
    assert_eq!(delays, [3, 6, 12, 24, 30, 30]);
}

#[test]
fn b08_a_connection_that_stayed_open_resets_the_back_off_and_a_short_one_does_not() {
    for (open_for, delay) in [(4_999, 12), (5_000, 3)] {
        let mut client = Client::start(exact());
        let mut now = at(0);
        for _ in 0..2 {
            connect(&mut client, now);
            client.handle_connect_error(now);
            now = now.saturating_add(disconnect(&mut client, now).delay);
        }
        connect(&mut client, now);
        open(&mut client, now);
        now = now.saturating_add(Duration::from_millis(open_for));
        client.handle_transport_error(now);
        assert_eq!(disconnect(&mut client, now).delay, Duration::from_secs(delay), "open for {open_for} ms");
    }
}

#[test]
fn b08_a_server_that_is_polled_is_asked_at_its_own_pace() {
    let mut client = Client::start(exact().with_max_attempts(2));
    let mut now = at(0);
    for _ in 0..20 {
        let (next, _) = connection(&mut client, now, b"retry: 1000\ndata: x\n\n");
        assert_eq!(next, now.saturating_add(Duration::from_secs(1)));
        now = next;
    }
}

#[test]
fn b08_a_server_that_ends_empty_responses_is_backed_off_from() {
    let mut client = Client::start(exact());
    let (first, _) = connection(&mut client, at(0), b": hello\n");
    let (second, _) = connection(&mut client, first, b": hello\n");
    assert_eq!((first, second), (at(3_000), at(9_000)));
}

#[test]
fn b08_retry_is_clamped_at_both_ends() {
    for (retry, millis) in [("0", 500), ("499", 500), ("2000", 2_000), ("4294967296", 600_000), ("x", 3_000)]
    {
        let mut client = Client::start(exact());
        let (next, _) = connection(&mut client, at(0), alloc::format!("retry: {retry}\ndata\n\n").as_bytes());
        assert_eq!(next, at(millis), "retry: {retry}");
    }
}

#[test]
fn b08_retry_counts_at_its_line_end_and_outlives_the_connection() {
    let mut client = Client::start(exact());
    let (next, _) = connection(&mut client, at(0), b"retry: 1000\ndata: half");
    assert_eq!(next, at(1_000));
    connection(&mut client, next, b"data: x\n\n");
    assert_eq!(client.reconnection_time(), Duration::from_secs(1));
}

#[test]
fn b08_the_limits_of_the_delay_are_themselves_limited() {
    let config = exact().with_delay_limits(Duration::ZERO, Duration::ZERO);
    assert_eq!(config.reconnection_time(Some(Duration::ZERO)), Config::MIN_DELAY);
    assert_eq!(config.reconnection_time(Some(Duration::MAX)), Config::MIN_DELAY);
}

#[test]
fn b08_a_status_to_try_again_waits_for_what_the_server_asks() {
    for (retry_after, millis) in
        [(None, 3_000), (Some(1), 3_000), (Some(30), 30_000), (Some(u64::MAX), 600_000)]
    {
        let mut client = Client::start(exact().with_retried_statuses(is_transient));
        connect(&mut client, at(0));
        let head =
            ResponseHead { retry_after: retry_after.map(Duration::from_secs), ..ResponseHead::new(503) };
        client.handle_response(at(0), head);
        let interruption = disconnect(&mut client, at(0));
        assert_eq!(interruption.cause, Cause::Status(503));
        assert_eq!(interruption.delay, Duration::from_millis(millis));
    }
}

#[test]
fn b08_jitter_is_there_from_the_first_reconnection_on_and_never_shortens() {
    let delays: Vec<Duration> = (0..100)
        .map(|seed| {
            let mut client = Client::start(Config::new()).with_seed(seed);
            connect(&mut client, at(0));
            client.handle_connect_error(at(0));
            disconnect(&mut client, at(0)).delay
        })
        .collect();
    assert!(delays.iter().all(|delay| (3_000..4_500).contains(&delay.as_millis())));
    let early = delays.iter().filter(|delay| delay.as_millis() < 3_750).count();
    assert!((30..70).contains(&early), "{early} of 100 in the first half");
}

#[test]
fn b08_attempts_are_counted_since_the_last_good_connection() {
    let mut client = Client::start(exact().with_max_attempts(2));
    let (now, _) = connection(&mut client, at(0), b"data: good\n\n");
    connect(&mut client, now);
    client.handle_connect_error(now);
    let now = now.saturating_add(disconnect(&mut client, now).delay);
    connect(&mut client, now);
    client.handle_connect_error(now);
    assert_eq!(client.poll_output(now), Output::Closed(EndReason::Disconnected(Cause::ConnectFailed)));
}

#[test]
fn b08_any_byte_resets_the_idle_time_out() {
    let mut client = Client::start(exact().with_idle_timeout(Duration::from_secs(10)));
    connect(&mut client, at(0));
    open(&mut client, at(0));
    for (now, bytes) in [(9_000, &b":"[..]), (18_000, b"\n"), (27_000, b"d"), (36_000, b"")] {
        read(&mut client, at(now), bytes);
        client.handle_timeout(at(now));
    }
    assert_eq!(client.poll_output(at(36_000)), Output::Wait(Some(at(37_000))));
    client.handle_timeout(at(37_000));
    assert_eq!(disconnect(&mut client, at(37_000)).cause, Cause::IdleTimedOut);
}

#[test]
fn b08_a_driver_that_was_busy_elsewhere_reads_before_it_gives_up() {
    let mut client = Client::start(exact().with_idle_timeout(Duration::from_secs(10)));
    connect(&mut client, at(0));
    open(&mut client, at(0));
    assert_eq!(client.poll_output(at(60_000)), Output::Wait(Some(at(10_000))), "overdue, and not given up");
    assert_eq!(read(&mut client, at(60_000), b"data: was there\n\n"), 1);
    client.handle_timeout(at(60_000));
    assert!(client.is_open());
}

#[test]
fn b08_a_restart_is_no_failure_and_is_allowed_once_only_clients() {
    let mut client = Client::start(exact().without_reconnection());
    connect(&mut client, at(0));
    open(&mut client, at(0));
    client.restart(at(100));
    let interruption = disconnect(&mut client, at(100));
    assert_eq!((interruption.cause, interruption.failed_attempts), (Cause::Restarted, 0));
    client.restart(at(200));
    assert_eq!(client.poll_output(at(200)), Output::Wait(Some(at(3_100))), "there is nothing to restart");
    assert_eq!(connect(&mut client, at(3_100)), None);
}

/// Fails so many attempts in a row from now on; returns when the last one failed.
fn fail_attempts(client: &mut Client, mut now: Instant, attempts: u32) -> Instant {
    for attempt in 1..=attempts {
        connect(client, now);
        client.handle_connect_error(now);
        if attempt < attempts {
            now = now.saturating_add(disconnect(client, now).delay);
        }
    }
    now
}

#[test]
fn b08_a_restart_shortens_what_a_client_waits_for_to_the_reconnection_time() {
    for is_told in [false, true] {
        let mut client = Client::start(exact());
        let lost = fail_attempts(&mut client, at(0), 8);
        if is_told {
            assert_eq!(disconnect(&mut client, lost).delay, Duration::from_secs(60));
        }
        let now = lost.saturating_add(Duration::from_secs(1));
        client.restart(now);
        if !is_told {
            assert_eq!(disconnect(&mut client, now).delay, Duration::from_secs(3));
        }
        let due = lost.saturating_add(Duration::from_secs(3));
        assert_eq!(client.poll_output(now), Output::Wait(Some(due)), "counted from the loss");
        connect(&mut client, due);
    }
}

#[test]
fn b08_a_restart_long_after_the_loss_connects_at_once_whatever_the_server_asked() {
    let mut client = Client::start(exact().with_retried_statuses(is_transient));
    connect(&mut client, at(0));
    client.handle_response(at(0), ResponseHead::new(503).with_retry_after(Duration::from_secs(600)));
    assert_eq!(disconnect(&mut client, at(0)).delay, Duration::from_secs(600));
    assert_eq!(client.poll_output(at(60_000)), Output::Wait(Some(at(600_000))));
    client.restart(at(60_000));
    connect(&mut client, at(60_000));
}

#[test]
fn b08_a_restart_of_a_client_that_fails_to_connect_waits_for_no_back_off() {
    let mut client = Client::start(exact());
    let now = fail_attempts(&mut client, at(0), 5);
    let now = now.saturating_add(disconnect(&mut client, now).delay);
    connect(&mut client, now);
    client.restart(now);
    let interruption = disconnect(&mut client, now);
    assert_eq!((interruption.failed_attempts, interruption.delay), (5, Duration::from_secs(3)));
}

#[test]
fn b08_restarts_do_not_hammer() {
    let least = Duration::from_millis(500);
    let config = exact().with_reconnection_time(Duration::ZERO).with_delay_limits(least, least);
    let mut client = Client::start(config);
    connect(&mut client, at(0));
    client.restart(at(0));
    disconnect(&mut client, at(0));
    for now in [0, 1, 250, 499] {
        client.restart(at(now));
        assert_eq!(client.poll_output(at(now)), Output::Wait(Some(at(500))));
    }
}

#[test]
fn b08_no_number_of_failures_shortens_the_delay() {
    let config = exact()
        .with_reconnection_time(Duration::from_secs(1))
        .with_delay_limits(Duration::from_secs(1), Duration::MAX)
        .with_backoff_limit(Duration::from_secs(10_000));
    let mut client = Client::start(config);
    let mut now = at(0);
    let mut expected = Duration::from_secs(1);
    for attempt in 1..=40 {
        connect(&mut client, now);
        client.handle_connect_error(now);
        let delay = disconnect(&mut client, now).delay;
        assert_eq!(delay, expected, "after {attempt} failures");
        now = now.saturating_add(delay);
        expected = (expected * 2).min(Duration::from_secs(10_000));
    }
}

#[test]
fn b08_at_the_end_of_time_there_is_nothing_to_wait_for() {
    let now = Instant::from_epoch(Duration::MAX);
    let mut client = Client::start(exact());
    connect(&mut client, now);
    client.handle_timeout(now);
    assert_eq!(client.poll_output(now), Output::Wait(None), "neither overdue nor to come");
    open(&mut client, now);
    client.handle_timeout(now);
    assert_eq!(client.poll_output(now), Output::Wait(None));
}

#[test]
fn b08_an_absence_starts_a_time_out_anew() {
    let config = exact().with_connect_timeout(Duration::from_secs(10)).with_idle_timeout(None);
    let mut client = Client::start(config);
    connect(&mut client, at(0));
    client.handle_absence(at(15_000));
    client.handle_timeout(at(24_999));
    assert_eq!(client.poll_output(at(24_999)), Output::Wait(Some(at(25_000))));
    client.handle_timeout(at(25_000));
    assert_eq!(disconnect(&mut client, at(25_000)).cause, Cause::ConnectTimedOut);
}

#[test]
fn b08_half_an_event_is_reported_and_thrown_away() {
    let mut client = Client::start(exact());
    connect(&mut client, at(0));
    open(&mut client, at(0));
    assert_eq!(read(&mut client, at(0), b"id: 9\ndata: half"), 0);
    client.handle_end(at(0));
    assert_eq!(disconnect(&mut client, at(0)).discarded.map(|discarded| discarded.len), Some(7));
    connect(&mut client, at(3_000));
    open(&mut client, at(3_000));
    assert_eq!(read(&mut client, at(3_000), b"\n\ndata: whole\n\n"), 1);
}

#[test]
fn b08_an_event_above_the_limit_is_an_item_and_no_end() {
    let mut client = Client::start(exact().with_event_limit(8));
    connect(&mut client, at(0));
    open(&mut client, at(0));
    let mut feed = client.feed(at(0), b"id: 1\ndata: much too long\n\ndata: fits\n\n");
    assert!(matches!(feed.next(), Some(Item::Discarded(_))));
    assert!(
        matches!(feed.next(), Some(Item::Event(event)) if event.data() == "fits" && event.last_event_id().is_empty())
    );
    assert!(client.is_open());
}

#[test]
fn b08_an_initial_id_cannot_end_a_header_line() {
    let client = Client::start(exact()).with_last_event_id("1\r\nx: y\0");
    assert_eq!(client.last_event_id(), "1x: y");
}

#[test]
fn b08_the_first_reason_to_end_counts() {
    for (end, reason) in
        [(Client::close as fn(&mut Client), EndReason::Closed), (Client::fail, EndReason::Failed)]
    {
        let mut client = Client::start(exact());
        assert_eq!((client.ready_state(), client.end_reason()), (ReadyState::Connecting, None));
        connect(&mut client, at(0));
        assert!(!client.is_open());
        open(&mut client, at(0));
        assert_eq!((client.ready_state(), client.end_reason()), (ReadyState::Open, None));
        assert!(client.is_open());
        end(&mut client);
        client.close();
        client.fail();
        assert_eq!((client.ready_state(), client.end_reason()), (ReadyState::Closed, Some(reason)));
        assert!(!client.is_open());
        assert_eq!(client.poll_output(at(0)), Output::Closed(reason));
    }
}

#[test]
fn b08_news_that_do_not_fit_the_state_change_nothing() {
    let mut client = Client::start(exact());
    client.handle_end(at(0));
    client.handle_transport_error(at(0));
    client.handle_connect_error(at(0));
    client.handle_response(at(0), STREAM);
    connect(&mut client, at(0));
    client.handle_end(at(0));
    client.handle_transport_error(at(0));
    open(&mut client, at(0));
    client.handle_connect_error(at(0));
    client.handle_response(at(0), ResponseHead::new(204));
    assert!(client.is_open());
}

#[test]
fn b08_only_what_passes_is_transient() {
    let transient: Vec<u16> = (0..1_000).filter(|status| is_transient(*status)).collect();
    assert_eq!(transient, [408, 425, 429, 500, 502, 503, 504]);
}

#[test]
fn b08_what_ended_a_client_can_be_read() {
    for (reason, text) in [
        (EndReason::Closed, "the client was closed"),
        (EndReason::Status(404), "the server answered with status 404"),
        (
            EndReason::Disconnected(Cause::ConnectTimedOut),
            "there was no response in time, and no further attempt is allowed",
        ),
    ] {
        assert_eq!(alloc::format!("{reason}"), text);
    }
}
