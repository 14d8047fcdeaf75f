//! The ways to make a response, as handlers do.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::IntoResponse;
use axum::routing::get;
use http_body_util::BodyExt;
use sse_axum::{PushError, Sender, Sse};
use tower::ServiceExt;

async fn wire(response: impl IntoResponse) -> String {
    let body = response.into_response().into_body().collect().await.map(http_body_util::Collected::to_bytes);
    String::from_utf8(body.unwrap_or_default().to_vec()).unwrap_or_default()
}

#[tokio::test]
async fn m35_the_head_of_a_stream_claims_no_length() -> Result<(), Box<dyn std::error::Error>> {
    let events = async |request: Request<Body>| {
        let response = sse_hyper::Sse::iter(["a"]).respond_to(&request);
        response.map(Body::new)
    };
    let app: Router = Router::new().route("/", get(events));
    for method in [Method::GET, Method::HEAD] {
        let request = Request::builder().method(method).uri("/").body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-length"), "{:?}", response.headers());
    }
    Ok(())
}

#[tokio::test]
async fn m02_m23_m30_streams_values_and_functions_make_the_same_response() {
    let expected = ":\ndata: a\n\ndata: b\n\n";
    assert_eq!(wire(Sse::new(tokio_stream::iter(["a", "b"]))).await, expected);
    assert_eq!(wire(Sse::iter(vec!["a", "b"])).await, expected);
    assert_eq!(wire(Sse::iter(["a\n"])).await, ":\ndata: a\ndata: \n\n", "one value");
    let function = async |mut events: Sender| {
        events.send("a").await?;
        events.send("b").await?;
        Ok::<(), PushError>(())
    };
    assert_eq!(wire(Sse::push(function)).await, expected);
}
