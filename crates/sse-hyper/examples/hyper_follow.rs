//! The README's example of a client: `cargo run -p sse-hyper --features client --example hyper_follow -- http://localhost:3000/`

#![allow(clippy::print_stdout, reason = "an example")]

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sse_hyper::client::{EventSource, OwnedItem, Signal};

#[tokio::main]
async fn main() -> Result<(), http::Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://localhost:3000/".to_owned());
    let http = Client::builder(TokioExecutor::new()).build_http();
    let mut source = EventSource::new(http, Request::get(url).body(Empty::<Bytes>::new())?);
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Item(OwnedItem::Event(event)) => println!("{}", event.data),
            Signal::Disconnected(lost) => println!("{lost}: {:?}", lost.error), // another one is made, for ever
            Signal::Closed(end) => println!("{end}"), // 204, 401, text/html: typed, with the response
            Signal::Open(_) | Signal::Item(_) => {}
        }
    }
    Ok(())
}
