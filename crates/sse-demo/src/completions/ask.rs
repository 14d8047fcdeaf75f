//! What clients ask, in either API, and what the upstream is asked for it.

use super::Api;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    pub(super) model: String,
    messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: bool,
    /// What the client asks beyond that: it goes on to an upstream of the same API.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Text, or parts of which some are text: the two APIs write both alike.
#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Value,
}

impl Ask {
    pub(super) fn parse(api: Api, body: &[u8]) -> serde_json::Result<Self> {
        let mut ask: Self = serde_json::from_slice(body)?;
        if api == Api::Anthropic {
            let mut theirs = core::mem::take(&mut ask.rest);
            if let Some(content) = theirs.remove("system") {
                ask.messages.insert(0, Message { role: "system".to_owned(), content });
            }
            ask.rest.extend(theirs.remove_entry("max_tokens"));
        }
        Ok(ask)
    }

    pub(super) fn upstream_json(&self) -> Value {
        let messages: Vec<_> = self
            .messages
            .iter()
            .map(|message| json!({ "role": message.role, "content": message.content }))
            .collect();
        let mut json = self.rest.clone();
        json.insert("model".to_owned(), json!(self.model));
        json.insert("messages".to_owned(), messages.into());
        // Also for clients that want it whole: an upstream that fails half-way shows sooner.
        json.insert("stream".to_owned(), true.into());
        json.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_asks_beyond_goes_on_to_the_upstream() {
        let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":0.5}"#;
        let ask = Ask::parse(Api::OpenAi, body).unwrap();
        assert!(!ask.stream);
        let upstream = json!({
            "model": "m", "messages": [{ "role": "user", "content": "a" }], "temperature": 0.5, "stream": true,
        });
        assert_eq!(ask.upstream_json(), upstream);
    }

    #[test]
    fn the_system_prompt_of_the_one_api_is_a_message_of_the_other() {
        let body = br#"{"model":"m","system":"be brief","max_tokens":9,"top_k":1,"stream":true,
            "messages":[{"role":"user","content":"a"}]}"#;
        let ask = Ask::parse(Api::Anthropic, body).unwrap();
        let messages =
            [json!({ "role": "system", "content": "be brief" }), json!({ "role": "user", "content": "a" })];
        let upstream = json!({ "model": "m", "messages": messages, "max_tokens": 9, "stream": true });
        assert_eq!(ask.upstream_json(), upstream);
    }

    #[test]
    fn a_request_without_model_or_messages_is_none() {
        for body in [&b""[..], b"{", b"[]", br#"{"model":"m"}"#, br#"{"messages":[]}"#, b"\xff"] {
            assert!(Ask::parse(Api::OpenAi, body).is_err());
        }
    }
}
