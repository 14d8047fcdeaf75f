//! The README's example for hyper: `cargo run -p sse-hyper --example hyper_tokens`, then `curl -N localhost:3000/`.

use core::convert::Infallible;
use hyper::body::Incoming;
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sse_hyper::{Event, Source, Sse, SseBody, last_event_id};

async fn numbers(request: Request<Incoming>) -> Result<Response<SseBody<impl Source>>, Infallible> {
    let seen = last_event_id(&request).and_then(|id| id.as_u64()).unwrap_or(0);
    let events = (seen + 1..=100).map(|number| Event::new(number.to_string()).with_id(number));
    Ok(Sse::new(tokio_stream::iter(events)).respond_to(&request))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(numbers));
        tokio::spawn(async { drop(connection.await) });
    }
}
