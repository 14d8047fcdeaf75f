//! The form of Anthropic's messages, made of the chunks of the other API.

use super::relay::{Answer, UpstreamError, Whole};
use hyper::StatusCode;
use serde_json::{Value, json};
use sse_driver::Sender;
use sse_driver::sse_core::{Event, EventName, event_name};

/// What this stream sends, in this order; the deltas are many. `message_stop` is the stream's close event.
const START: EventName<'static> = event_name!("message_start");
const BLOCK_START: EventName<'static> = event_name!("content_block_start");
const BLOCK_DELTA: EventName<'static> = event_name!("content_block_delta");
const BLOCK_STOP: EventName<'static> = event_name!("content_block_stop");
const DELTA: EventName<'static> = event_name!("message_delta");

pub(super) async fn relay(mut answer: Answer, mut events: Sender, model: &str) -> Result<(), UpstreamError> {
    let mut finish_reason = None;
    let mut deltas = 0_u64;
    while let Some((_, chunk)) = answer.next().await? {
        if deltas == 0 {
            let message = message_json(&chunk.id, model, &[], None);
            events.send(event(START, json!({ "message": message }))).await?;
            let block = json!({ "index": 0, "content_block": { "type": "text", "text": "" } });
            events.send(event(BLOCK_START, block)).await?;
        }
        deltas += 1;
        if !chunk.text().is_empty() {
            let delta = json!({ "type": "text_delta", "text": chunk.text() });
            events.send(event(BLOCK_DELTA, json!({ "index": 0, "delta": delta }))).await?;
        }
        finish_reason = chunk.finish_reason().map(str::to_owned).or(finish_reason);
    }
    if deltas == 0 {
        return Err(UpstreamError::CutOff);
    }
    events.send(event(BLOCK_STOP, json!({ "index": 0 }))).await?;
    let delta = json!({ "stop_reason": stop_reason(finish_reason.as_deref()), "stop_sequence": null });
    let usage = json!({ "output_tokens": deltas });
    events.send(event(DELTA, json!({ "delta": delta, "usage": usage }))).await?;
    Ok(())
}

/// What this API sends where others send comments.
pub(super) fn ping() -> Event<'static> {
    event(event_name!("ping"), json!({}))
}

pub(super) fn whole_json(whole: &Whole) -> Value {
    let content = json!({ "type": "text", "text": whole.text });
    message_json(&whole.id, &whole.model, &[content], Some(stop_reason(whole.finish_reason.as_deref())))
}

pub(super) fn error_json(status: StatusCode, message: &str) -> Value {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

/// The type stands in the data, too.
fn event(name: EventName<'static>, mut json: Value) -> Event<'static> {
    json["type"] = name.as_str().into();
    Event::new(json.to_string()).with_name(name)
}

fn message_json(id: &str, model: &str, content: &[Value], stop_reason: Option<&str>) -> Value {
    json!({
        "id": id, "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        // The scripted model counts nothing before its end.
        "usage": { "input_tokens": 0, "output_tokens": 0 },
    })
}

fn stop_reason(finish_reason: Option<&str>) -> &'static str {
    match finish_reason {
        Some("length") => "max_tokens",
        Some("content_filter") => "refusal",
        _ => "end_turn",
    }
}
