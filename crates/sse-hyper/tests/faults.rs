//! What goes wrong on real connections, with hyper.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::convert::Infallible;
use core::pin::Pin;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use scenarios::producer::{Answer, App, Producer};
use scenarios::{Compression, Framework, OVERRIDDEN, Server, Setup, panics, resets, rude};
#[cfg(target_os = "linux")]
use scenarios::{crowd, vanished};
use sse_hyper::sse_core::BoxError;
use sse_hyper::{Sse, SseBody, sse_driver};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_io_timeout::TimeoutStream;
use tower::Layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

#[path = "../../../tests/faults/mod.rs"]
mod scenarios;

#[path = "../../../tests/faults/h2.rs"]
mod h2;

#[path = "../../../tests/faults/frames.rs"]
mod frames;

struct Hyper;

impl Framework for Hyper {
    fn start(app: App, listener: std::net::TcpListener, setup: Setup) -> Server {
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let graceful = GracefulShutdown::new();
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    _ = &mut stopped => break,
                };
                // Events leave at once; where this fails, writing will, too.
                let _result = stream.set_nodelay(true);
                // Gives up clients that stopped reading.
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(setup.write_timeout));
                let io = TokioIo::new(Box::pin(stream));
                let app = app.clone();
                let service = tower::service_fn(move |request: Request<Incoming>| {
                    let response = respond(&request, app(request.uri().path()));
                    async move { Ok::<_, Infallible>(response) }
                });
                let compression = CompressionLayer::new();
                match setup.compression {
                    Compression::None => serve(io, service, &graceful),
                    Compression::InFront => serve(io, compression.layer(service), &graceful),
                    Compression::Forced => {
                        serve(io, compression.compress_when(SizeAbove::new(0)).layer(service), &graceful);
                    }
                }
            }
            graceful.shutdown().await;
        });
        let stop = async move {
            drop(stop);
            server.await.unwrap();
        };
        Server { address, stop: Box::pin(stop) }
    }
}

fn serve<S, B>(io: TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>, service: S, graceful: &GracefulShutdown)
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(io, TowerToHyperService::new(service)).into_owned();
    tokio::spawn(graceful.watch(connection));
}

fn respond(request: &Request<Incoming>, Answer { source, options }: Answer) -> Response<SseBody<Producer>> {
    let mut response = Sse::new(source).with_options(options).respond_to(request);
    if request.uri().path() == OVERRIDDEN {
        *response.status_mut() = StatusCode::ACCEPTED;
        let headers = response.headers_mut();
        headers.insert("x-stream", HeaderValue::from_static("1"));
        headers.insert("cache-control", HeaderValue::from_static("private"));
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
    }
    response
}

scenarios::scenarios! { scenarios with Hyper:
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

scenarios::scenarios! { h2 with Hyper:
    over_h2_a_stream_that_its_client_cancels_is_noticed_and_the_others_go_on
    over_h2_all_streams_end_with_their_connection
    over_h2_a_reader_that_stops_costs_little_and_holds_up_nobody
    over_h2_a_graceful_shutdown_ends_open_streams
    over_h2_a_head_request_gets_the_head_alone_and_runs_nothing
    over_h2_a_producer_that_panics_ends_its_own_stream_alone
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { h2 with Hyper:
    over_h2_all_streams_of_a_peer_that_vanishes_are_noticed
}

scenarios::scenarios! { frames with Hyper:
    over_h2_a_window_that_never_opens_costs_little
    over_h2_a_client_that_says_goaway_keeps_its_open_streams
    over_h2_garbage_ends_the_streams_of_its_connection_and_no_other
    over_h2_a_shutdown_waits_for_a_window_that_stays_closed
    over_h2_streams_that_are_cancelled_leave_nothing_behind
}

scenarios::scenarios! { resets with Hyper:
    a_reset_ends_its_producer_at_once_wherever_the_stream_is
    a_reader_of_single_bytes_is_given_up_and_the_others_go_on
}

scenarios::scenarios! { rude with Hyper:
    garbage_behind_a_request_reaches_no_handler_and_hides_no_leaving
    a_request_behind_another_waits_for_the_end_of_the_first
    a_client_that_never_stops_sending_is_not_read_without_end
    a_source_that_only_wakes_itself_starves_nobody
}

scenarios::scenarios! { panics with Hyper:
    a_producer_that_panics_ends_its_own_stream_alone
    an_observer_that_panics_ends_its_own_stream_alone
    hooks_policies_and_signals_that_panic_end_their_own_stream_alone
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { vanished with Hyper:
    a_peer_that_vanishes_from_an_idle_stream_is_noticed_by_the_heartbeats
    a_peer_that_vanishes_from_a_busy_stream_is_noticed
    a_shutdown_waits_for_a_peer_that_vanished_no_longer_than_to_notice_it
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { crowd with Hyper:
    ten_thousand_clients_come_and_leave_and_the_memory_returns
    a_graceful_shutdown_ends_five_thousand_streams
}
