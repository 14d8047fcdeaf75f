//! Any calls on a client, at any time.

#[path = "../../crates/sse-core/tests/models/client.rs"]
mod model;

use crate::script::Script;
use model::{Op, Policies, run};

/// Plays the input as calls, against the ten invariants on the page of `sse_core::client`.
pub fn client(input: &[u8]) {
    let mut script = Script::new(input);
    let policies = Policies {
        time: script.number().into(),
        limits: (script.number().into(), script.number().into()),
        backoff_limit: script.number().into(),
        jitter: script.byte(),
        stable_after: script.number().into(),
        attempts: script.optional(|script| script.byte().into()),
        once: script.is(),
        is_retried: script.is(),
        connect_timeout: script.optional(|script| script.number().into()),
        idle_timeout: script.optional(|script| script.number().into()),
        initial_id: script.one_of(["", "initial", "\u{FEFF}1", " 1 "]),
        seed: script.number().into(),
    };
    let mut ops = Vec::new();
    while script.has_more() {
        ops.push(op(&mut script));
    }
    run(policies, ops);
}

fn op(script: &mut Script<'_>) -> Op {
    match script.byte() % 15 {
        0 => Op::Poll,
        1 => Op::Response { status: 200, content_type: Some("text/event-stream"), retry_after: None },
        2 => Op::Response {
            status: script.one_of([200, 204, 503, 404, 301, 0]),
            content_type: script.one_of([
                None,
                Some("text/event-stream"),
                Some("TEXT/event-stream;x"),
                Some("text/html"),
            ]),
            retry_after: script.optional(|script| u64::from(script.number()) << (script.byte() % 64)),
        },
        3 => {
            let items = usize::from(script.byte() % 8);
            let length = script.byte().into();
            Op::Feed { bytes: script.bytes(length).to_owned().into(), items }
        }
        4 => Op::End,
        5 => Op::TransportError,
        6 => Op::ConnectError,
        7 => Op::Timeout,
        8 => Op::Absence,
        9 => Op::Restart,
        10 => Op::Step { millis: script.step() },
        11 => Op::StepToDeadline,
        12 => Op::StepToTheEnd,
        13 => Op::Close,
        _ => Op::Fail,
    }
}
