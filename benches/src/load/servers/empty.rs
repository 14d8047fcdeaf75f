//! What each framework costs with a body that has nothing and does not end.

use super::{Feed, Request, Setup, orders};
use actix_web::body::{BodySize, MessageBody};
use actix_web::{HttpResponse, web};
use axum::routing::get;
use bytes::Bytes;
use core::convert::Infallible;
use core::future::ready;
use core::pin::Pin;
use core::task::{Context, Poll};
use http_body::{Body, Frame};
use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use std::io;
use tokio::net::TcpListener;

/// What a stream is answered with.
const HEADERS: [(&str, &str); 2] =
    [("content-type", "text/event-stream"), ("cache-control", "no-cache, no-transform")];

pub(super) fn headers() -> [(HeaderName, HeaderValue); 2] {
    HEADERS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
}

/// Gives what it begins with, if anything.
struct Endless(Option<Bytes>);

impl Endless {
    /// What has no source at all has nothing; what stands beside a stream without a source begins as that does.
    fn new(setup: Setup) -> Self {
        Self((setup.feed != Feed::Events).then_some(Bytes::from_static(b":\n")))
    }

    fn poll_chunk(&mut self) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |opening| Poll::Ready(Some(Ok(opening))))
    }
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_chunk().map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

impl MessageBody for Endless {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.poll_chunk()
    }
}

fn response<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().extend(headers());
    response
}

fn router(setup: Setup) -> axum::Router {
    let answer = async move || response(axum::body::Body::new(Endless::new(setup)));
    axum::Router::new().route("/events", get(answer))
}

pub(super) async fn on_hyper(listener: TcpListener, setup: Setup) -> io::Result<()> {
    orders::read(|_| true);
    let answer = move |_: Request| ready(Ok::<_, Infallible>(response(Endless::new(setup))));
    super::on_hyper(listener, service_fn(answer)).await
}

pub(super) async fn on_axum(listener: TcpListener, setup: Setup) -> io::Result<()> {
    orders::read(|_| true);
    super::on_axum(listener, router(setup)).await
}

pub(super) async fn on_axum_over_http1(listener: TcpListener, setup: Setup) -> io::Result<()> {
    orders::read(|_| true);
    super::on_axum_over_http1(listener, router(setup)).await
}

pub(super) fn on_actix(setup: Setup) -> io::Result<()> {
    orders::read(|_| true);
    let answer = move || {
        let mut response = HttpResponse::Ok();
        HEADERS.into_iter().for_each(|header| {
            response.insert_header(header);
        });
        ready(response.body(Endless::new(setup)))
    };
    let configure = move |app: &mut web::ServiceConfig| {
        app.route("/events", web::get().to(answer));
    };
    super::on_actix(configure, || ready(()))
}
