//! The contract that every adapter keeps: the same scenarios give the same bytes at the same times.
//!
//! An adapter's test file implements [`Adapter`] (how its framework serves one connection) and calls
//! [`contract_tests!`](crate::contract_tests). Each scenario runs on tokio's paused clock over a pipe in memory, through
//! the framework's real HTTP code and hyper's client: no port, no waiting, times to the millisecond.

mod broadcast;
mod client;
mod fragments;
mod scenarios;
mod script;

pub use broadcast::*;
pub use client::{Client, Recording, get};
pub use fragments::*;
pub use scenarios::*;
pub use script::{Given, Probe, Script, Seen};

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use sse_driver::sse_core::{Encoder, EventId, Frame, ItemError};
use sse_driver::{Options, Source};
use std::sync::Arc;
use tokio::io::DuplexStream;

/// How a framework serves event streams.
pub trait Adapter: 'static {
    /// Whether the connection speaks HTTP/2, with prior knowledge.
    const IS_HTTP2: bool;

    /// Serves one connection to its end; every request is answered with what `app` gives for its last event id.
    fn serve(io: DuplexStream, app: App) -> impl Future<Output = ()> + 'static;
}

/// What a scenario serves.
#[derive(Clone)]
pub struct App(Arc<Respond>);

type Respond = dyn Fn(Option<EventId<'static>>) -> Answer + Send + Sync;

impl App {
    /// Makes an application that answers each request anew.
    pub fn new(respond: impl Fn(Option<EventId<'static>>) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(respond))
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, last_event_id: Option<EventId<'static>>) -> Answer {
        (self.0)(last_event_id)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

/// The stream that answers one request.
#[derive(Debug)]
pub struct Answer {
    /// Where its events come from.
    pub source: BoxSource,
    /// How it behaves.
    pub options: Options,
}

/// Any source.
pub struct BoxSource(Pin<Box<dyn Source + Send>>);

impl BoxSource {
    /// Boxes a source.
    pub fn new(source: impl Source + Send + 'static) -> Self {
        Self(Box::pin(source))
    }
}

impl Source for BoxSource {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        self.0.as_mut().poll_frame(encoder, cx)
    }
}

impl fmt::Debug for BoxSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxSource")
    }
}

/// Runs a scenario on a paused clock, on one thread.
///
/// # Panics
///
/// When the scenario does, or the runtime cannot be built.
pub fn run(scenario: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O devices can be built");
    // Longer than any scenario: one that hangs has nothing else to advance the clock to, and fails at once.
    let ages = Duration::from_secs(100_000);
    let scenario = async { tokio::time::timeout(ages, scenario).await.expect("the scenario ends") };
    tokio::task::LocalSet::new().block_on(&runtime, scenario);
}

/// Makes one test of each scenario for an [`Adapter`].
#[macro_export]
macro_rules! contract_tests {
    ($name:ident, $adapter:ty) => {
        mod $name {
            use super::*;
            $crate::contract_tests!(@ $adapter:
                something_is_sent_at_once
                the_head_is_that_of_an_event_stream
                a_heartbeat_follows_idleness
                no_heartbeat_under_load
                a_periodic_heartbeat_keeps_its_grid
                no_heartbeat_when_switched_off
                ready_events_leave_together
                a_slow_reader_gets_data_not_heartbeats
                a_stalled_reader_stops_the_source
                the_end_is_told_with_the_close_event
                an_event_before_a_failure_arrives
                a_failure_is_redacted
                errors_can_be_skipped
                errors_can_end_the_stream
                errors_can_be_answered_by_the_developer
                a_value_that_cannot_be_encoded_does_not_end_the_stream
                shutdown_ends_open_streams
                ready_events_leave_before_a_shutdown
                a_connection_ends_at_its_maximum_age
                a_client_that_leaves_is_noticed_while_the_source_waits
                a_client_that_leaves_is_noticed_while_the_source_is_busy
                the_close_hook_runs_once_at_the_end
                head_does_not_run_the_producer
                the_last_event_id_is_read_as_utf8
                the_last_event_id_may_come_by_query
                an_async_function_is_dropped_with_its_client
                an_async_function_waits_for_the_reader
                a_failed_async_function_is_a_failed_source
                crlf_is_an_option
                the_observer_hears_everything_once
                m09_a_stream_may_be_made_of_fragments_and_of_anything_else
                m11_a_failed_render_is_told_without_its_error_and_the_stream_goes_on
                m11_a_failed_render_is_shown_in_its_place_in_development
                m12_a_failed_render_is_skipped_in_silence_and_the_next_one_renders_again
                m12_a_failed_render_ends_no_async_function
                m12_an_event_without_its_context_is_left_out_whatever_the_policy
                m12_an_endless_row_of_left_out_events_lets_others_run
                m13_a_failed_producer_is_told_without_its_error_then_the_close_event_then_the_end
                m14_a_fragment_arrives_in_the_dialect_of_its_client
            );
        }
    };
    (@ $adapter:ty: $($scenario:ident)*) => {$(
        #[test]
        fn $scenario() {
            $crate::contract::run($crate::contract::$scenario::<$adapter>());
        }
    )*};
}
