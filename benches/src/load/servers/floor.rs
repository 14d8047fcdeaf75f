//! The floor: one readiness loop, one write for each client and wake, and no HTTP but a fixed head.

use super::{Feed, Setup, orders};
use crate::load::{data, token};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use orders::Order;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const ORDERS: Token = Token(usize::MAX - 1);

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache, no-transform\r\n\
                      transfer-encoding: chunked\r\n\r\n";

struct Client {
    stream: TcpStream,
    has_asked: bool,
    /// What the socket did not take.
    rest: Vec<u8>,
}

pub(super) fn serve(setup: Setup) -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match setup.feed {
        Feed::Events => publish(TcpListener::bind(address)?, setup.heartbeat),
        Feed::Ready(count) => write_tokens(&std::net::TcpListener::bind(address)?, count),
        Feed::Channel(_) => Err(io::Error::other("the floor has no tasks")),
    }
}

/// Encodes into one buffer, and writes it when it is full.
fn write_tokens(listener: &std::net::TcpListener, count: u64) -> io::Result<()> {
    const FULL: usize = 16 * 1024;
    orders::announce(listener.local_addr()?)?;
    orders::read(|_| true);
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let _request = stream.read(&mut [0; 1_024])?;
    stream.write_all(HEAD)?;
    let (mut events, mut chunk) = (Vec::with_capacity(FULL), Vec::with_capacity(FULL + 16));
    for number in 1..=count {
        events.extend_from_slice(b"data: ");
        events.extend_from_slice(token(number).as_bytes());
        events.extend_from_slice(b"\n\n");
        if events.len() > FULL - 64 || number == count {
            write!(chunk, "{:x}\r\n", events.len())?;
            chunk.append(&mut events);
            chunk.extend_from_slice(b"\r\n");
            stream.write_all(&chunk)?;
            chunk.clear();
        }
    }
    // Until the client leaves.
    stream.read(&mut [0]).map(drop)
}

fn publish(mut listener: TcpListener, heartbeat: Option<Duration>) -> io::Result<()> {
    orders::announce(listener.local_addr()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), ORDERS)?);
    let (orders, next) = mpsc::channel();
    orders::read(move |order| orders.send(order).is_ok() && waker.wake().is_ok());

    let (mut ready, mut clients, mut number) = (Events::with_capacity(1_024), Vec::new(), 0);
    let mut order: Option<(Order, Instant)> = None;
    let mut beat = heartbeat.map(|every| (every, Instant::now() + every));
    loop {
        let due = order.map(|(_, at)| at).into_iter().chain(beat.map(|(_, at)| at)).min();
        let timeout = due.map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut ready, timeout)?;
        for ready in &ready {
            match ready.token() {
                LISTENER => accept(&listener, &poll, &mut clients)?,
                ORDERS => order = next.try_recv().ok().map(|order| (order, Instant::now())),
                Token(key) => clients[key].advance()?,
            }
        }
        if let Some((due, at)) = &mut order
            && *at <= Instant::now()
        {
            let chunk = encode(due.burst, &mut number);
            for client in &mut clients {
                client.send(&chunk)?;
            }
            *at += due.every;
            due.wakes -= 1;
        }
        order = order.filter(|(due, _)| due.wakes > 0);
        if let Some((every, at)) = &mut beat
            && *at <= Instant::now()
        {
            for client in clients.iter_mut().filter(|client| client.has_asked) {
                client.send(b"2\r\n:\n\r\n")?;
            }
            *at += *every;
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, clients: &mut Vec<Client>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(clients.len()), interest)?;
        clients.push(Client { stream, has_asked: false, rest: Vec::new() });
    }
}

/// Events in one chunk of a chunked body.
fn encode(burst: u64, number: &mut u64) -> Vec<u8> {
    let mut events = String::new();
    for _ in 0..burst {
        *number += 1;
        events.push_str(&format!("id: e-{number}\ndata: {}\n\n", data(*number)));
    }
    format!("{:X}\r\n{events}\r\n", events.len()).into_bytes()
}

impl Client {
    /// Answers the request, and goes on with what the socket did not take.
    fn advance(&mut self) -> io::Result<()> {
        match self.stream.read(&mut [0; 1_024]) {
            Ok(size) if size > 0 && !self.has_asked => {
                self.has_asked = true;
                self.send(HEAD)?;
            }
            _ => {}
        }
        let rest = core::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { self.send(&rest) }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(bytes);
            return Ok(());
        }
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.rest.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}
