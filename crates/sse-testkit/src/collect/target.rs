use bytes::Bytes;
use core::error::Error;
use core::future::Future;
use http::{Request, Response};

/// Any error, as text for the reader of a failed test.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Who answers a [`Collector`](super::Collector): [`Tower`](crate::tower::Tower), [`Actix`](crate::actix::Actix),
/// [`Url`](crate::url::Url), or a server of yours.
///
/// The response stands for the connection: dropping it is the client's leaving.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use sse_testkit::collect::{BoxError, Collector, Target};
///
/// /// Answers every request alike.
/// struct Recorded(&'static str);
///
/// impl Target for Recorded {
///     type Body = Full<Bytes>;
///
///     async fn respond(&self, _: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
///         let response = Response::builder().header("content-type", "text/event-stream");
///         Ok(response.body(Full::from(self.0))?)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// let collected = Collector::get("/").collect(&Recorded("data: a\n\ndata: b\n\n")).await?;
/// assert_eq!(collected.data(), ["a", "b"]);
/// # Ok(())
/// # }
/// ```
pub trait Target {
    /// The body of the response.
    type Body: http_body::Body<Error: Into<BoxError>>;

    /// Whether the response comes over HTTP: from a server that frames it, and leaves out the body of a HEAD. False unless
    /// it is said, which is right for services in memory.
    const OVER_HTTP: bool = false;

    /// Answers a request.
    fn respond(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Self::Body>, BoxError>>;
}

impl<T: Target> Target for &T {
    type Body = T::Body;

    const OVER_HTTP: bool = T::OVER_HTTP;

    fn respond(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Self::Body>, BoxError>> {
        T::respond(self, request)
    }
}
