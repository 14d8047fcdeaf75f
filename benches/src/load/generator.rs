//! The clients: one thread, one readiness loop, every event checked.

use super::wire::Wire;
use super::{TOKENS, stamp};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longer than any load takes, a server under a profiler included.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Generator {
    poll: Poll,
    ready: Events,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    wire: Wire,
    received: u64,
    /// What the numbers of events begin again after.
    modulus: u64,
}

impl Generator {
    /// Connects clients, one after the other, and waits until each has the head of its response. Each gets events that are
    /// numbered from 1.
    pub(super) fn connect(address: SocketAddr, clients: usize) -> io::Result<Self> {
        Self::connect_numbered(address, clients, u64::MAX)
    }

    /// Connects one client, which gets tokens.
    pub(super) fn connect_for_tokens(address: SocketAddr) -> io::Result<Self> {
        Self::connect_numbered(address, 1, TOKENS as u64)
    }

    fn connect_numbered(address: SocketAddr, clients: usize, modulus: u64) -> io::Result<Self> {
        let mut generator = Self {
            poll: Poll::new()?,
            ready: Events::with_capacity(1_024),
            clients: Vec::with_capacity(clients),
            buffer: vec![0; 256 * 1024],
        };
        for key in 0..clients {
            let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
            stream
                .write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            generator.poll.registry().register(&mut stream, Token(key), Interest::READABLE)?;
            generator.clients.push(Client { stream, wire: Wire::default(), received: 0, modulus });
        }
        generator.run(|clients| clients.iter().all(|client| client.wire.is_open()))?;
        Ok(generator)
    }

    /// Waits until each client has this many events more; gives how long each event took, in nanoseconds.
    pub(super) fn receive(&mut self, events: u64) -> io::Result<Vec<u64>> {
        let wanted: Vec<u64> = self.clients.iter().map(|client| client.received + events).collect();
        self.run(|clients| clients.iter().zip(&wanted).all(|(client, wanted)| client.received == *wanted))
    }

    /// Waits until each client has had this many events, those that came with the head included.
    pub(super) fn receive_all(&mut self, events: u64) -> io::Result<()> {
        self.run(|clients| clients.iter().all(|client| client.received == events)).map(drop)
    }

    /// Reads for so long; gives how many heartbeats each client got.
    pub(super) fn count_heartbeats(&mut self, time: Duration) -> io::Result<Vec<u64>> {
        let comments = |clients: &[Client]| -> Vec<u64> {
            clients.iter().map(|client| client.wire.comments()).collect()
        };
        let before = comments(&self.clients);
        let deadline = Instant::now() + time;
        self.run(|_| Instant::now() >= deadline)?;
        Ok(comments(&self.clients).iter().zip(before).map(|(after, before)| after - before).collect())
    }

    /// Waits until each client has this many heartbeats; gives how many they have in all.
    pub(super) fn wait_for_heartbeats(&mut self, each: u64) -> io::Result<u64> {
        self.run(|clients| clients.iter().all(|client| client.wire.comments() >= each))?;
        Ok(self.clients.iter().map(|client| client.wire.comments()).sum())
    }

    /// Lets so many clients read no more; gives them, to be kept.
    pub(super) fn stall(&mut self, clients: usize) -> io::Result<impl Sized + use<>> {
        let mut stalled = self.clients.split_off(self.clients.len().saturating_sub(clients));
        for client in &mut stalled {
            self.poll.registry().deregister(&mut client.stream)?;
        }
        Ok(stalled)
    }

    fn run(&mut self, is_done: impl Fn(&[Client]) -> bool) -> io::Result<Vec<u64>> {
        const LOOK: Duration = Duration::from_millis(100);
        let (deadline, mut latencies) = (Instant::now() + PATIENCE, Vec::new());
        while !is_done(&self.clients) {
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "some events did not arrive"));
            }
            self.poll.poll(&mut self.ready, Some(LOOK))?;
            for ready in &self.ready {
                // One that stalls may be ready still.
                if let Some(client) = self.clients.get_mut(ready.token().0) {
                    client.read(&mut self.buffer, &mut latencies)?;
                }
            }
        }
        Ok(latencies)
    }
}

impl Client {
    fn read(&mut self, buffer: &mut [u8], latencies: &mut Vec<u64>) -> io::Result<()> {
        loop {
            let size = match self.stream.read(buffer) {
                Ok(0) => return Err(io::Error::other("a server ended a response")),
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let (now, mut out_of_order) = (stamp(), None);
            let Self { received, modulus, .. } = self;
            self.wire.read(&buffer[..size], |number, stamp| {
                *received += 1;
                if number != *received % *modulus {
                    out_of_order.get_or_insert((*received, number));
                }
                if stamp > 0 {
                    latencies.push(now.saturating_sub(stamp));
                }
            })?;
            if let Some((expected, number)) = out_of_order {
                return Err(io::Error::other(format!("a client got {number} as event {expected}")));
            }
            if size < buffer.len() {
                return Ok(());
            }
        }
    }
}
