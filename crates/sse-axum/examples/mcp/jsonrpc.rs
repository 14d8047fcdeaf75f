//! [JSON-RPC 2.0](https://www.jsonrpc.org/specification), as far as MCP uses it: no batches, no id that is null.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Version {
    #[default]
    #[serde(rename = "2.0")]
    Two,
}

/// What names a request until it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(i64),
    Text(String),
}

/// What a client posts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Incoming {
    Request(Request),
    Notification(Notification),
    /// The answer to a request of the server, which this one never makes.
    #[allow(dead_code, reason = "it is there to be recognised")]
    Response(Response),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[allow(dead_code, reason = "it is there to be checked")]
    jsonrpc: Version,
    pub(crate) id: Id,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notification {
    jsonrpc: Version,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

impl Notification {
    pub(crate) fn new(method: &str, params: Value) -> Self {
        Self { jsonrpc: Version::Two, method: method.to_owned(), params }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Response {
    jsonrpc: Version,
    /// None where the request was not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    #[serde(rename = "result")]
    Result(Value),
    #[serde(rename = "error")]
    Error(Error),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Error {
    pub(crate) code: i32,
    message: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    data: Value,
}

impl Response {
    pub(crate) fn result(id: Id, result: Value) -> Self {
        Self { jsonrpc: Version::Two, id: Some(id), outcome: Outcome::Result(result) }
    }

    pub(crate) fn error(id: impl Into<Option<Id>>, error: Error) -> Self {
        Self { jsonrpc: Version::Two, id: id.into(), outcome: Outcome::Error(error) }
    }

    pub(crate) fn of(id: Id, outcome: Result<Value, Error>) -> Self {
        match outcome {
            Ok(result) => Self::result(id, result),
            Err(error) => Self::error(id, error),
        }
    }
}

impl Error {
    pub(crate) const METHOD_NOT_FOUND: i32 = -32_601;
    pub(crate) const INVALID_PARAMS: i32 = -32_602;
    pub(crate) const HEADER_MISMATCH: i32 = -32_020;
    const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32_022;
    const INVALID_REQUEST: i32 = -32_600;
    const PARSE_ERROR: i32 = -32_700;

    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: Value::Null }
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        Self::new(Self::METHOD_NOT_FOUND, format!("Method not found: {method}"))
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_REQUEST, message)
    }

    pub(crate) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        let data = json!({ "supported": supported, "requested": requested });
        Self { data, ..Self::new(Self::UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version") }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        let code = if error.is_data() { Self::INVALID_REQUEST } else { Self::PARSE_ERROR };
        Self::new(code, error.to_string())
    }
}
