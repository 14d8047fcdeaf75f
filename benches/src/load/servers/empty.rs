//! What each framework costs with a body that has nothing and does not end.

use super::{Request, orders};
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

struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

impl MessageBody for Endless {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Pending
    }
}

fn response<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().extend(headers());
    response
}

fn router() -> axum::Router {
    axum::Router::new().route("/events", get(async || response(axum::body::Body::new(Endless))))
}

pub(super) async fn on_hyper(listener: TcpListener) -> io::Result<()> {
    orders::read(|_| true);
    let answer = |_: Request| ready(Ok::<_, Infallible>(response(Endless)));
    super::on_hyper(listener, service_fn(answer)).await
}

pub(super) async fn on_axum(listener: TcpListener) -> io::Result<()> {
    orders::read(|_| true);
    super::on_axum(listener, router()).await
}

pub(super) async fn on_axum_over_http1(listener: TcpListener) -> io::Result<()> {
    orders::read(|_| true);
    super::on_axum_over_http1(listener, router()).await
}

pub(super) fn on_actix() -> io::Result<()> {
    orders::read(|_| true);
    let answer = || {
        let mut response = HttpResponse::Ok();
        HEADERS.into_iter().for_each(|header| {
            response.insert_header(header);
        });
        ready(response.body(Endless))
    };
    let configure = move |app: &mut web::ServiceConfig| {
        app.route("/events", web::get().to(answer));
    };
    super::on_actix(configure, || ready(()))
}
