//! A live dashboard and notifications on hyper: fragments of HTML for htmx 2 and 4, Datastar and Turbo, from one handler a
//! page.
//!
//! `cargo run -p sse-hyper --features broadcast,html --example dashboard`, with the environment variables `PORT` for a port
//! of your choice and `SSE_DEBUG=1` for blocks that show why they fail.
#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use bytes::Bytes;
use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sse_demo::about_json;
use sse_demo::pages::{self, Client, MAX_BODY, Pages};
use sse_demo::streams::Stop;
use sse_hyper::broadcast::outcome_header;
use sse_hyper::{Sse, last_event_id};
use std::io;
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let stop = Stop::on_ctrl_c();
    let pages = Pages::from_env(stop.clone());
    let measured = pages.clone();
    tokio::spawn(async move { measured.measure().await });

    println!("listening on http://{}/", listener.local_addr()?);
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(stop.pressed());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // A client that left already, or a shortage of sockets, which passes when others leave.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        // Events are small and shall leave at once. Where this fails, writing will, too.
        let _ = stream.set_nodelay(true);
        let pages = pages.clone();
        let service = service_fn(move |request| {
            let pages = pages.clone();
            async move { Ok::<_, Infallible>(respond(pages, request).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        // A connection that ends with an error is one whose client left.
        tokio::spawn(async { drop(connection.await) });
    }
    graceful.shutdown().await;
    Ok(())
}

async fn respond(pages: Pages, request: Request<Incoming>) -> Response<Body> {
    let client = Client::named(&parameter(&request, "client"));
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => page(pages.dashboard_page(client)),
        (&Method::GET | &Method::HEAD, "/dashboard/live") => dashboard(pages, client, &request),
        (&Method::GET | &Method::HEAD, "/notifications") => page(pages.notifications_page(client)),
        (&Method::GET | &Method::HEAD, "/notifications/live") => notifications(pages, client, &request),
        (&Method::GET | &Method::HEAD, "/streams.json") => text("application/json", pages.streams_json()),
        (&Method::GET | &Method::HEAD, "/about.json") => text("application/json", about_json("hyper", "1.0")),
        (&Method::POST, _) => act(&pages, request).await,
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn dashboard(pages: Pages, client: Client, request: &Request<Incoming>) -> Response<Body> {
    let options = pages.options();
    let sse = Sse::push(move |events| pages::dashboard(events, pages, client)).with_options(options);
    sse.respond_to(request).map(BodyExt::boxed_unsync)
}

fn notifications(pages: Pages, client: Client, request: &Request<Incoming>) -> Response<Body> {
    let published = pages.subscribe(client, last_event_id(request).as_ref());
    let (header, options) = (outcome_header(&published), pages.options());
    let sse = Sse::push(move |events| pages::notifications(events, pages, client, published));
    let mut response = sse.with_options(options).respond_to(request).map(BodyExt::boxed_unsync);
    response.headers_mut().extend([header]);
    response
}

/// What the buttons of the pages post.
async fn act(pages: &Pages, request: Request<Incoming>) -> Response<Body> {
    let (path, block) = (request.uri().path().to_owned(), parameter(&request, "block"));
    let Ok(body) = Limited::new(request.into_body(), MAX_BODY).collect().await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let body = String::from_utf8_lossy(&body);
    match path.as_str() {
        "/notify" if !pages.notify(&body) => return status(StatusCode::INTERNAL_SERVER_ERROR),
        "/notify" => {}
        "/fail" => pages.fail(&block, &body),
        "/heal" => pages.heal(),
        "/cut" => pages.cut(),
        "/end" => pages.end(),
        _ => return status(StatusCode::NOT_FOUND),
    }
    status(StatusCode::OK)
}

fn parameter(request: &Request<Incoming>, name: &str) -> String {
    let query = request.uri().query().unwrap_or_default();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(other, _)| other == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn page(rendered: Result<String, impl Sized>) -> Response<Body> {
    match rendered {
        Ok(html) => text("text/html; charset=utf-8", html),
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn text(content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = text("text/plain", status.to_string());
    *response.status_mut() = status;
    response
}
