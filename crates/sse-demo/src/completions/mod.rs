//! A gateway to a language model: it speaks the APIs of OpenAI and of Anthropic to its clients, and the former to the model.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/chat/completions` | [`Gateway::answer`] with [`Api::OpenAi`] |
//! | `POST /v1/messages` | [`Gateway::answer`] with [`Api::Anthropic`] |
//! | `GET /running` | [`Upstream::running`](upstream::Upstream::running) |
//!
//! What comes from the model is decoded, understood and encoded anew: whatever its chunks, line ends and comments are, the
//! client gets whole events, heartbeats of this server, and an end that says whether the answer is complete. A client that
//! leaves cancels the request to the model, for it drops the function that reads the answer.

pub mod upstream;

mod anthropic;
mod ask;
mod openai;
mod relay;

use ask::Ask;
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use relay::{Answer, UpstreamError};
use serde_json::Value;
use sse_driver::sse_core::ClientProfile;
use sse_driver::sse_core::connection::Heartbeat;
use sse_driver::{Options, Push, Sender, Source};

/// How long an upstream may think before the client gets the head of a stream, and heartbeats.
///
/// One that refuses sooner has its status passed on; later, an event has to tell.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// The time between heartbeats, shorter than the 5 s after which httpx gives up on a silent stream.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// Whose API a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `POST /v1/chat/completions`: messages of JSON, the last one `[DONE]`.
    OpenAi,
    /// `POST /v1/messages`: named events of JSON, `ping` among them, the last `message_stop`.
    Anthropic,
}

impl Api {
    const fn profile(self) -> ClientProfile {
        match self {
            Self::OpenAi => ClientProfile::OpenAi,
            Self::Anthropic => ClientProfile::Anthropic,
        }
    }

    fn error_json(self, status: StatusCode, message: &str) -> Value {
        match self {
            Self::OpenAi => openai::error_json(status, message),
            Self::Anthropic => anthropic::error_json(status, message),
        }
    }
}

/// What a framework's handler has to answer with.
#[derive(Debug)]
pub enum Reply<S> {
    /// An event stream: `Sse::new(source).with_options(options)`.
    Stream(S, Options),
    /// JSON, whole.
    Json(StatusCode, String),
}

type Asking = Pin<Box<dyn Future<Output = Result<Answer, UpstreamError>> + Send>>;

/// Asks the upstream on behalf of clients. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: Uri,
    patience: Duration,
    heartbeat: Option<Heartbeat>,
}

impl Gateway {
    /// Makes a gateway to the chat completions at `upstream`.
    #[must_use]
    pub fn new(upstream: Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, upstream, patience: PATIENCE, heartbeat: Heartbeat::idle(HEARTBEAT).ok() }
    }

    /// Sets how long the upstream may think before the client gets a head: see [`PATIENCE`].
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets when clients get a heartbeat: see [`HEARTBEAT`].
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Answers the request whose body is `body`; the client's leaving is known by the drop of this future, or of the source.
    pub async fn answer(&self, api: Api, body: &[u8]) -> Reply<impl Source + Send + use<>> {
        let ask = match Ask::parse(api, body) {
            Ok(ask) => ask,
            Err(error) => return reply_error(api, StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let mut asking = self.ask_upstream(&ask);
        if !ask.stream {
            return match async { asking.await?.collect().await }.await {
                Ok(whole) => Reply::Json(StatusCode::OK, whole.to_json(api).to_string()),
                Err(error) => reply_failure(api, &error),
            };
        }
        let first = match tokio::time::timeout(self.patience, &mut asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => return reply_failure(api, &error),
            Err(_) => Err(asking),
        };
        let relay = move |events: Sender| async move {
            let answer = match first {
                Ok(answer) => answer,
                Err(asking) => asking.await?,
            };
            match api {
                Api::OpenAi => openai::relay(answer, events).await,
                Api::Anthropic => anthropic::relay(answer, events, &ask.model).await,
            }
        };
        Reply::Stream(Push::new(relay), self.options(api))
    }

    /// The profile says how the stream ends: `[DONE]` or `message_stop` when the relay returns, its error event when it fails.
    fn options(&self, api: Api) -> Options {
        let heartbeat = self.heartbeat.clone().map(|heartbeat| match api {
            Api::OpenAi => heartbeat,
            Api::Anthropic => heartbeat.with_frame(anthropic::ping()),
        });
        Options::new().for_client(api.profile()).with_heartbeat(heartbeat)
    }

    fn ask_upstream(&self, ask: &Ask) -> Asking {
        let (client, uri, body) =
            (self.client.clone(), self.upstream.clone(), ask.upstream_json().to_string());
        Box::pin(async move {
            let request = Request::post(uri)
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "text/event-stream")
                .body(Full::from(body))?;
            let response = tokio::time::timeout(relay::SILENCE, client.request(request)).await;
            Answer::of(response.map_err(|_| UpstreamError::Silent)??)
        })
    }
}

fn reply_error<S>(api: Api, status: StatusCode, message: &str) -> Reply<S> {
    Reply::Json(status, api.error_json(status, message).to_string())
}

/// The client learns what it can act on; the upstream's own words stay here.
fn reply_failure<S>(api: Api, error: &UpstreamError) -> Reply<S> {
    let (status, message) = match error {
        UpstreamError::Refused(status @ StatusCode::TOO_MANY_REQUESTS) => {
            (*status, "The model is busy, try again later")
        }
        UpstreamError::Refused(status @ StatusCode::BAD_REQUEST) => {
            (*status, "The model does not take this request")
        }
        UpstreamError::Silent => (StatusCode::GATEWAY_TIMEOUT, "The model does not answer"),
        _ => (StatusCode::BAD_GATEWAY, "The model failed"),
    };
    reply_error(api, status, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test(start_paused = true)]
    async fn a_model_that_takes_the_request_and_says_nothing_is_given_up() -> std::io::Result<()> {
        let deaf = TcpListener::bind("127.0.0.1:0").await?;
        let upstream = format!("http://{}/", deaf.local_addr()?).parse().map_err(std::io::Error::other)?;
        let body = br#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
        let reply = Gateway::new(upstream).answer(Api::OpenAi, body).await;
        assert!(matches!(reply, Reply::Json(StatusCode::GATEWAY_TIMEOUT, _)));
        Ok(())
    }
}
