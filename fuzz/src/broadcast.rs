//! Any calls on a broadcaster and its subscriptions.

#[path = "../../crates/sse-broadcast/tests/models/broadcaster/mod.rs"]
mod model;

use crate::script::Script;
use core::time::Duration;
use model::{Bounds, Ending, Illegal, LastId, Op, run};
use sse_broadcast::Lag;

/// The model looks at everything that was ever published, again and again.
const CALLS: usize = 250;

/// Plays the input as calls, against a model that knows what each subscriber can still read, and what it is to be told.
pub fn broadcast(input: &[u8]) {
    let mut script = Script::new(input);
    let bounds = Bounds {
        events: (script.byte() % 8).into(),
        bytes: script.number().into(),
        age: script.number().into(),
        keys: (script.byte() % 5).into(),
        clients: (script.byte() % 16).into(),
        topics: (script.byte() % 8).into(),
        topics_per_client: (script.byte() % 6).into(),
        lag: script.one_of([
            Lag::Close { retry: Duration::from_secs(2), spread: Duration::from_secs(3) },
            Lag::Skip,
            Lag::LatestPerKey,
        ]),
    };
    let ending = script.one_of([Ending::ReadOut, Ending::Drop]);
    let mut ops = Vec::new();
    while script.has_more() && ops.len() < CALLS {
        ops.push(op(&mut script));
    }
    run(bounds, &ops, ending);
}

fn op(script: &mut Script<'_>) -> Op {
    match script.byte() % 14 {
        0 | 1 => Op::Publish {
            topic: topic(script),
            key: script.optional(|script| script.byte() % 5),
            size: size(script),
            parts: usize::from(script.byte() % 3) + 1,
        },
        2 => Op::PublishIllegal {
            topic: topic(script),
            what: script.one_of([Illegal::HasId, Illegal::NoEvent, Illegal::Unregistered]),
        },
        3 => Op::Subscribe {
            topics: script.byte() % 32,
            last_id: last_id(script),
            filter: script.is(),
            snapshot: script.optional(|script| usize::from(script.byte() % 4)),
        },
        4 => Op::Poll(script.byte().into()),
        5 => Op::PollToTheEnd(script.byte().into()),
        6 => Op::PollElsewhere(script.byte().into()),
        7 => Op::Drop(script.byte().into()),
        8 => Op::Reconnect(script.byte().into()),
        9 => Op::Time(script.step()),
        10 => Op::Drain,
        11 => Op::DrainStep,
        12 => Op::DrainDrop,
        _ => Op::Shutdown,
    }
}

fn topic(script: &mut Script<'_>) -> usize {
    (script.byte() % 5).into()
}

fn size(script: &mut Script<'_>) -> usize {
    // Mostly small, now and then so large that a few are more than leaves at once.
    let scale = if script.is() { 40 } else { 1 };
    usize::from(script.byte()) * scale
}

fn last_id(script: &mut Script<'_>) -> LastId {
    match script.byte() % 6 {
        0 => LastId::None,
        1 => LastId::Seen(script.byte().into()),
        2 => LastId::Position(script.byte().into()),
        3 => LastId::Future(u64::from(script.byte()) + 1),
        4 => LastId::OtherEpoch(script.byte().into()),
        _ => LastId::Garbage(script.byte().into()),
    }
}
