//! A client on a blocking socket: `cargo run --example blocking_client -- localhost:3000 /events`.
//!
//! All that concerns the protocol is in `follow`: one `match` on what [`Client::poll_output`] says. It speaks HTTP/1.0, whose
//! bodies need no decoding, and follows no redirects.

#![allow(clippy::print_stdout, reason = "an example")]

use core::time::Duration;
use sse_core::client::{Attempt, Client, Config, EndReason, Output, ResponseHead};
use sse_core::{Instant, Item, head};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;

/// More than any head that makes sense.
const HEAD_LIMIT: usize = 64 * 1024;

/// For a deadline that has passed: look once. Zero would mean to wait for ever.
const LEAST: Duration = Duration::from_millis(1);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost:3000".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/".to_owned());
    let mut client = Client::start(Config::new()).with_seed(u64::from(std::process::id()));
    let reason = follow(&mut client, &host, &path, |item| println!("{item:?}"));
    println!("{reason}");
}

/// Runs a client to its end.
pub(crate) fn follow(
    client: &mut Client,
    host: &str,
    path: &str,
    mut tell: impl FnMut(Item<'_>),
) -> EndReason {
    let clock = Clock::start();
    let mut buffer = [0; 16 * 1024];
    let mut asked: Option<Attempt> = None;
    let mut transport: Option<Transport> = None;
    loop {
        match client.poll_output(clock.now()) {
            Output::Connect(attempt) => asked = Some(attempt),
            Output::Open => {}
            Output::Wait(deadline) => {
                let patience = clock.until(deadline);
                if let Some(attempt) = asked.take() {
                    match Transport::request(host, path, &attempt, patience) {
                        Ok(made) => transport = Some(made),
                        Err(_) => {
                            // Behind the deadline it is a time-out, before it an error: the machine takes the first.
                            client.handle_timeout(clock.now());
                            client.handle_connect_error(clock.now());
                        }
                    }
                    continue;
                }
                let Some(transport) = &mut transport else {
                    pause(patience);
                    continue;
                };
                let read = transport.read(&mut buffer, patience);
                let now = clock.now();
                match read {
                    Ok(0) if client.is_open() => client.handle_end(now),
                    Ok(0) => client.handle_connect_error(now),
                    Ok(count) => transport.handle_bytes(client, now, &buffer[..count], &mut tell),
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock | ErrorKind::TimedOut => client.handle_timeout(now),
                        ErrorKind::Interrupted => {}
                        _ if client.is_open() => client.handle_transport_error(now),
                        _ => client.handle_connect_error(now),
                    },
                }
            }
            Output::Disconnect(_) => transport = None,
            Output::Closed(reason) => return reason,
        }
    }
}

/// One connection, and its response as far as it came.
struct Transport {
    socket: TcpStream,
    /// Taken when it is complete.
    head: Option<Vec<u8>>,
}

impl Transport {
    fn request(host: &str, path: &str, attempt: &Attempt, patience: Duration) -> io::Result<Self> {
        let addresses: Vec<SocketAddr> = host.to_socket_addrs()?.collect();
        let mut socket = connect(&addresses, patience)?;
        socket.set_write_timeout(Some(patience.max(LEAST)))?;
        let mut request = format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n");
        for (name, value) in head::REQUEST_HEADERS {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(id) = &attempt.last_event_id {
            request.push_str(&format!("{}: {id}\r\n", head::LAST_EVENT_ID));
        }
        socket.write_all(format!("{request}\r\n").as_bytes())?;
        Ok(Self { socket, head: Some(Vec::new()) })
    }

    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(patience.max(LEAST)))?;
        self.socket.read(buffer)
    }

    fn handle_bytes(
        &mut self,
        client: &mut Client,
        now: Instant,
        bytes: &[u8],
        tell: &mut impl FnMut(Item<'_>),
    ) {
        let Some(mut received) = self.head.take() else {
            return read_body(client, now, bytes, tell);
        };
        received.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&received) {
            Ok(httparse::Status::Complete(len)) => {
                let mut head = ResponseHead::new(response.code.unwrap_or_default());
                let headers = response.headers.iter();
                let types = headers.filter(|header| header.name.eq_ignore_ascii_case("content-type"));
                if let Some(content_type) = head::content_type(types.map(|header| header.value)) {
                    head = head.with_content_type(content_type);
                }
                client.handle_response(now, head);
                read_body(client, now, &received[len..], tell);
            }
            Ok(httparse::Status::Partial) if received.len() < HEAD_LIMIT => self.head = Some(received),
            _ => client.handle_connect_error(now),
        }
    }
}

/// Connects to the first address that answers, as `localhost` has two; each has its share of the time.
pub(crate) fn connect(addresses: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let clock = Clock::start();
    let mut error = ErrorKind::NotFound.into();
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share =
            patience.saturating_sub(clock.now().since_epoch()) / u32::try_from(left).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(LEAST)) {
            Ok(socket) => return Ok(socket),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

fn read_body(client: &mut Client, now: Instant, bytes: &[u8], tell: &mut impl FnMut(Item<'_>)) {
    let mut feed = client.feed(now, bytes);
    while let Some(item) = feed.next() {
        tell(item);
    }
}

struct Clock(std::time::Instant);

#[allow(clippy::disallowed_methods, reason = "the core reads no clock, so that its drivers can")]
impl Clock {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.0.elapsed())
    }

    fn until(&self, deadline: Option<Instant>) -> Duration {
        let now = self.now();
        deadline.map_or(Duration::from_secs(3_600), |deadline| deadline.saturating_duration_since(now))
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread of its own may sleep")]
fn pause(duration: Duration) {
    thread::sleep(duration);
}
