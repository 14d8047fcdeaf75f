//! The example `completions`, between a client and a model in the test's hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use sse_demo::completions::Gateway;
use sse_demo::completions::upstream::Upstream;
use std::net::TcpListener;

#[path = "../../../tests/completions/mod.rs"]
mod completions;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/completions.rs"]
mod example;

struct Axum;

impl completions::Framework for Axum {
    fn start(listener: TcpListener, gateway: Gateway, upstream: Upstream) {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(axum::serve(listener, example::app(gateway, upstream)).into_future());
    }
}

completions::scenarios! { tokio::test => Axum:
    m23_tokens_reach_the_client_one_by_one_as_the_model_sends_them
    m23_the_same_answer_is_named_events_in_the_other_api
    a_client_that_leaves_cancels_the_request_to_the_model_at_once
    a_client_that_leaves_before_the_head_cancels_it_too
    b05_heartbeats_come_while_the_model_thinks
    b05_a_model_that_fails_half_way_is_an_error_of_the_api_and_nothing_says_done
    a_model_that_refuses_in_time_keeps_its_status
    m30_a_client_that_wants_no_stream_gets_the_answer_whole
    a_request_that_is_no_json_is_refused_in_the_form_of_the_api
}
