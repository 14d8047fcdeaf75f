//! What goes wrong on real connections, with actix-web.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::middleware::{Compress, Condition};
use actix_web::{App as ActixApp, HttpRequest, HttpResponse, HttpServer, Responder, web};
use scenarios::producer::{Answer, App};
use scenarios::{Compression, Framework, OVERRIDDEN, Server, Setup, panics, resets, rude};
#[cfg(target_os = "linux")]
use scenarios::{crowd, vanished};
use sse_actix::{Sse, sse_driver};
use std::net::TcpListener;

#[path = "../../../tests/faults/mod.rs"]
mod scenarios;

struct Actix;

impl Framework for Actix {
    fn start(app: App, listener: TcpListener, setup: Setup) -> Server {
        start(app, listener, setup, false)
    }
}

fn start(app: App, listener: TcpListener, setup: Setup, allow_half_closed: bool) -> Server {
    let address = listener.local_addr().unwrap();
    // The accepted sockets inherit it. Gives up clients that stopped reading.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_user_timeout(Some(setup.write_timeout)).unwrap();
    let server = HttpServer::new(move || {
        let app = app.clone();
        let handler = move |request: HttpRequest| {
            let answer = app(request.path());
            async move {
                let mut response = respond(&request, answer);
                if setup.compression == Compression::Forced {
                    response.headers_mut().remove(CONTENT_ENCODING);
                }
                response
            }
        };
        ActixApp::new()
            .wrap(Condition::new(setup.compression != Compression::None, Compress::default()))
            .default_service(web::to(handler))
    })
    .workers(1)
    .disable_signals()
    // In seconds: no test waits for what it cuts.
    .shutdown_timeout(60)
    .h1_allow_half_closed(allow_half_closed)
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    let server = tokio::spawn(server);
    let stop = async move {
        handle.stop(true).await;
        server.await.unwrap().unwrap();
    };
    Server { address, stop: Box::pin(stop) }
}

fn respond(request: &HttpRequest, Answer { source, options }: Answer) -> HttpResponse {
    let response = Sse::new(source).with_options(options);
    if request.path() == OVERRIDDEN {
        let mut response = response
            .customize()
            .with_status(StatusCode::ACCEPTED)
            .insert_header(("x-stream", "1"))
            .insert_header(("cache-control", "private"))
            .respond_to(request)
            .map_into_boxed_body();
        response.add_cookie(&Cookie::new("a", "1")).unwrap();
        response.add_cookie(&Cookie::new("b", "2")).unwrap();
        return response;
    }
    response.respond_to(request)
}

/// Actix keeps serving a client that has closed its half of the connection, unless it is told otherwise.
mod with_half_closed_connections {
    use super::scenarios::client::Client;
    use super::scenarios::producer::{app, fed};
    use super::scenarios::{Setup, listen, within};
    use core::time::Duration;
    use sse_actix::{CloseReason, Heartbeat};

    #[tokio::test]
    async fn a_client_that_leaves_an_idle_stream_is_not_noticed() {
        let (feed, answer, mut watch) = fed();
        let answers = app([("/", answer.with(|options| options.with_heartbeat(None)))]);
        let server = super::start(answers, listen(), Setup::default(), true);
        let (_, mut client) = Client::get(server.address, "/").await;
        client.until(":\n").await;
        drop(client);
        // Nothing will happen, so there is nothing to wait for; where the leaving is noticed, it takes a few milliseconds.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!feed.is_closed());
        // The first write is refused by the client's system, the next one fails here.
        within("the failing write", async {
            while !feed.is_closed() {
                feed.send("is anybody there?");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        watch.expect_end(CloseReason::PeerGone).await;
    }

    #[tokio::test]
    async fn heartbeats_notice_it() {
        let (_feed, answer, mut watch) = fed();
        let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
        let answers = app([("/", answer.with(|options| options.with_heartbeat(heartbeat)))]);
        let server = super::start(answers, listen(), Setup::default(), true);
        let (_, mut client) = Client::get(server.address, "/").await;
        client.until(":\n").await;
        drop(client);
        watch.expect_end(CloseReason::PeerGone).await;
    }
}

scenarios::scenarios! { scenarios with Actix:
    a_client_that_leaves_an_idle_stream_is_noticed_at_once
    an_async_function_that_waits_is_dropped_when_its_client_leaves
    a_client_that_leaves_a_busy_stream_is_noticed
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

#[cfg(target_os = "linux")]
scenarios::scenarios! { scenarios with Actix:
    a_reader_that_stops_costs_little_and_is_given_up
}

scenarios::scenarios! { resets with Actix:
    a_reset_ends_its_producer_at_once_wherever_the_stream_is
    a_reader_of_single_bytes_is_given_up_and_the_others_go_on
}

scenarios::scenarios! { rude with Actix:
    garbage_behind_a_request_reaches_no_handler_and_hides_no_leaving
    a_request_behind_another_waits_for_the_end_of_the_first
    a_client_that_never_stops_sending_is_not_read_without_end
    a_source_that_only_wakes_itself_starves_nobody
}

scenarios::scenarios! { panics with Actix:
    a_producer_that_panics_ends_its_own_stream_alone
    an_observer_that_panics_ends_its_own_stream_alone
    hooks_policies_and_signals_that_panic_end_their_own_stream_alone
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { vanished with Actix:
    a_peer_that_vanishes_from_an_idle_stream_is_noticed_by_the_heartbeats
    a_peer_that_vanishes_from_a_busy_stream_is_noticed
    a_shutdown_waits_for_a_peer_that_vanished_no_longer_than_to_notice_it
}

#[cfg(target_os = "linux")]
scenarios::scenarios! { crowd with Actix:
    ten_thousand_clients_come_and_leave_and_the_memory_returns
    a_graceful_shutdown_ends_five_thousand_streams
}
