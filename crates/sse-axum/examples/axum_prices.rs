//! The README's example of a broadcast: `cargo run -p sse-axum --features broadcast --example axum_prices`, then
//! `curl -N localhost:3000/prices`, as often as you like.

use axum::{Router, routing::get};
use core::time::Duration;
use sse_axum::broadcast::{self, Broadcaster, Message, Settings};
use sse_axum::event_name;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Broadcaster::new(Settings::new());
    hub.register_event(event_name!("price"));
    let app = Router::new().route("/prices", get(broadcast::route(hub.clone(), ["prices"])));

    tokio::spawn(async move {
        let mut cents = 100;
        while publish(&hub, cents).is_ok() {
            cents += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

fn publish(hub: &Broadcaster, cents: u32) -> Result<(), Box<dyn Error>> {
    hub.publish("prices", Message::json(event_name!("price"), &cents)?)?; // never waits for a client
    Ok(())
}
