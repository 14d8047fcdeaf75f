//! What goes wrong on real connections, with axum.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use core::pin::Pin;
use core::time::Duration;
use scenarios::producer::{Answer, App};
use scenarios::{Compression, Framework, OVERRIDDEN, Server, Setup, panics, resets, rude};
#[cfg(target_os = "linux")]
use scenarios::{crowd, vanished};
use sse_axum::{Sse, sse_driver};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_io_timeout::TimeoutStream;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

#[path = "../../../tests/faults/mod.rs"]
mod scenarios;

#[path = "../../../tests/faults/h2.rs"]
mod h2;

#[path = "../../../tests/faults/frames.rs"]
mod frames;

/// Gives up connections whose writes are stuck for `write_timeout`: those of clients that stopped reading.
struct TimeoutListener {
    listener: TcpListener,
    write_timeout: Duration,
}

impl Listener for TimeoutListener {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Events leave at once; where this fails, writing will, too.
        let _result = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        (Box::pin(stream), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct Axum;

impl Framework for Axum {
    fn start(app: App, listener: std::net::TcpListener, setup: Setup) -> Server {
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let handler = async move |uri: Uri| respond(uri.path(), app(uri.path()));
        let route = get(handler.clone()).post(handler);
        let mut router = Router::new().route("/", route.clone()).route("/{path}", route);
        router = match setup.compression {
            Compression::None => router,
            Compression::InFront => router.layer(CompressionLayer::new()),
            Compression::Forced => router.layer(CompressionLayer::new().compress_when(SizeAbove::new(0))),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(TimeoutListener { listener, write_timeout: setup.write_timeout }, router)
            .with_graceful_shutdown(async { drop(stopped.await) });
        let server = tokio::spawn(server.into_future());
        let stop = async move {
            drop(stop);
            server.await.unwrap().unwrap();
        };
        Server { address, stop: Box::pin(stop) }
    }
}

fn respond(path: &str, Answer { source, options }: Answer) -> Response {
    let response = Sse::new(source).with_options(options);
    if path == OVERRIDDEN {
        let cookies = AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        let headers = [("x-stream", "1"), ("cache-control", "private")];
        return (StatusCode::ACCEPTED, headers, cookies, response).into_response();
    }
    response.into_response()
}

scenarios::scenarios! { scenarios with Axum:
    a_client_that_leaves_an_idle_stream_is_noticed_at_once
    an_async_function_that_waits_is_dropped_when_its_client_leaves
    a_client_that_leaves_a_busy_stream_is_noticed
    a_reader_that_stops_costs_little_and_is_given_up
    an_idle_stream_outlives_the_write_timeout
    a_source_that_is_always_ready_starves_nobody
    an_event_right_before_a_failure_arrives_and_the_response_ends_well
    events_pass_a_compression_layer_one_by_one
    a_graceful_shutdown_ends_open_streams
    a_shutdown_waits_for_a_stream_that_nothing_ends
    a_head_request_gets_the_head_alone_and_runs_nothing
    over_http_1_0_the_body_is_plain_and_ends_with_its_connection
    status_headers_and_cookies_replace_those_of_the_stream
}

scenarios::scenarios! { h2 with Axum:
    over_h2_a_stream_that_its_client_cancels_is_noticed_and_the_others_go_on
    over_h2_all_streams_end_with_their_connection
    over_h2_a_reader_that_stops_costs_little_and_holds_up_nobody
    over_h2_a_graceful_shutdown_ends_open_streams
    over_h2_a_head_request_gets_the_head_alone_and_runs_nothing
    over_h2_a_producer_that_panics_ends_its_own_stream_alone
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { h2 with Axum:
    over_h2_all_streams_of_a_peer_that_vanishes_are_noticed
}

scenarios::scenarios! { frames with Axum:
    over_h2_a_window_that_never_opens_costs_little
    over_h2_a_client_that_says_goaway_keeps_its_open_streams
    over_h2_garbage_ends_the_streams_of_its_connection_and_no_other
    over_h2_a_shutdown_waits_for_a_window_that_stays_closed
    over_h2_streams_that_are_cancelled_leave_nothing_behind
}

scenarios::scenarios! { resets with Axum:
    a_reset_ends_its_producer_at_once_wherever_the_stream_is
    a_reader_of_single_bytes_is_given_up_and_the_others_go_on
}

scenarios::scenarios! { rude with Axum:
    garbage_behind_a_request_reaches_no_handler_and_hides_no_leaving
    a_request_behind_another_waits_for_the_end_of_the_first
    a_client_that_never_stops_sending_is_not_read_without_end
    a_source_that_only_wakes_itself_starves_nobody
}

scenarios::scenarios! { panics with Axum:
    a_producer_that_panics_ends_its_own_stream_alone
    an_observer_that_panics_ends_its_own_stream_alone
    hooks_policies_and_signals_that_panic_end_their_own_stream_alone
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { vanished with Axum:
    a_peer_that_vanishes_from_an_idle_stream_is_noticed_by_the_heartbeats
    a_peer_that_vanishes_from_a_busy_stream_is_noticed
    a_shutdown_waits_for_a_peer_that_vanished_no_longer_than_to_notice_it
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { crowd with Axum:
    ten_thousand_clients_come_and_leave_and_the_memory_returns
    a_graceful_shutdown_ends_five_thousand_streams
}
