//! The endpoint: [2025-11-25](https://modelcontextprotocol.io/specification/2025-11-25/basic/transports) and
//! [2026-07-28](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http).

use super::jsonrpc::{Error, Id, Incoming, Request, Response as Message};
use super::session::{Session, Sessions};
use super::tool::{self, Call, Tick};
use super::transcript::Address;
use axum::body::Bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{ACCEPT, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use core::time::Duration;
use serde_json::{Value, json};
use sse_axum::sse_core::head;
use sse_axum::{ClientProfile, LastEventId, Sender, Sse, refuse};
use std::sync::Arc;

const MODERN: &str = "2026-07-28";
/// The newest first. Clients older than it trip over empty data: they get no priming event, and cannot resume.
const RESUMABLE: &str = "2025-11-25";
const LEGACY: [&str; 3] = [RESUMABLE, "2025-06-18", "2025-03-26"];
const SUPPORTED: [&str; 4] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2]];

const SESSION_ID: &str = "mcp-session-id";
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
const BUSY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
struct Mcp {
    sessions: Sessions,
    tick: Tick,
}

pub(crate) fn app(tick: Tick) -> Router {
    let endpoint = post(receive).get(resume).delete(end);
    Router::new()
        .route("/mcp", endpoint)
        .layer(from_fn(check_origin))
        .with_state(Mcp { sessions: Sessions::default(), tick })
}

/// A page from elsewhere whose name was rebound to this machine says where it comes from; clients that are no browsers do not.
async fn check_origin(request: HttpRequest, next: Next) -> Response {
    let is_ours = |origin: &str| {
        let host = origin.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        host.is_some_and(|host| matches!(&*host, "localhost" | "127.0.0.1" | "[::1]"))
    };
    match request.headers().get(ORIGIN) {
        Some(origin) if !origin.to_str().is_ok_and(is_ours) => {
            reject(StatusCode::FORBIDDEN, None, Error::invalid_request("Origin not allowed"))
        }
        _ => next.run(request).await,
    }
}

async fn receive(State(mcp): State<Mcp>, headers: HeaderMap, body: Bytes) -> Response {
    let accepts = |media_type| {
        let values = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
        head::accepts(values, media_type)
    };
    if !(accepts("application/json") && accepts(head::CONTENT_TYPE)) {
        let error = Error::invalid_request("Accept must list application/json and text/event-stream");
        return reject(StatusCode::NOT_ACCEPTABLE, None, error);
    }
    match serde_json::from_slice(&body) {
        Err(error) => reject(StatusCode::BAD_REQUEST, None, error.into()),
        Ok(Incoming::Request(request)) if !meta(&request, "protocolVersion").is_null() => {
            mcp.answer_modern(&headers, request)
        }
        Ok(Incoming::Request(request)) if request.method == "initialize" => mcp.initialize(request),
        Ok(message) => {
            let session = match mcp.session(&headers) {
                Ok((_, session)) => session,
                Err((status, error)) => return reject(status, None, error),
            };
            match message {
                Incoming::Request(request) => mcp.answer(&session, request),
                Incoming::Notification(notification) => {
                    if notification.method == "notifications/cancelled" {
                        if let Ok(id) = serde_json::from_value(notification.params["requestId"].clone()) {
                            session.cancel(&id);
                        }
                    }
                    StatusCode::ACCEPTED.into_response()
                }
                Incoming::Response(_) => StatusCode::ACCEPTED.into_response(),
            }
        }
    }
}

/// A GET goes on with a stream that was cut. This server says nothing unasked, so it has no stream of its own.
async fn resume(State(mcp): State<Mcp>, headers: HeaderMap, LastEventId(seen): LastEventId) -> Response {
    let session = match mcp.session(&headers) {
        Ok((_, session)) => session,
        Err((status, error)) => return reject(status, None, error),
    };
    let asked = seen.as_ref().and_then(|id| Address::parse(id.as_str()));
    let found = asked.and_then(|(address, seen)| Some((address, seen, session.find(address)?)));
    match found {
        Some((address, seen, transcript)) if transcript.has_more_behind(seen) => {
            Sse::push(move |events: Sender| transcript.replay(events, Some(address), seen))
                .for_client(ClientProfile::Mcp)
                .with_opening(address.priming(seen))
                .into_response()
        }
        // No stream, or nothing behind its end: a client that comes back for that is not to ask again.
        _ => refuse(ClientProfile::Mcp, None),
    }
}

async fn end(State(mcp): State<Mcp>, headers: HeaderMap) -> Response {
    match mcp.session(&headers) {
        Ok((id, _)) => {
            mcp.sessions.end(&id);
            StatusCode::NO_CONTENT.into_response()
        }
        Err((status, error)) => reject(status, None, error),
    }
}

impl Mcp {
    fn initialize(&self, request: Request) -> Response {
        let asked = request.params["protocolVersion"].as_str().unwrap_or_default();
        let version = LEGACY.into_iter().find(|version| *version == asked).unwrap_or(RESUMABLE);
        let Some(id) = self.sessions.start(version) else {
            return refuse(ClientProfile::Mcp, Some(BUSY));
        };
        let result = json!({
            "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": server_info(),
        });
        ([(SESSION_ID, id)], Json(Message::result(request.id, result))).into_response()
    }

    /// Finds the session of a request, or says what is wrong with it.
    fn session(&self, headers: &HeaderMap) -> Result<(String, Arc<Session>), (StatusCode, Error)> {
        let invalid = |status, message: &str| Err((status, Error::invalid_request(message)));
        let Some(id) = header(headers, SESSION_ID) else {
            return invalid(StatusCode::BAD_REQUEST, "Mcp-Session-Id is missing");
        };
        // The client has to start anew.
        let Some(session) = self.sessions.get(id) else {
            return invalid(StatusCode::NOT_FOUND, "Session not found");
        };
        match header(headers, PROTOCOL_VERSION) {
            Some(version) if version != session.version => {
                invalid(StatusCode::BAD_REQUEST, "Mcp-Protocol-Version is not the one agreed on")
            }
            _ => Ok((id.to_owned(), session)),
        }
    }

    fn answer(&self, session: &Session, request: Request) -> Response {
        let id = request.id;
        let outcome = match request.method.as_str() {
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({ "tools": tool::list() })),
            "tools/call" => match Call::parse(&request.params) {
                Ok(call) => return self.call(session, id, call),
                Err(error) => Err(error),
            },
            method => Err(Error::method_not_found(method)),
        };
        Json(Message::of(id, outcome)).into_response()
    }

    fn call(&self, session: &Session, id: Id, call: Call) -> Response {
        let running = call.start(id.clone(), self.tick.clone(), |result| result);
        let Ok((address, transcript)) = session.keep(id, running) else {
            return refuse(ClientProfile::Mcp, Some(BUSY));
        };
        let resumable = (session.version == RESUMABLE).then_some(address);
        let stream = Sse::push(move |events: Sender| transcript.replay(events, resumable, 0))
            .for_client(ClientProfile::Mcp);
        match resumable {
            Some(address) => stream.with_opening(address.priming(0)).into_response(),
            None => stream.into_response(),
        }
    }

    /// Answers a request that says all by itself: no session, and the stream is the call. Who leaves it cancels.
    fn answer_modern(&self, headers: &HeaderMap, request: Request) -> Response {
        if let Err((status, error)) = check_modern(headers, &request) {
            return reject(status, Some(request.id), error);
        }
        let outcome = match request.method.as_str() {
            "server/discover" => Ok(cacheable(json!({
                "supportedVersions": SUPPORTED, "capabilities": { "tools": {} },
            }))),
            "tools/list" => Ok(cacheable(json!({ "tools": tool::list() }))),
            "tools/call" => match Call::parse(&request.params) {
                Ok(call) => {
                    let running = call.start(request.id, self.tick.clone(), complete);
                    let stream = async move |events: Sender| {
                        let transcript = Arc::clone(&running.transcript);
                        transcript.replay(events, None, 0).await
                    };
                    return Sse::push(stream).for_client(ClientProfile::Mcp).into_response();
                }
                Err(error) => Err(error),
            },
            method => {
                return reject(StatusCode::NOT_FOUND, Some(request.id), Error::method_not_found(method));
            }
        };
        Json(Message::of(request.id, outcome.map(complete))).into_response()
    }
}

/// What the headers say has to be what the body says: something on the way may have decided by them.
fn check_modern(headers: &HeaderMap, request: &Request) -> Result<(), (StatusCode, Error)> {
    let bad = |error| Err((StatusCode::BAD_REQUEST, error));
    let version = meta(request, "protocolVersion").as_str().unwrap_or_default();
    if version != MODERN {
        return bad(Error::unsupported_version(version, &SUPPORTED));
    }
    let mirrored = [
        (PROTOCOL_VERSION, Some(version)),
        ("mcp-method", Some(request.method.as_str())),
        ("mcp-name", request.params["name"].as_str().filter(|_| request.method == "tools/call")),
    ];
    for (name, value) in mirrored {
        if value.is_some() && header(headers, name) != value {
            return bad(Error::new(Error::HEADER_MISMATCH, format!("Header mismatch: {name}")));
        }
    }
    if !meta(request, "clientCapabilities").is_object() {
        return bad(Error::new(Error::INVALID_PARAMS, "clientCapabilities are missing"));
    }
    Ok(())
}

fn meta<'r>(request: &'r Request, name: &str) -> &'r Value {
    &request.params["_meta"][format!("io.modelcontextprotocol/{name}")]
}

fn complete(mut result: Value) -> Value {
    result["resultType"] = "complete".into();
    result["_meta"] = json!({ "io.modelcontextprotocol/serverInfo": server_info() });
    result
}

fn cacheable(mut result: Value) -> Value {
    result["ttlMs"] = 60_000.into();
    result["cacheScope"] = "public".into();
    result
}

fn server_info() -> Value {
    json!({ "name": "sse-axum-mcp", "version": env!("CARGO_PKG_VERSION") })
}

fn reject(status: StatusCode, id: Option<Id>, error: Error) -> Response {
    (status, Json(Message::error(id, error))).into_response()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
