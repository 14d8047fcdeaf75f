//! A server without a framework: `sse-core`'s connection and a broadcaster's cursor on a task of tokio, one write a wake.
//!
//! It answers every request in the same way, and so shows what the protocol costs, not how to write a server.

use super::ours::Hub;
use super::{Feed, Setup, orders, ready_tokens, tokens_of_a_task};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use sse_core::connection::{Config, Connection, Next, Output};
use sse_core::{CloseReason, Encoder, Instant, IntoFrame, ItemError};
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};
use tokio_stream::Stream;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      cache-control: no-cache, no-transform\r\ntransfer-encoding: chunked\r\n\r\n";

pub(super) fn serve(setup: Setup) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        orders::announce(listener.local_addr()?)?;
        let hub = Hub::new(setup.heartbeat)?;
        tokio::spawn(hub.follow());
        let config = Arc::clone(&hub.config);
        match setup.feed {
            Feed::Events => accept(listener, config, || hub.subscribe()).await,
            Feed::Ready(count) => accept(listener, config, || ready_tokens(count)).await,
            Feed::Channel(count) => accept(listener, config, || tokens_of_a_task(count)).await,
        }
    })
}

async fn accept<S>(listener: TcpListener, config: Arc<Config>, source: impl Fn() -> S) -> io::Result<()>
where
    S: Stream<Item: IntoFrame> + Unpin + Send + 'static,
{
    let epoch = TokioInstant::now();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(Response {
            connection: Connection::start(Arc::clone(&config), Instant::from_epoch(epoch.elapsed())),
            stream,
            source: source(),
            epoch,
            alarm: None,
            request: Some(Vec::new()),
            rest: Vec::new(),
        });
    }
}

/// A request that is being read, then a response that is being written, until its stream or its client ends. A future by
/// hand, since one that is made of others holds some of them twice.
struct Response<S> {
    stream: TcpStream,
    source: S,
    connection: Connection,
    epoch: TokioInstant,
    /// Rings no later than the connection has to do something.
    alarm: Option<Pin<Box<Sleep>>>,
    /// What there is of the request's head, until it is whole.
    request: Option<Vec<u8>>,
    /// What the socket did not take.
    rest: Vec<u8>,
}

impl<S: Stream<Item: IntoFrame> + Unpin> Future for Response<S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_request(cx))?;
        let mut now = Instant::from_epoch(this.epoch.elapsed());
        loop {
            ready!(this.poll_rest(cx))?;
            let (source, encoder) = (&mut this.source, Encoder::new());
            let output =
                this.connection.poll_output_with(now, || match Pin::new(&mut *source).poll_next(cx) {
                    Poll::Pending => Next::Pending,
                    Poll::Ready(None) => Next::Close(CloseReason::SourceEnded),
                    Poll::Ready(Some(item)) => match item.into_frame(&encoder) {
                        Ok(frame) => Next::Frame(frame),
                        Err(ItemError::Close(reason)) => Next::Close(reason),
                        Err(_) => Next::Close(CloseReason::SourceFailed),
                    },
                });
            match output {
                Output::Transmit(chunk) => this.send(cx, &chunk)?,
                Output::Wait(deadline) => {
                    let rings =
                        deadline.is_some_and(|deadline| this.poll_alarm(cx, now, deadline).is_ready());
                    if !rings {
                        // A client that leaves is heard of.
                        return this.poll_left(cx).map(Ok);
                    }
                    now = Instant::from_epoch(this.epoch.elapsed());
                }
                Output::Closed(_) => {
                    return this.poll_write(cx, &[b"0\r\n\r\n"]).map_ok(drop);
                }
            }
        }
    }
}

impl<S> Response<S> {
    /// Reads a head that has no body behind it, and answers it.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const LIMIT: usize = 8 * 1024;
        while let Some(request) = &mut self.request {
            match self.stream.try_read_buf(request) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_read_ready(cx))?;
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) if request.len() > LIMIT => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Ok(_) if !request.ends_with(b"\r\n\r\n") => continue,
                Ok(_) => {}
            }
            self.request = None;
            self.rest = HEAD.into();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(self.poll_write(cx, &[&self.rest]))?;
            self.rest.drain(..written);
            if self.rest.is_empty() {
                self.rest = Vec::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes a chunk of the body; what does not go out now is kept.
    fn send(&mut self, cx: &mut Context<'_>, chunk: &Bytes) -> io::Result<()> {
        let mut line = [0; SIZE_LINE];
        let size = size_line(chunk.len(), &mut line);
        let parts = [size, chunk, b"\r\n"];
        let written = match self.poll_write(cx, &parts) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        if written < size.len() + chunk.len() + 2 {
            self.rest = parts.concat();
            self.rest.drain(..written);
        }
        Ok(())
    }

    fn poll_write(&self, cx: &mut Context<'_>, parts: &[&[u8]]) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); 3];
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        loop {
            match self.stream.try_write_vectored(&slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_write_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// An alarm that rings too early costs a look at the clock. One that was polled needs no more of it before its time,
    /// since a task of tokio has one waker.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant, deadline: Instant) -> Poll<()> {
        let (now, deadline) = (self.epoch + now.since_epoch(), self.epoch + deadline.since_epoch());
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(now)));
        if now < alarm.deadline() && alarm.deadline() <= deadline {
            return Poll::Pending;
        }
        alarm.as_mut().reset(deadline);
        alarm.as_mut().poll(cx)
    }

    fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.stream.poll_read_ready(cx).is_pending() {
                return Poll::Pending;
            }
            match self.stream.try_read(&mut [0; 64]) {
                Ok(size) if size > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

/// As many hexadecimal digits as a size has, and the end of the line.
const SIZE_LINE: usize = 2 * size_of::<usize>() + 2;

/// Writes the line in front of a chunk.
fn size_line(mut size: usize, line: &mut [u8; SIZE_LINE]) -> &[u8] {
    let [digits @ .., cr, lf] = line;
    (*cr, *lf) = (b'\r', b'\n');
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[size % 16];
        (size, start) = (size / 16, start - 1);
        if size == 0 {
            break;
        }
    }
    &line[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_http_has_them() {
        for size in [0, 1, 15, 16, 255, 16_384, usize::MAX] {
            let expected = format!("{size:x}\r\n");
            assert_eq!(size_line(size, &mut [0; SIZE_LINE]), expected.as_bytes());
        }
    }
}
