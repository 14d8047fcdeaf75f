//! actix-web's services in memory.

use crate::collect::{BoxError, Target};
use actix_http::Request as ActixRequest;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http as actix;
use actix_web::test::TestRequest;
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};

/// A service from `actix_web::test::init_service` as a [`Target`].
///
/// A service that fails is a failed response, not the page that a server would make of its error.
///
/// ```
/// use actix_web::{App, Responder, test::init_service, web};
/// use sse_actix::{Sender, Sse};
/// use sse_testkit::{actix::Actix, collect::Collector};
///
/// async fn hello() -> impl Responder {
///     Sse::push(async |mut events: Sender| events.send("hello").await)
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// let app = Actix::new(init_service(App::new().route("/hello", web::get().to(hello))).await);
/// assert_eq!(Collector::get("/hello").collect(&app).await?.data(), ["hello"]);
/// # Ok(())
/// # }
/// ```
pub struct Actix<S>(S);

impl<S> Actix<S> {
    /// Makes a target of a service.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Target for Actix<S>
where
    S: Service<ActixRequest, Response = ServiceResponse<B>, Error: fmt::Display>,
    B: MessageBody + 'static,
{
    type Body = ActixBody;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<ActixBody>, BoxError> {
        let service = &self.0;
        core::future::poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| error.to_string())?;
        let response = service.call(converted(request)?).await.map_err(|error| error.to_string())?;
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(response.status().as_u16())?;
        for (name, value) in response.headers() {
            let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
            head.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes())?);
        }
        let body = ActixBody(response.into_body().boxed());
        Ok(head.map(|()| body))
    }
}

/// actix-web has an older version of the `http` crate.
fn converted(request: Request<Bytes>) -> Result<ActixRequest, BoxError> {
    let (head, body) = request.into_parts();
    let method = actix::Method::from_bytes(head.method.as_str().as_bytes())?;
    let mut converted = TestRequest::with_uri(&head.uri.to_string()).method(method).set_payload(body);
    for (name, value) in &head.headers {
        let name = actix::header::HeaderName::from_bytes(name.as_str().as_bytes())?;
        let value = actix::header::HeaderValue::from_bytes(value.as_bytes())?;
        converted = converted.append_header((name, value));
    }
    Ok(converted.to_request())
}

/// The body of a response, for [`Target`].
// tidy: no example: nothing but a body, which a collector reads.
pub struct ActixBody(BoxBody);

impl Body for ActixBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let chunk = Pin::new(&mut self.0).poll_next(cx);
        chunk.map(|chunk| Some(chunk?.map(Frame::data).map_err(|error| error.to_string().into())))
    }
}

impl<S> fmt::Debug for Actix<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actix")
    }
}

impl fmt::Debug for ActixBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActixBody")
    }
}
