//! An upstream's answer, read event by event.

use super::Api;
use super::{anthropic, openai};
use core::time::Duration;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use sse_driver::sse_core::{OwnedItem, head};
use sse_driver::{DecodeStream, PushError};
use tokio_stream::StreamExt;

/// How long the upstream may say nothing at all, not even a comment.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// Why an answer is not complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("no request can be made")]
    Request(#[from] hyper::http::Error),
    #[error("the upstream cannot be reached")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the upstream answered with {0}")]
    Refused(StatusCode),
    #[error("the upstream's answer is no event stream")]
    NotAStream,
    #[error("the connection to the upstream broke")]
    Broken(#[from] hyper::Error),
    #[error("the upstream said nothing for {SILENCE:?}")]
    Silent,
    #[error("an event of the upstream is too long")]
    TooLong,
    #[error("the upstream sent what is not a chunk")]
    NotAChunk(#[from] serde_json::Error),
    #[error("the upstream reports an error: {0}")]
    Reported(Value),
    #[error("the upstream's answer ended before its end")]
    CutOff,
    #[error(transparent)]
    ClientLeft(#[from] PushError),
}

/// The part of a chunk that matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) created: u64,
    #[serde(default)]
    pub(super) model: String,
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

impl Chunk {
    pub(super) fn text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
    }

    pub(super) fn finish_reason(&self) -> Option<&str> {
        self.choices.first().and_then(|choice| choice.finish_reason.as_deref())
    }
}

/// An answer that is on its way. To drop it is to cancel the request.
pub(super) struct Answer(DecodeStream<BodyDataStream<Incoming>, bytes::Bytes>);

impl Answer {
    pub(super) fn of(response: Response<Incoming>) -> Result<Self, UpstreamError> {
        if response.status() != StatusCode::OK {
            return Err(UpstreamError::Refused(response.status()));
        }
        let values = response.headers().get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
        if !head::content_type(values).is_some_and(head::is_event_stream) {
            return Err(UpstreamError::NotAStream);
        }
        Ok(Self(DecodeStream::new(BodyDataStream::new(response.into_body()))))
    }

    /// Waits for the next chunk, as it was written and as it is understood; `None` when the answer is complete.
    pub(super) async fn next(&mut self) -> Result<Option<(String, Chunk)>, UpstreamError> {
        loop {
            let item =
                tokio::time::timeout(SILENCE, self.0.next()).await.map_err(|_| UpstreamError::Silent)?;
            match item.ok_or(UpstreamError::CutOff)?? {
                OwnedItem::Event(event) if event.data == "[DONE]" => return Ok(None),
                OwnedItem::Event(event) => {
                    let mut chunk: Chunk = serde_json::from_str(&event.data)?;
                    return match chunk.error.take() {
                        Some(error) => Err(UpstreamError::Reported(error)),
                        None => Ok(Some((event.data, chunk))),
                    };
                }
                // An answer with a hole is worse than none.
                OwnedItem::Discarded(_) => return Err(UpstreamError::TooLong),
                // Its heartbeats say nothing about the client's connection, which has its own.
                OwnedItem::Comment(_) | OwnedItem::Retry(_) | OwnedItem::Block { .. } => {}
            }
        }
    }

    /// Reads all of it.
    pub(super) async fn collect(mut self) -> Result<Whole, UpstreamError> {
        let mut whole = Whole::default();
        while let Some((_, chunk)) = self.next().await? {
            whole.text += chunk.text();
            if let Some(reason) = chunk.finish_reason() {
                whole.finish_reason = Some(reason.to_owned());
            }
            (whole.id, whole.created, whole.model) = (chunk.id, chunk.created, chunk.model);
        }
        Ok(whole)
    }
}

/// An answer for a client that did not ask for a stream.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) finish_reason: Option<String>,
}

impl Whole {
    pub(super) fn to_json(&self, api: Api) -> Value {
        match api {
            Api::OpenAi => openai::whole_json(self),
            Api::Anthropic => anthropic::whole_json(self),
        }
    }
}
