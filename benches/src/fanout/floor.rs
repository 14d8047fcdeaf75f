//! The floor: one readiness loop, one write for each client and wake.

use super::data;
use super::servers::{Order, announce, read_orders};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Instant;

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

pub(super) fn serve() -> io::Result<()> {
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    announce(listener.local_addr()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), ORDERS)?);
    let (orders, next) = mpsc::channel();
    read_orders(move |order| orders.send(order).is_ok() && waker.wake().is_ok());

    let (mut ready, mut clients, mut number) = (Events::with_capacity(1_024), Vec::new(), 0);
    let mut order: Option<(Order, Instant)> = None;
    loop {
        let timeout = order.map(|(_, at)| at.saturating_duration_since(Instant::now()));
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
        events.push_str(&format!("id: e-{number}\ndata: {}\n\n", data()));
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
