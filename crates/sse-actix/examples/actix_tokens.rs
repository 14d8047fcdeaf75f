//! The README's example for actix-web: `cargo run -p sse-actix --example actix_tokens`, then `curl -N localhost:3000/load`.

use actix_web::{App, HttpServer, Responder, rt::time::sleep, web};
use sse_actix::{Event, PushError, Sender, Sse, event_name};
use std::time::Duration;

async fn load() -> impl Responder {
    Sse::push(async |mut events: Sender| -> Result<(), PushError> {
        loop {
            let sample = Event::json([0.42, 0.4]).with_name(event_name!("load"));
            events.send(sample).await?;
            sleep(Duration::from_secs(1)).await;
        }
    })
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| App::new().route("/load", web::get().to(load)));
    server.h1_allow_half_closed(false).bind("127.0.0.1:3000")?.run().await
}
