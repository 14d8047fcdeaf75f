//! The contract that every adapter keeps: the same scenarios give the same bytes at the same times.
//!
//! An adapter's test file implements [`Adapter`] (how its framework serves one connection) and calls
//! [`contract_tests!`](crate::contract_tests). Each scenario runs on tokio's paused clock over a pipe in memory, through
//! the framework's real HTTP code and hyper's client: no port, no waiting, times to the millisecond.

mod broadcast;
mod client;
mod fragments;
mod messages;
mod scenarios;
mod script;

pub use broadcast::*;
pub use client::{Client, Recording, get};
pub use fragments::*;
pub use messages::*;
pub use scenarios::*;
pub use script::{Given, Probe, Script, Seen};

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use sse_driver::sse_core::{ClientProfile, Encoder, EventId, Frame, ItemError};
use sse_driver::{Iter, Options, Source};
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
pub struct App {
    respond: Arc<Respond>,
    head: Head,
    refusal: Option<(ClientProfile, Option<Duration>)>,
}

type Respond = dyn Fn(Option<EventId<'static>>) -> Answer + Send + Sync;

impl App {
    /// Makes an application that answers each request anew.
    pub fn new(respond: impl Fn(Option<EventId<'static>>) -> Answer + Send + Sync + 'static) -> Self {
        Self { respond: Arc::new(respond), head: Head::default(), refusal: None }
    }

    /// Makes an application that refuses every request, by the adapter's own `refuse`.
    #[must_use]
    pub fn refusing(profile: ClientProfile, wait: Option<Duration>) -> Self {
        let nobody = |_| Answer { source: BoxSource::new(Iter::new([""; 0])), options: Options::new() };
        Self { refusal: Some((profile, wait)), ..Self::new(nobody) }
    }

    /// Returns how requests are refused, when they are.
    #[must_use]
    pub fn refusal(&self) -> Option<(ClientProfile, Option<Duration>)> {
        self.refusal
    }

    /// Sets what the adapter is to say in the head of each response, by its framework's own means.
    #[must_use]
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// Returns what the head is to say.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, last_event_id: Option<EventId<'static>>) -> Answer {
        (self.respond)(last_event_id)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

/// What a handler adds to the head of a stream, or replaces in it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Headers that are set, each in the place of one of that name.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Values of `set-cookie`, each in a header of its own.
    pub cookies: Vec<&'static str>,
}

impl Default for Head {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), cookies: Vec::new() }
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

    fn kind(&self) -> &'static str {
        self.0.kind()
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
                m01_something_is_sent_at_once
                m01_the_head_is_that_of_an_event_stream
                m04_a_heartbeat_follows_idleness
                m04_no_heartbeat_under_load
                m33_a_periodic_heartbeat_keeps_its_grid
                m04_no_heartbeat_when_switched_off
                b06_ready_events_leave_together
                m04_a_slow_reader_gets_data_not_heartbeats
                b03_a_stalled_reader_stops_the_source
                m06_the_end_is_told_with_the_close_event
                m13_an_event_before_a_failure_arrives
                m13_a_failure_is_redacted
                m12_errors_can_be_skipped
                m12_errors_can_end_the_stream
                m12_errors_can_be_answered_by_the_developer
                m12_a_value_that_cannot_be_encoded_does_not_end_the_stream
                b04_shutdown_ends_open_streams
                b04_ready_events_leave_before_a_shutdown
                b04_a_connection_ends_at_its_maximum_age
                m03_a_client_that_leaves_is_noticed_while_the_source_waits
                m03_a_client_that_leaves_is_noticed_while_the_source_is_busy
                m36_the_close_hook_runs_once_at_the_end
                m35_head_does_not_run_the_producer
                b02_the_last_event_id_is_read_as_utf8
                b02_the_last_event_id_may_come_by_query
                b02_a_last_event_id_that_is_echoed_forges_nothing
                m03_an_async_function_is_dropped_with_its_client
                m20_an_async_function_waits_for_the_reader
                m13_a_failed_async_function_is_a_failed_source
                m37_crlf_is_an_option
                m07_the_observer_hears_everything_once
                m02_m30_streams_iterators_values_and_functions_are_sources
                m05_the_reconnection_time_of_the_stream_stands_in_its_first_block
                m08_m34_status_headers_and_cookies_are_the_developers
                m09_m20_values_become_events_by_their_kind
                m10_m38_every_event_may_have_every_field
                m16_ten_thousand_idle_streams_live_on_one_thread
                m21_a_comment_is_a_value_that_no_text_can_break_out_of
                m22_a_reconnection_time_is_a_duration_in_whole_milliseconds
                m23_a_stream_answers_a_post
                m31_the_stream_names_and_numbers_events_that_do_not
                m32_a_number_is_an_id
                m36_work_goes_on_after_the_stream
                b05_a_client_is_answered_as_its_kind_needs
                b05_a_client_is_kept_out_as_its_kind_understands
                m06_the_close_event_leaves_the_last_event_id
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
