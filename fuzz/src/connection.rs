//! Any calls on a connection, at any time.

#[path = "../../crates/sse-core/tests/models/connection.rs"]
mod model;

use crate::script::Script;
use model::{Op, Policies, run};
use sse_core::connection::CloseReason;

/// Plays the input as calls, against the ten invariants on the page of `sse_core::connection`.
pub fn connection(input: &[u8]) {
    let mut script = Script::new(input);
    let policies = Policies {
        heartbeat: script.optional(|script| (script.is(), u64::from(script.byte().max(1)))),
        max_age: script.optional(|script| script.number().into()),
        has_close_event: script.is(),
        chunk_limit: script.number().into(),
        queue_limit: script.number().into(),
        stall: script.optional(|script| script.byte().into()),
    };
    let mut ops = Vec::new();
    while script.has_more() {
        ops.push(op(&mut script));
    }
    run(policies, ops);
}

fn op(script: &mut Script<'_>) -> Op {
    match script.byte() % 12 {
        0 => Op::PollPush,
        1 => Op::Poll {
            lens: (0..script.byte() % 8).map(|_| length(script)).collect(),
            end: script.optional(reason),
        },
        2 => Op::Send { len: length(script) },
        3 => Op::Step { millis: script.step() },
        4 => Op::StepToDeadline,
        5 => Op::Timeout,
        6 => Op::Progress,
        7 => Op::WindDown(reason(script)),
        8 => Op::Close(reason(script)),
        9 => Op::Abort(reason(script)),
        10 => Op::PeerGone,
        _ => Op::StepToTheEnd,
    }
}

fn length(script: &mut Script<'_>) -> usize {
    // Mostly small, now and then larger than what the machine copies together.
    let scale = if script.is() { 40 } else { 1 };
    usize::from(script.byte()) * scale
}

fn reason(script: &mut Script<'_>) -> CloseReason {
    script.one_of([
        CloseReason::SourceEnded,
        CloseReason::SourceFailed,
        CloseReason::Shutdown,
        CloseReason::MaxAge,
        CloseReason::Lagged,
        CloseReason::Stalled,
        CloseReason::Revoked,
        CloseReason::Refused,
        CloseReason::PeerGone,
    ])
}
