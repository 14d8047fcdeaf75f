//! The ways to make a response, as handlers do.

use http_body_util::BodyExt;
use sse_hyper::{PushError, Sender, Source, Sse};

async fn wire(sse: Sse<impl Source>) -> String {
    let Ok(body) = sse.into_response().into_body().collect().await;
    String::from_utf8(body.to_bytes().to_vec()).unwrap_or_default()
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
