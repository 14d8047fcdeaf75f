//! A gateway to a language model on actix-web: the APIs of OpenAI and of Anthropic in front of a scripted model.
//!
//! `cargo run -p sse-actix --example completions`, with the environment variable `PORT` for a port of your choice. Then give
//! a client of either API the address that it prints, and any key.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, PayloadConfig, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, Responder};
use sse_actix::Sse;
use sse_demo::completions::upstream::{self, Upstream};
use sse_demo::completions::{Api, Gateway, Reply};
use std::io;
use std::net::TcpListener;

/// The longest request that is read: 2 MiB.
const LIMIT: usize = 2 * 1024 * 1024;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let upstream = Upstream::start(upstream::script).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    serve(listener, Gateway::new(upstream.uri()), upstream)?.await
}

pub(crate) fn serve(listener: TcpListener, gateway: Gateway, upstream: Upstream) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(gateway.clone()))
            .app_data(Data::new(upstream.clone()))
            .app_data(PayloadConfig::new(LIMIT))
            .route("/v1/chat/completions", post().to(chat_completions))
            .route("/v1/messages", post().to(messages))
            .route("/running", get().to(async |upstream: Data<Upstream>| upstream.running().to_string()))
    })
    // Without this, a client that leaves while the model thinks is noticed late.
    .h1_allow_half_closed(false)
    .workers(1)
    .listen(listener)?;
    Ok(server.run())
}

async fn chat_completions(request: HttpRequest, gateway: Data<Gateway>, body: Bytes) -> HttpResponse {
    answer(&request, &gateway, Api::OpenAi, &body).await
}

async fn messages(request: HttpRequest, gateway: Data<Gateway>, body: Bytes) -> HttpResponse {
    answer(&request, &gateway, Api::Anthropic, &body).await
}

/// The future, and then the response, is dropped when the client leaves, and the request to the model with it.
async fn answer(request: &HttpRequest, gateway: &Gateway, api: Api, body: &[u8]) -> HttpResponse {
    match gateway.answer(api, body).await {
        Reply::Stream(source, options) => {
            Sse::new(source).with_options(options).respond_to(request).map_into_boxed_body()
        }
        Reply::Json(status, json) => {
            let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponseBuilder::new(status).content_type(ContentType::json()).body(json)
        }
    }
}
