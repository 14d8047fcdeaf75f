//! The one tool: it counts, and tells of its progress.

use super::jsonrpc::{Error, Id, Notification, Response};
use super::transcript::Transcript;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::AbortHandle;

pub(crate) const NAME: &str = "count";

/// What the tool waits for before each step.
#[derive(Clone)]
pub(crate) struct Tick(Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>);

impl Tick {
    pub(crate) fn new<Fut>(wait: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(wait())))
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tick")
    }
}

/// What `tools/list` says.
pub(crate) fn list() -> Value {
    let number =
        |description| json!({ "type": "integer", "minimum": 1, "maximum": 500, "description": description });
    json!([{
        "name": NAME,
        "description": "Counts, and tells of each step.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "to": number("where it ends"),
                "hangUpAfter": number("the step behind which the server closes the connection, but goes on; for calls that want progress"),
            },
            "required": ["to"],
        },
    }])
}

/// What `tools/call` asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    name: String,
    arguments: Count,
    #[serde(rename = "_meta", default)]
    meta: Meta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Count {
    to: u32,
    hang_up_after: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    progress_token: Option<Value>,
}

impl Call {
    pub(crate) fn parse(params: &Value) -> Result<Self, Error> {
        let invalid = |message: String| Error::new(Error::INVALID_PARAMS, message);
        let name = params["name"].as_str().unwrap_or_default();
        if name != NAME {
            return Err(invalid(format!("Unknown tool: {name}")));
        }
        let call = Self::deserialize(params).map_err(|error| invalid(error.to_string()))?;
        if !(1..=500).contains(&call.arguments.to) {
            return Err(invalid("`to` must lie between 1 and 500".to_owned()));
        }
        Ok(call)
    }

    /// Runs beside the connections: to lose one is not to cancel.
    pub(crate) fn start(self, id: Id, tick: Tick, finish: fn(Value) -> Value) -> Running {
        let transcript = Arc::new(Transcript::default());
        let says = Arc::clone(&transcript);
        let task = tokio::spawn(async move {
            let result = finish(self.run(&tick, &says).await);
            says.respond(&Response::result(id, result));
        });
        Running { transcript, task: task.abort_handle() }
    }

    async fn run(self, tick: &Tick, says: &Transcript) -> Value {
        let Count { to, hang_up_after } = self.arguments;
        for step in 1..=to {
            (tick.0)().await;
            if let Some(token) = &self.meta.progress_token {
                let params = json!({ "progressToken": token, "progress": step, "total": to });
                says.notify(&Notification::new("notifications/progress", params));
            }
            if hang_up_after == Some(step) {
                says.hang_up();
            }
        }
        json!({ "content": [{ "type": "text", "text": format!("{} counted to {to}", self.name) }] })
    }
}

/// A call that was started; to drop it is to cancel it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) transcript: Arc<Transcript>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.transcript.give_up();
    }
}
