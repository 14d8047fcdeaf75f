//! A server on blocking sockets, a thread for each connection: `PORT=8080 cargo run --example blocking`.
//!
//! All that concerns the protocol is in `stream`: one `match` on what [`Connection::poll_output`] says. Each connection
//! is a position in one log, and takes from it when its socket has taken what came before; so a slow client costs its
//! thread, one queue and nothing else. Who falls off the log's end is closed and may come back.

pub(crate) mod support;

use bytes::Buf;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use sse_core::connection::{CloseEvent, Output};
use sse_core::{CloseReason, Config, Connection, EventId, Instant, event_name};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use support::history::History;
use support::http::{self, Answer, StreamBody};
use support::{Clock, Gauges, Settings};

/// For the request, for a whole response, and for the client's goodbye.
const PATIENCE: Duration = Duration::from_secs(10);
/// A thread each: more would cost too much.
const MAX_CONNECTIONS: usize = 1_000;

fn main() -> io::Result<()> {
    let config = Config::new()
        .with_retry(Duration::from_secs(2))
        .with_close_event(CloseEvent::new(event_name!("done")));
    let message = |number| Some(format!("tick {number}"));
    let settings = Settings { config, tick: Duration::from_secs(1), message };
    serve(&support::listen()?, settings, Arc::default())
}

/// Serves for ever.
pub(crate) fn serve(listener: &TcpListener, settings: Settings, gauges: Arc<Gauges>) -> io::Result<()> {
    let server = Arc::new(Server {
        config: Arc::new(settings.config),
        clock: Clock::start(),
        feed: Mutex::new(Feed { history: History::new(), is_ended: false }),
        news: Condvar::new(),
        gauges,
    });
    let publisher = Arc::clone(&server);
    thread::Builder::new().spawn(move || publisher.publish(settings.tick, settings.message))?;
    loop {
        let Ok((socket, _)) = listener.accept() else {
            // No descriptor is free, most likely: that passes.
            pause(Duration::from_millis(100));
            continue;
        };
        let seat = Seat::take(Arc::clone(&server));
        if server.gauges.connections.load(Relaxed) <= MAX_CONNECTIONS {
            // Without a thread to spare the socket is closed: the client will try again.
            let _thread = thread::Builder::new().spawn(move || seat.answer(socket));
        }
    }
}

struct Server {
    config: Arc<Config>,
    clock: Clock,
    feed: Mutex<Feed>,
    /// Something in the feed has changed.
    news: Condvar,
    gauges: Arc<Gauges>,
}

struct Feed {
    history: History,
    is_ended: bool,
}

impl Server {
    fn publish(&self, tick: Duration, message: fn(u64) -> Option<String>) {
        for message in (0..).map_while(message) {
            pause(tick);
            self.feed().history.publish(&message);
            self.news.notify_all();
        }
        self.feed().is_ended = true;
        self.news.notify_all();
    }

    /// Takes from the feed what the connection has room for.
    fn refill(&self, connection: &mut Connection, position: &mut u64) {
        let feed = self.feed();
        let Some(frames) = feed.history.after(*position) else {
            return connection.close(CloseReason::Lagged);
        };
        for frame in frames {
            if connection.send(frame.clone()).is_err() {
                return;
            }
            *position += 1;
        }
        if feed.is_ended {
            connection.close(CloseReason::SourceEnded);
        }
    }

    fn wait_for_news(&self, position: u64, deadline: Option<Instant>) {
        let is_old = |feed: &mut Feed| {
            let news = feed.history.after(position);
            news.is_some_and(|mut news| news.next().is_none()) && !feed.is_ended
        };
        let timeout = deadline.map_or(Duration::MAX, |deadline| self.clock.until(deadline));
        let _feed = self.news.wait_timeout_while(self.feed(), timeout, is_old);
    }

    /// A thread that panicked has not left the feed half changed.
    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one client; whatever ends its thread, it is given back.
struct Seat {
    server: Arc<Server>,
    waiting_bytes: usize,
}

impl Seat {
    fn take(server: Arc<Server>) -> Self {
        server.gauges.connections.fetch_add(1, Relaxed);
        Self { server, waiting_bytes: 0 }
    }

    /// An error is that of a client that left: nobody is there to be told.
    fn answer(mut self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        match self.read_request(&mut socket)? {
            Answer::Whole(response) => socket.write_all(&response)?,
            Answer::Stream { body, last_event_id } => {
                let end = body.end();
                match self.stream(&mut socket, body, last_event_id.as_ref()) {
                    // Without the end of its body the client knows that the stream was cut.
                    CloseReason::PeerGone | CloseReason::Stalled => return Ok(()),
                    _ => {
                        socket.set_write_timeout(Some(PATIENCE))?;
                        socket.write_all(end)?;
                    }
                }
            }
        }
        // Closing a socket that holds unread bytes resets it, and the client may lose the end of what we wrote.
        socket.shutdown(Shutdown::Write)?;
        let until = self.server.clock.now().saturating_add(PATIENCE);
        while self.read(&mut socket, &mut [0; 1024], until)? > 0 {}
        Ok(())
    }

    fn read_request(&self, socket: &mut TcpStream) -> io::Result<Answer> {
        let until = self.server.clock.now().saturating_add(PATIENCE);
        let (mut received, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            let count = self.read(socket, &mut buffer, until)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            received.extend_from_slice(&buffer[..count]);
            if let Some(answer) = http::answer(&received) {
                return Ok(answer);
            }
        }
    }

    /// One deadline for all reads: a client that sends a byte now and then does not keep its thread.
    fn read(&self, socket: &mut TcpStream, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        let patience = self.server.clock.until(until);
        if patience.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(patience))?;
        socket.read(buffer)
    }

    /// The life of a stream.
    fn stream(
        &mut self,
        socket: &mut TcpStream,
        mut body: StreamBody,
        last_event_id: Option<&EventId<'_>>,
    ) -> CloseReason {
        let server = Arc::clone(&self.server);
        let mut connection = Connection::start(Arc::clone(&server.config), server.clock.now());
        let (mut position, verdict) = server.feed().history.resume(last_event_id);
        if let Some(verdict) = verdict {
            let _a_lone_frame_fits = connection.send(verdict);
        }
        loop {
            // Before polling, or after a long write a heartbeat would leave where events wait.
            server.refill(&mut connection, &mut position);
            match connection.poll_output(server.clock.now()) {
                Output::Transmit(bytes) => {
                    self.gauge(bytes.len() + connection.queued_bytes());
                    self.write(socket, body.frame(bytes), &mut connection);
                    self.gauge(connection.queued_bytes());
                }
                Output::Wait(_) if has_left(socket) => connection.handle_peer_gone(),
                Output::Wait(deadline) => server.wait_for_news(position, deadline),
                Output::Closed(reason) => return reason,
            }
        }
    }

    /// Writes until all is out or the connection gives its peer up, at the stall limit.
    fn write(&self, socket: &mut TcpStream, mut outgoing: http::Outgoing, connection: &mut Connection) {
        while outgoing.has_remaining() && !connection.is_closed() {
            let patience = connection.next_deadline().map(|deadline| self.server.clock.until(deadline));
            // Zero would mean no time-out at all.
            let patience = patience.map(|patience| patience.max(Duration::from_millis(1)));
            let written =
                socket.set_write_timeout(patience).and_then(|()| http::write_some(socket, &mut outgoing));
            let now = self.server.clock.now();
            match written {
                Ok(()) => connection.handle_progress(now),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    connection.handle_timeout(now);
                }
                Err(_) => connection.handle_peer_gone(),
            }
        }
    }

    fn gauge(&mut self, waiting_bytes: usize) {
        let gauge = &self.server.gauges.waiting_bytes;
        gauge.fetch_add(waiting_bytes, Relaxed);
        gauge.fetch_sub(core::mem::replace(&mut self.waiting_bytes, waiting_bytes), Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gauge(0);
        self.server.gauges.connections.fetch_sub(1, Relaxed);
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread of its own may sleep")]
fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Looks whether the client has closed its end, without waiting; so it is noticed at the next event or heartbeat.
fn has_left(socket: &mut TcpStream) -> bool {
    let mut look = || {
        socket.set_nonblocking(true)?;
        let count = socket.read(&mut [0; 1024]);
        socket.set_nonblocking(false)?;
        count
    };
    match look() {
        // What a client still says after its request is of no interest.
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}
