//! Random schedules against the model of a broadcaster.

#[path = "models/broadcaster/mod.rs"]
mod model;
#[path = "../../../tests/properties/mod.rs"]
mod properties;

use core::time::Duration;
use model::{Bounds, Ending, Illegal, LastId, Op, run};
use properties::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use sse_broadcast::Lag;

fn bounds() -> impl Strategy<Value = Bounds> {
    let lag = prop_oneof![
        Just(Lag::Close { retry: Duration::from_secs(2), spread: Duration::from_secs(3) }),
        Just(Lag::Skip),
        Just(Lag::LatestPerKey),
    ];
    let bytes = prop_oneof![Just(100_000), 0..400_usize];
    let age = prop_oneof![Just(1_000_000), 0..100_u64];
    let topics = prop_oneof![3 => Just(10), 1 => 1..4_usize];
    let clients = prop_oneof![9 => Just(100), 1 => 0..4_usize];
    let topics_per_client = prop_oneof![9 => Just(5), 1 => 0..5_usize];
    (0..6_usize, bytes, age, 0..4_usize, clients, topics, topics_per_client, lag).prop_map(
        |(events, bytes, age, keys, clients, topics, topics_per_client, lag)| Bounds {
            events,
            bytes,
            age,
            keys,
            clients,
            topics,
            topics_per_client,
            lag,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let pick = any::<usize>;
    let last_id = prop_oneof![
        3 => Just(LastId::None),
        5 => pick().prop_map(LastId::Seen),
        4 => pick().prop_map(LastId::Position),
        1 => (1..9_u64).prop_map(LastId::Future),
        1 => (0..9_u64).prop_map(LastId::OtherEpoch),
        1 => pick().prop_map(LastId::Garbage),
    ];
    // Four of the large ones are more than leaves at once.
    let size = prop_oneof![9 => 0..60_usize, 1 => Just(5_000)];
    let publish = (0..5_usize, prop::option::of(0..5_u8), size, 1..3_usize);
    let illegal = prop::sample::select(vec![Illegal::HasId, Illegal::NoEvent, Illegal::Unregistered]);
    let topics = prop_oneof![30 => 1..32_u8, 1 => Just(0)];
    let subscribe = (topics, last_id, prop::bool::weighted(0.2), prop::option::weighted(0.25, 0..4_usize));
    prop_oneof![
        60 => publish.prop_map(|(topic, key, size, parts)| Op::Publish { topic, key, size, parts }),
        2 => (0..5_usize, illegal).prop_map(|(topic, what)| Op::PublishIllegal { topic, what }),
        20 => subscribe.prop_map(|(topics, last_id, filter, snapshot)| Op::Subscribe { topics, last_id, filter, snapshot }),
        20 => pick().prop_map(Op::Poll),
        24 => pick().prop_map(Op::PollToTheEnd),
        4 => pick().prop_map(Op::PollElsewhere),
        6 => pick().prop_map(Op::Drop),
        10 => pick().prop_map(Op::Reconnect),
        10 => (-30..60_i64).prop_map(Op::Time),
        // So far that the clock is taken to be set back.
        2 => prop_oneof![-3_000..-900_i64, 900..3_000_i64].prop_map(Op::Time),
        1 => Just(Op::Drain),
        3 => Just(Op::DrainStep),
        1 => Just(Op::DrainDrop),
        1 => prop::bool::weighted(0.4).prop_map(|is_real| if is_real { Op::Shutdown } else { Op::Time(1) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..cases(1_500) })]

    #[test]
    fn every_subscriber_sees_what_follows_its_cursor_or_is_told(
        bounds in bounds(),
        ops in vec(op(), 1..90),
        ending in prop::sample::select(vec![Ending::ReadOut, Ending::Drop]),
    ) {
        run(bounds, &ops, ending);
    }
}
