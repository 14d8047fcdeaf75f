//! tower services in memory: axum's `Router`, and anything else that answers `http::Request`s.

use crate::collect::{BoxError, Target};
use bytes::Bytes;
use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

/// A tower service as a [`Target`]: called in memory, cloned for each request.
///
/// The second parameter is the body of requests: [`Full`] suits services that take any, [`Tower::with_body`] chooses
/// another.
///
/// ```
/// use axum::{Router, routing::get};
/// use sse_axum::{Sender, Sse};
/// use sse_testkit::{collect::Collector, tower::Tower};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// let hello = || async { Sse::push(async |mut events: Sender| events.send("hello").await) };
/// let app = Tower::new(Router::new().route("/hello", get(hello)));
/// assert_eq!(Collector::get("/hello").collect(&app).await?.data(), ["hello"]);
/// # Ok(())
/// # }
/// ```
pub struct Tower<S, B = Full<Bytes>> {
    service: S,
    request_body: PhantomData<fn() -> B>,
}

impl<S> Tower<S> {
    /// Makes a target of a service.
    pub fn new(service: S) -> Self {
        Self { service, request_body: PhantomData }
    }

    /// Takes services whose requests have another body, such as `axum::body::Body`.
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::{Request, Response};
    /// use sse_testkit::tower::Tower;
    ///
    /// let service = tower::service_fn(async |_: Request<Body>| Ok::<_, core::convert::Infallible>(Response::new(Body::empty())));
    /// let app = Tower::new(service).with_body::<Body>();
    /// # let _ = app;
    /// ```
    pub fn with_body<B: From<Bytes>>(self) -> Tower<S, B> {
        Tower { service: self.service, request_body: PhantomData }
    }
}

impl<S, B, R> Target for Tower<S, B>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>> + Clone,
    B: From<Bytes>,
    R: Body<Error: Into<BoxError>>,
{
    type Body = R;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<R>, BoxError> {
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        service.call(request.map(B::from)).await.map_err(Into::into)
    }
}

impl<S, B> fmt::Debug for Tower<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tower")
    }
}
