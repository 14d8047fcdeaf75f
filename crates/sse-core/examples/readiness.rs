//! A server on one thread, many connections, no runtime: `PORT=8080 cargo run --example readiness`.
//!
//! The loop waits for readiness or for the earliest deadline of all connections. `Peer::advance` holds what concerns
//! the protocol: poll a [`Connection`] only when its socket has taken what came before. Each event is encoded once and
//! offered to every connection; whose queue is full is closed as lagged, and may come back and resume.

pub(crate) mod support;

use bytes::{Buf, Bytes};
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use sse_core::connection::{CloseEvent, Output, SendError};
use sse_core::{CloseReason, Config, Connection, EventId, Frame, Instant, event_name};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::sync::Arc;
use support::history::History;
use support::http::{self, Answer, Outgoing, StreamBody};
use support::{Clock, Gauges, Settings};

const LISTENER: Token = Token(0);
/// For the request, for a whole response, and for the client's goodbye.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 10_000;

fn main() -> io::Result<()> {
    let config = Config::new()
        .with_retry(Duration::from_secs(2))
        .with_close_event(CloseEvent::new(event_name!("done")));
    let message = |number| Some(format!("tick {number}"));
    let settings = Settings { config, tick: Duration::from_secs(1), message };
    serve(support::listen()?, settings, &Gauges::default())
}

/// Serves for ever.
pub(crate) fn serve(listener: std::net::TcpListener, settings: Settings, gauges: &Gauges) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1_024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let clock = Clock::start();
    let mut peers: HashMap<Token, Peer> = HashMap::new();
    let mut last_token = LISTENER;
    let mut source = Source::new(settings, clock.now());
    loop {
        // A look at each connection is cheap beside the system call; for very many keep the deadlines in a heap.
        let deadline = peers.values().filter_map(Peer::deadline).chain(source.next_tick).min();
        match poll.poll(&mut events, deadline.map(|deadline| clock.until(deadline))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        let now = clock.now();
        for event in &events {
            if let Some(peer) = peers.get_mut(&event.token()) {
                if event.is_readable() || event.is_error() {
                    peer.read(&source, now);
                }
                peer.advance(now);
            }
        }
        // Also without readiness: it is not told again when an accept failed for want of descriptors.
        accept(&listener, poll.registry(), &mut peers, &mut last_token, now);
        if let Some(news) = source.tick(now) {
            for peer in peers.values_mut() {
                peer.offer(&news);
                peer.advance(now);
            }
        }
        for peer in peers.values_mut().filter(|peer| peer.deadline().is_some_and(|deadline| deadline <= now))
        {
            peer.handle_timeout(now);
            peer.advance(now);
        }
        peers.retain(|_, peer| !matches!(peer.phase, Phase::Gone));
        gauges.connections.store(peers.len(), Relaxed);
        gauges.waiting_bytes.store(peers.values().map(Peer::waiting_bytes).sum(), Relaxed);
    }
}

/// Takes all that wait: readiness is told once.
fn accept(
    listener: &TcpListener,
    registry: &Registry,
    peers: &mut HashMap<Token, Peer>,
    last_token: &mut Token,
    now: Instant,
) {
    while let Ok((mut socket, _)) = listener.accept() {
        // A token is not used twice, so an event for a peer that is gone reaches nobody.
        last_token.0 += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let is_ready = peers.len() < MAX_CONNECTIONS
            && socket.set_nodelay(true).is_ok()
            && registry.register(&mut socket, *last_token, interest).is_ok();
        if is_ready {
            let phase = Phase::Request { received: Vec::new(), deadline: now.saturating_add(PATIENCE) };
            peers.insert(*last_token, Peer { socket, phase, outgoing: unframed(Bytes::new()) });
        }
    }
}

/// What is published, and when.
struct Source {
    config: Arc<Config>,
    history: History,
    tick: Duration,
    message: fn(u64) -> Option<String>,
    published: u64,
    /// `None` once the source has ended.
    next_tick: Option<Instant>,
}

enum News {
    Frame(Frame),
    End,
}

impl Source {
    fn new(settings: Settings, now: Instant) -> Self {
        let Settings { config, tick, message } = settings;
        let next_tick = Some(now.saturating_add(tick));
        Self { config: Arc::new(config), history: History::new(), tick, message, published: 0, next_tick }
    }

    /// Publishes when it is time.
    fn tick(&mut self, now: Instant) -> Option<News> {
        self.next_tick.filter(|next_tick| *next_tick <= now)?;
        let Some(message) = (self.message)(self.published) else {
            self.next_tick = None;
            return Some(News::End);
        };
        self.published += 1;
        self.next_tick = Some(now.saturating_add(self.tick));
        Some(News::Frame(self.history.publish(&message)))
    }

    /// Starts a stream with what its client has missed.
    fn subscribe(&self, last_event_id: Option<&EventId<'_>>, now: Instant) -> Connection {
        let mut connection = Connection::start(Arc::clone(&self.config), now);
        let (position, verdict) = self.history.resume(last_event_id);
        for frame in verdict.iter().chain(self.history.after(position).into_iter().flatten()) {
            send_or_close(&mut connection, frame);
        }
        if self.next_tick.is_none() {
            connection.close(CloseReason::SourceEnded);
        }
        connection
    }
}

/// The one answer to a slow client: what was accepted goes out, and it resumes from there when it comes back.
fn send_or_close(connection: &mut Connection, frame: &Frame) {
    if let Err(SendError::Full(_)) = connection.send(frame.clone()) {
        connection.close(CloseReason::Lagged);
    }
}

struct Peer {
    socket: TcpStream,
    phase: Phase,
    /// What the socket has not taken yet.
    outgoing: Outgoing,
}

enum Phase {
    Request {
        received: Vec<u8>,
        deadline: Instant,
    },
    Stream {
        connection: Connection,
        body: StreamBody,
    },
    /// The last bytes go out, then the client's end of the connection is awaited: closing a socket that holds unread
    /// bytes resets it, and the client may lose the end of what we wrote.
    Farewell {
        deadline: Instant,
    },
    Gone,
}

impl Peer {
    fn read(&mut self, source: &Source, now: Instant) {
        let mut buffer = [0; 1024];
        // A client that talks on and on must not keep the loop to itself.
        for _ in 0..64 {
            match self.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.receive(&buffer[..count], source, now),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        match &mut self.phase {
            Phase::Stream { connection, .. } => connection.handle_peer_gone(),
            phase => *phase = Phase::Gone,
        }
    }

    /// Takes the request; what a client says after it is of no interest.
    fn receive(&mut self, bytes: &[u8], source: &Source, now: Instant) {
        let Phase::Request { received, .. } = &mut self.phase else {
            return;
        };
        received.extend_from_slice(bytes);
        match http::answer(received) {
            None => return,
            Some(Answer::Whole(response)) => {
                self.outgoing = unframed(response);
                self.phase = Phase::Farewell { deadline: now.saturating_add(PATIENCE) };
            }
            Some(Answer::Stream { body, last_event_id }) => {
                let connection = source.subscribe(last_event_id.as_ref(), now);
                self.phase = Phase::Stream { connection, body };
            }
        }
        self.advance(now);
    }

    fn offer(&mut self, news: &News) {
        if let Phase::Stream { connection, .. } = &mut self.phase {
            match news {
                News::Frame(frame) => send_or_close(connection, frame),
                News::End => connection.close(CloseReason::SourceEnded),
            }
        }
    }

    /// Does all that can be done without waiting. After every input; harmless at any time.
    fn advance(&mut self, now: Instant) {
        loop {
            if matches!(&self.phase, Phase::Stream { connection, .. } if connection.is_closed()) {
                // Stalled or left. Without the end of its body the client knows that the stream was cut.
                self.phase = Phase::Gone;
                return;
            }
            if self.outgoing.has_remaining() {
                match http::write_some(&mut self.socket, &mut self.outgoing) {
                    Ok(()) => {
                        if let Phase::Stream { connection, .. } = &mut self.phase {
                            connection.handle_progress(now);
                        }
                        continue;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                    Err(_) => return self.phase = Phase::Gone,
                }
            }
            match &mut self.phase {
                Phase::Stream { connection, body } => match connection.poll_output(now) {
                    Output::Transmit(bytes) => self.outgoing = body.frame(bytes),
                    Output::Wait(_) => return,
                    Output::Closed(_) => {
                        self.outgoing = unframed(Bytes::from_static(body.end()));
                        self.phase = Phase::Farewell { deadline: now.saturating_add(PATIENCE) };
                    }
                },
                Phase::Farewell { .. } => {
                    let _a_client_that_left_needs_none = self.socket.shutdown(Shutdown::Write);
                    return;
                }
                Phase::Request { .. } | Phase::Gone => return,
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Stream { connection, .. } => connection.handle_timeout(now),
            phase => *phase = Phase::Gone,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Stream { connection, .. } => connection.next_deadline(),
            Phase::Request { deadline, .. } | Phase::Farewell { deadline } => Some(*deadline),
            Phase::Gone => None,
        }
    }

    fn waiting_bytes(&self) -> usize {
        let queued = match &self.phase {
            Phase::Stream { connection, .. } => connection.queued_bytes(),
            _ => 0,
        };
        queued + self.outgoing.remaining()
    }
}

fn unframed(bytes: Bytes) -> Outgoing {
    Bytes::new().chain(bytes).chain(b"")
}
