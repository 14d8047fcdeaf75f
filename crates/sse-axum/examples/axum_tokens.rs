//! The README's example for axum: `cargo run -p sse-axum --example axum_tokens`, then `curl -N localhost:3000/answer`.

use axum::{Router, routing::get};
use sse_axum::{CloseEvent, PushError, Sender, Source, Sse, event_name};

async fn answer() -> Sse<impl Source> {
    let tokens = async |mut events: Sender| {
        for token in ["Hello", ",\n", " world"] {
            events.send(token).await?; // waits for a slow client, ends when it leaves
        }
        Ok::<(), PushError>(())
    };
    Sse::push(tokens).with_close_event(CloseEvent::new(event_name!("done")))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, Router::new().route("/answer", get(answer))).await
}
