//! Any sequence of calls on a connection, checked against the ten invariants that the module states.

#[path = "models/connection.rs"]
mod model;
#[path = "../../../tests/properties/mod.rs"]
mod properties;

use model::{Op, Policies, run};
use properties::cases;
use proptest::prelude::*;
use sse_core::connection::CloseReason;

fn reasons() -> impl Strategy<Value = CloseReason> + Clone {
    prop::sample::select(vec![
        CloseReason::SourceEnded,
        CloseReason::SourceFailed,
        CloseReason::Shutdown,
        CloseReason::Lagged,
        CloseReason::Revoked,
    ])
}

fn ops() -> impl Strategy<Value = Op> {
    let len = 0..60_usize;
    prop_oneof![
        4 => len.clone().prop_map(|len| Op::Send { len }),
        1 => reasons().prop_map(Op::Close),
        1 => reasons().prop_map(Op::Abort),
        1 => Just(Op::PeerGone),
        2 => Just(Op::Timeout),
        1 => reasons().prop_map(Op::WindDown),
        1 => Just(Op::Progress),
        4 => prop_oneof![
            (0..20_000_i64),
            (-20_000..0_i64),
            Just(-1_000_000_000),
            Just(1_000_000_000_000),
        ].prop_map(|millis| Op::Step { millis }),
        1 => prop_oneof![9 => Just(Op::PollPush), 1 => Just(Op::StepToTheEnd)],
        2 => Just(Op::StepToDeadline),
        8 => (prop::collection::vec(len, 0..5), prop::option::weighted(0.1, reasons()))
            .prop_map(|(lens, end)| Op::Poll { lens, end }),
        3 => Just(Op::PollPush),
    ]
}

fn policies() -> impl Strategy<Value = Policies> {
    (
        prop::option::of((any::<bool>(), 1..20_u64)),
        prop::option::weighted(0.2, 1..200_u64),
        any::<bool>(),
        0..200_usize,
        0..200_usize,
        prop::option::of(0..60_u64),
    )
        .prop_map(|(heartbeat, max_age, has_close_event, chunk_limit, queue_limit, stall)| Policies {
            heartbeat,
            max_age,
            has_close_event,
            chunk_limit,
            queue_limit,
            stall,
        })
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_ten_invariants_hold_for_any_calls(
        policies in policies(),
        ops in prop::collection::vec(ops(), 1..60),
    ) {
        run(policies, ops);
    }
}
