//! The form of OpenAI's chat completions.

use super::relay::{Answer, UpstreamError, Whole};
use hyper::StatusCode;
use serde_json::{Value, json};
use sse_driver::Sender;
use sse_driver::sse_core::Event;

/// Passes each chunk on as soon as it is whole; `[DONE]` is the stream's close event.
pub(super) async fn relay(mut answer: Answer, mut events: Sender) -> Result<(), UpstreamError> {
    while let Some((json, _)) = answer.next().await? {
        // For clients that take a line for an event: between the parts of JSON a line break is but space.
        events.send(Event::new(json.replace('\n', " "))).await?;
    }
    Ok(())
}

pub(super) fn whole_json(whole: &Whole) -> Value {
    let message = json!({ "role": "assistant", "content": whole.text, "refusal": null });
    json!({
        "id": whole.id,
        "object": "chat.completion",
        "created": whole.created,
        "model": whole.model,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": whole.finish_reason,
        }],
    })
}

pub(super) fn error_json(status: StatusCode, message: &str) -> Value {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
}
