use super::wire::Wire;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longer than any load takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients on one readiness loop.
pub(super) struct Generator {
    poll: Poll,
    ready: Events,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    wire: Wire,
    /// The number of the event that was received last.
    last: u64,
}

impl Generator {
    /// Connects clients, one after the other, and waits until each has the head of its response.
    pub(super) fn connect(address: SocketAddr, clients: usize) -> io::Result<Self> {
        let mut generator = Self {
            poll: Poll::new()?,
            ready: Events::with_capacity(1_024),
            clients: Vec::new(),
            buffer: vec![0; 64 * 1024],
        };
        for key in 0..clients {
            let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
            stream
                .write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            generator.poll.registry().register(&mut stream, Token(key), Interest::READABLE)?;
            generator.clients.push(Client { stream, wire: Wire::default(), last: 0 });
        }
        generator.run(|clients| clients.iter().all(|client| client.wire.is_open()))?;
        Ok(generator)
    }

    /// Waits until each client has this many events more; gives how long each event took, in nanoseconds.
    pub(super) fn receive(&mut self, events: u64) -> io::Result<Vec<u64>> {
        let last: Vec<u64> = self.clients.iter().map(|client| client.last + events).collect();
        self.run(|clients| clients.iter().zip(&last).all(|(client, last)| client.last == *last))
    }

    fn run(&mut self, is_done: impl Fn(&[Client]) -> bool) -> io::Result<Vec<u64>> {
        let (deadline, mut latencies) = (Instant::now() + PATIENCE, Vec::new());
        while !is_done(&self.clients) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "some events did not arrive"));
            }
            self.poll.poll(&mut self.ready, Some(left))?;
            for ready in &self.ready {
                self.clients[ready.token().0].read(&mut self.buffer, &mut latencies)?;
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
            let (now, mut out_of_order) = (super::stamp(), None);
            let last = &mut self.last;
            self.wire.read(&buffer[..size], |number, stamp| {
                if number != *last + 1 {
                    out_of_order.get_or_insert((*last, number));
                }
                *last = number;
                latencies.push(now.saturating_sub(stamp));
            })?;
            if let Some((last, number)) = out_of_order {
                return Err(io::Error::other(format!("a client got event {number} after event {last}")));
            }
            if size < buffer.len() {
                return Ok(());
            }
        }
    }
}
