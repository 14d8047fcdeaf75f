//! Any sequence of calls on a client, checked against the ten invariants that the module states.

#[path = "models/client.rs"]
mod model;
#[path = "../../../tests/properties/mod.rs"]
mod properties;

use model::{Op, Policies, run};
use properties::cases;
use proptest::prelude::*;

/// Whole blocks and parts of them, so that ids, retries and halves of events meet.
const BYTES: [&[u8]; 14] = [
    b"",
    b"data: a\n\n",
    b"id: 1\ndata: b\n\n",
    b"id: 2\n\n",
    b"id\ndata: reset\n\n",
    b"id: 3\ndata: ha",
    b"lf\n",
    b"\n",
    b": comment\n",
    b"retry: 0\n",
    b"retry: 99999999999999999999\n\n",
    b"retry: 7000\n\n",
    b"id: 4\ndata: much too long for the limit that this test has set\n\n",
    b"\r\n\xFF\xEF\xBB\xBF",
];

fn ops() -> impl Strategy<Value = Op> {
    let types = prop::sample::select(vec![
        Some("text/event-stream"),
        Some("TEXT/event-stream;x"),
        Some("text/html"),
        None,
    ]);
    let good = Op::Response { status: 200, content_type: Some("text/event-stream"), retry_after: None };
    prop_oneof![
        12 => Just(Op::Poll),
        6 => Just(good),
        2 => (prop::sample::select(vec![200, 204, 201, 404, 503]), types, prop::option::of(0..1_000_000_u64))
            .prop_map(|(status, content_type, retry_after)| Op::Response { status, content_type, retry_after }),
        8 => (prop::sample::select(BYTES.to_vec()), 0..4_usize).prop_map(|(bytes, items)| Op::Feed { bytes: bytes.into(), items }),
        3 => Just(Op::End),
        2 => Just(Op::TransportError),
        2 => Just(Op::ConnectError),
        3 => Just(Op::Timeout),
        1 => Just(Op::Absence),
        2 => Just(Op::Restart),
        4 => prop_oneof![0..20_000_i64, -20_000..0_i64, Just(-1_000_000_000), Just(1_000_000_000_000)]
            .prop_map(|millis| Op::Step { millis }),
        4 => Just(Op::StepToDeadline),
        1 => prop_oneof![9 => Just(Op::Poll), 1 => Just(Op::Close), 1 => Just(Op::Fail), 1 => Just(Op::StepToTheEnd)],
    ]
}

fn policies() -> impl Strategy<Value = Policies> {
    let delays = (0..20_000_u64, (0..10_000_u64, 0..60_000_u64), 0..60_000_u64, 0..=120_u8, 0..20_000_u64);
    let ends = (
        prop::option::of(0..6_u32),
        prop::bool::weighted(0.1),
        any::<bool>(),
        prop::option::of(0..60_000_u64),
        prop::option::of(0..60_000_u64),
    );
    let start = (prop::sample::select(vec!["", "initial"]), any::<u64>());
    (delays, ends, start).prop_map(
        |(
            (time, limits, backoff_limit, jitter, stable_after),
            (attempts, once, is_retried, connect_timeout, idle_timeout),
            (initial_id, seed),
        )| Policies {
            time,
            limits,
            backoff_limit,
            jitter,
            stable_after,
            attempts,
            once,
            is_retried,
            connect_timeout,
            idle_timeout,
            initial_id,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn b08_the_ten_invariants_of_a_client_hold_for_any_calls(
        policies in policies(),
        ops in prop::collection::vec(ops(), 1..120),
    ) {
        run(policies, ops);
    }
}
