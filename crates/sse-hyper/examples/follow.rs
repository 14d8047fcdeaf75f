//! Follows a stream and prints what comes: `cargo run -p sse-hyper --features client --example follow -- http://localhost:3000/`

#![allow(clippy::print_stdout, reason = "an example")]

use bytes::Bytes;
use core::time::Duration;
use http::Request;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sse_hyper::client::{Config, EventSource, OwnedItem, Signal, is_transient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: follow http://host/path")?;
    // For https take a connector that speaks TLS, such as that of hyper-rustls.
    let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let config = Config::new().with_idle_timeout(Duration::from_secs(60)).with_retried_statuses(is_transient);
    let mut source = EventSource::new(http, Request::get(url).body(Empty::new())?).with_config(config);
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Open(response) => println!("-- open: {:?}, {}", response.version(), response.status()),
            Signal::Item(OwnedItem::Event(event)) => println!("{}: {}", event.event_type, event.data),
            Signal::Item(OwnedItem::Comment(comment)) => println!("-- comment: {}", comment.text),
            Signal::Item(item) => println!("-- {item:?}"),
            Signal::Disconnected(lost) => {
                println!("-- {lost}; again in {:.1?}", lost.interruption.delay);
                if let Some(error) = lost.error {
                    println!("-- {error:?}");
                }
            }
            Signal::Closed(end) => {
                println!("-- the end: {end}");
                if let Some(response) = end.response {
                    println!("{}", String::from_utf8_lossy(response.body()));
                }
                return end.error.map_or(Ok(()), |error| Err(error.into()));
            }
        }
    }
    Ok(())
}
