//! Transports that take little, nothing, or fail, under hyper's connection.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sse_hyper::{CloseReason, Event, Sse};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::oneshot;

/// What becomes of the writes behind the first so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// They take one byte each.
    Trickle,
    /// They take none and say that all is well.
    TakeNothing,
    /// They fail.
    Fail,
}

struct Transport {
    pipe: DuplexStream,
    left: usize,
    then: Then,
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let limit = match (self.left, self.then) {
            (0, Then::Trickle) => 1,
            (0, Then::TakeNothing) => return Poll::Ready(Ok(0)),
            (0, Then::Fail) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            (left, _) => left,
        };
        let written = Pin::new(&mut self.pipe).poll_write(cx, &bytes[..bytes.len().min(limit)]);
        if let Poll::Ready(Ok(len)) = written {
            self.left = self.left.saturating_sub(len);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// What the client got of three events over such a transport, and why the stream ended, without a word from the client.
async fn three_events(left: usize, then: Then) -> (String, CloseReason) {
    let (mut client, pipe) = duplex(64 * 1024);
    let (sender, end) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let service = service_fn(move |request: Request<Incoming>| {
        let sender = sender.lock().unwrap().take();
        let events = tokio_stream::iter([1, 2, 3].map(|number| Event::new(format!("{number}"))));
        let response: Response<_> = Sse::new(events)
            .on_close(move |reason, _| sender.unwrap().send(reason).unwrap())
            .respond_to(&request);
        async { Ok::<_, Infallible>(response) }
    });
    let transport = TokioIo::new(Transport { pipe, left, then });
    let serving = tokio::spawn(http1::Builder::new().serve_connection(transport, service));
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    let served = serving.await.unwrap();
    assert_eq!(served.is_ok(), then == Then::Trickle, "{served:?}");
    (text, end.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_single_bytes_gets_everything() {
    let (text, reason) = three_events(0, Then::Trickle).await;
    assert!(text.contains("data: 1\n\ndata: 2\n\ndata: 3\n\n"), "{text}");
    assert!(text.ends_with("\r\n0\r\n\r\n"), "{text}");
    assert_eq!(reason, CloseReason::SourceEnded);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_nothing_or_fails_ends_its_stream_wherever_it_is() {
    let whole = three_events(usize::MAX, Then::Trickle).await.0.len();
    for then in [Then::TakeNothing, Then::Fail] {
        for left in 0..whole - 1 {
            let (text, _) = three_events(left, then).await;
            assert_eq!(text.len(), left, "{then:?}");
        }
    }
}
