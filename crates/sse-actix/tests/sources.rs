//! The ways to make a response, as handlers do.

use actix_web::body::to_bytes;
use actix_web::{Responder, test::TestRequest};
use sse_actix::{PushError, Sender, Source, Sse};

async fn wire(sse: Sse<impl Source + 'static>) -> String {
    let response = sse.respond_to(&TestRequest::get().to_http_request());
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    String::from_utf8(body.to_vec()).unwrap_or_default()
}

#[actix_web::test]
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
