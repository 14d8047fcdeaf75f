//! A client with a connection of its own for each request.

use super::within;
use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sse_driver::DecodeStream;
use sse_driver::sse_core::OwnedItem;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;

/// A request that was sent. To drop it is to leave.
pub(crate) struct Client {
    response: JoinHandle<Response<Incoming>>,
    connection: Connection,
}

/// The connection closes with it.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    pub(crate) async fn post(address: SocketAddr, path: &str, body: &str) -> Self {
        let stream = within("connecting", TcpStream::connect(address)).await.unwrap();
        let (mut sender, connection) = handshake::<_, String>(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async { drop(connection.await) });
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/json");
        let request = request.body(body.to_owned()).unwrap();
        let response = tokio::spawn(async move { sender.send_request(request).await.unwrap() });
        Self { response, connection: Connection(connection) }
    }

    pub(crate) async fn json(self) -> (u16, Value) {
        let response = within("the head", self.response).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let status = response.status().as_u16();
        let body = within("the body", response.into_body().collect()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub(crate) async fn stream(self) -> Stream {
        let response = within("the head", self.response).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let items = DecodeStream::new(BodyDataStream::new(response.into_body()));
        Stream { items, _connection: self.connection }
    }
}

/// A response that is read item by item. To drop it is to leave.
pub(crate) struct Stream {
    items: DecodeStream<BodyDataStream<Incoming>, Bytes>,
    _connection: Connection,
}

impl Stream {
    /// The type and the data of the next event that is no heartbeat; `None` at an end that is as it should be.
    pub(crate) async fn event(&mut self) -> Option<(String, String)> {
        while let Some(item) = self.item().await {
            match item {
                OwnedItem::Event(event) if event.event_type != "ping" => {
                    return Some((event.event_type.into(), event.data));
                }
                _ => {}
            }
        }
        None
    }

    /// Waits for a heartbeat, before which no event may come: an event `ping`, or a comment.
    pub(crate) async fn heartbeat(&mut self, is_ping: bool) {
        loop {
            match self.item().await.unwrap() {
                OwnedItem::Event(event) => {
                    assert!(is_ping);
                    assert_eq!((&*event.event_type, &*event.data), ("ping", r#"{"type":"ping"}"#));
                    return;
                }
                OwnedItem::Comment(comment) if comment.text == "heartbeat" => {
                    assert!(!is_ping);
                    return;
                }
                _ => {}
            }
        }
    }

    async fn item(&mut self) -> Option<OwnedItem> {
        within("the next item", self.items.next()).await.map(Result::unwrap)
    }
}
