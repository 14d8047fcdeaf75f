//! The example servers, in this process, against plain sockets: each test holds for both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "real sockets need real time, if little of it")]
#![allow(clippy::duplicate_mod, reason = "each example has its own copy of what they share")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/blocking.rs"]
mod blocking;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/readiness.rs"]
mod readiness;

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use sse_core::connection::CloseEvent;
use sse_core::{Config, event_name};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Nothing takes this long, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(2);
const NEVER: Duration = Duration::from_secs(3_600);

#[test]
fn the_first_byte_comes_at_once() {
    for start in SERVERS {
        let server = start(Config::new().with_retry(Duration::from_millis(1_500)), NEVER, numbers);
        let mut client = Client::open(&server);
        assert!(client.read_chunk());
        assert_eq!(client.body, b":\nretry: 1500\n");
        for (name, value) in sse_core::head::RESPONSE_HEADERS {
            assert!(client.head.contains(&format!("\r\n{name}: {value}\r\n")), "{}", client.head);
        }
    }
}

#[test]
fn events_come_in_order_to_several_clients_at_once() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        let clients: Vec<_> = (0..20).map(|_| Client::open(&server)).collect();
        for mut client in clients {
            check_contiguous(client.ticks(50));
        }
    }
}

#[test]
fn a_client_resumes_behind_the_last_event_it_saw() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        let seen = Client::open(&server).ticks(3);
        let mut client = Client::resume(&server, &seen[0].id.to_string());
        let again = client.ticks(10);
        assert_eq!(again[..2], seen[1..], "what came after the first event, without loss or duplicates");
        check_contiguous(again);
    }
}

#[test]
fn a_client_whose_event_is_gone_is_told_so() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        for lost in ["7", "18446744073709551615", "not-one-of-ours", "é"] {
            let mut client = Client::resume(&server, lost);
            let verdict = client.next_block().unwrap();
            assert!(verdict.starts_with("event: sse:reset\nid: "), "{verdict}");
            check_contiguous(client.ticks(3));
        }
    }
}

#[test]
fn a_source_that_ends_ends_the_response() {
    for start in SERVERS {
        let config = Config::new().with_close_event(CloseEvent::new(event_name!("done")));
        let server = start(config, TICK, |number| (number < 3).then(|| number.to_string()));
        try_until("the end of the source", || Client::open(&server).next_block().is_some_and(is_done));
        let mut late = Client::open(&server);
        assert!(late.next_block().is_some_and(is_done), "a late client is told at once");
        assert!(late.next_block().is_none() && late.is_complete);
    }
    fn is_done(block: String) -> bool {
        block == "event: done\ndata: complete\n"
    }
}

#[test]
fn head_gets_the_head_and_no_body() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        for path in ["/events", "/"] {
            let head = exchange(&server, &format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert_eq!(head.find("\r\n\r\n"), Some(head.len() - 4), "{head}");
        }
    }
}

#[test]
fn http_1_0_gets_a_body_without_chunks() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        let mut client = Client::request(&server, "GET /events HTTP/1.0\r\n\r\n");
        assert!(!client.head.contains("transfer-encoding"), "{}", client.head);
        check_contiguous(client.ticks(3));
    }
}

#[test]
fn other_requests_get_short_answers() {
    let many = "x: y\r\n".repeat(5_000);
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "200"),
            ("GET /?a HTTP/1.1\r\n\r\n", "200"),
            ("GET /other HTTP/1.1\r\n\r\n", "404"),
            ("POST /events HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "405"),
            ("what is this?\r\n\r\n", "400"),
            (&format!("GET / HTTP/1.1\r\n{many}\r\n"), "431"),
            (&format!("GET /{}", "a".repeat(20_000)), "431"),
        ] {
            let answer = exchange(&server, request);
            assert_eq!(answer.get(9..12), Some(status), "{answer}");
        }
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.set_nodelay(true).unwrap();
        for byte in b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n" {
            socket.write_all(&[*byte]).unwrap();
        }
        check_contiguous(Client::on(socket).ticks(3));
    }
}

#[test]
fn a_client_that_leaves_is_removed() {
    for start in SERVERS {
        let server = start(Config::new(), TICK, numbers);
        let mut stays = Client::open(&server);
        let clients: Vec<_> = (0..5).map(|_| Client::open(&server)).collect();
        let asks_nothing = TcpStream::connect(server.address).unwrap();
        wait_until("all to be there", || (server.connections)() == 7);
        drop((clients, asks_nothing));
        wait_until("the others to be gone", || (server.connections)() == 1);
        check_contiguous(stays.ticks(10));
    }
}

#[test]
fn a_client_that_never_reads_is_given_up_and_stops_nobody() {
    for start in SERVERS {
        // A queue that it does not fill before it has stalled.
        let config = Config::new().with_queue_limit(1 << 30).with_stall_limit(Duration::from_millis(400));
        let server = start(config, 2 * TICK, large);
        let deaf = Client::open(&server);
        let mut hears = Client::open(&server);
        let mut ticks = hears.ticks(1);
        let mut was_waiting = false;
        try_until("the deaf one to be given up", || {
            ticks.extend(hears.ticks(1));
            was_waiting |= (server.waiting_bytes)() > 0;
            (server.connections)() == 1
        });
        assert!(was_waiting, "it had filled its socket");
        check_contiguous(ticks);
        assert!(!deaf.reads_to_a_proper_end());
    }
}

#[test]
fn a_client_that_reads_too_late_costs_its_queue_gets_a_proper_end_and_resumes() {
    const QUEUE_LIMIT: usize = 250_000;
    for start in SERVERS {
        let config = Config::new().with_queue_limit(QUEUE_LIMIT).with_stall_limit(PATIENCE);
        let server = start(config, 2 * TICK, large);
        let mut late = Client::open(&server);
        let mut ticks = late.ticks(1);
        let mut other = Client::open(&server);
        let mut most_waiting = 0;
        // More than sockets and logs hold.
        for _ in 0..500 {
            if other.next_tick().is_none() {
                // Too late as well, on a busy machine.
                other = Client::open(&server);
            }
            most_waiting = most_waiting.max((server.waiting_bytes)());
        }
        assert!(most_waiting > 0, "it had filled its socket");
        // For each of the two: the queue, and the chunk that left it.
        assert!(most_waiting <= 2 * (QUEUE_LIMIT + LARGE + 1_000), "{most_waiting}");
        try_until("its end", || {
            let tick = late.next_tick();
            let is_over = tick.is_none();
            ticks.extend(tick);
            is_over
        });
        assert!(late.is_complete, "what was accepted came, and a proper end");
        let last = ticks.last().map(|tick| tick.id).unwrap();
        check_contiguous(ticks);
        let next = Client::resume(&server, &last.to_string()).next_block().unwrap();
        assert!(next.contains("sse:reset") || next.contains(&format!("id: {}\n", last + 1)), "no silent gap");
    }
}

type Message = fn(u64) -> Option<String>;

/// Ends, so that servers which outlive their test fall silent.
fn numbers(number: u64) -> Option<String> {
    (number < 20_000).then(|| number.to_string())
}

const LARGE: usize = 100_000;

/// Fills the buffers of a socket in reasonable time.
fn large(number: u64) -> Option<String> {
    (number < 1_500).then(|| format!("{number} {}", "x".repeat(LARGE)))
}

struct Server {
    address: SocketAddr,
    connections: Box<dyn Fn() -> usize>,
    waiting_bytes: Box<dyn Fn() -> usize>,
}

const SERVERS: [fn(Config, Duration, Message) -> Server; 2] = [start_blocking, start_readiness];

fn start_blocking(config: Config, tick: Duration, message: Message) -> Server {
    use blocking::support::{Gauges, Settings};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gauges = Arc::new(Gauges::default());
    let (connections, waiting_bytes) = (Arc::clone(&gauges), Arc::clone(&gauges));
    thread::spawn(move || blocking::serve(&listener, Settings { config, tick, message }, gauges));
    Server {
        address,
        connections: Box::new(move || connections.connections.load(Relaxed)),
        waiting_bytes: Box::new(move || waiting_bytes.waiting_bytes.load(Relaxed)),
    }
}

fn start_readiness(config: Config, tick: Duration, message: Message) -> Server {
    use readiness::support::{Gauges, Settings};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gauges = Arc::new(Gauges::default());
    let (connections, waiting_bytes) = (Arc::clone(&gauges), Arc::clone(&gauges));
    thread::spawn(move || readiness::serve(listener, Settings { config, tick, message }, &gauges));
    Server {
        address,
        connections: Box::new(move || connections.connections.load(Relaxed)),
        waiting_bytes: Box::new(move || waiting_bytes.waiting_bytes.load(Relaxed)),
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    try_until(what, || {
        thread::sleep(Duration::from_millis(1));
        is_so()
    });
}

/// For what waits by itself.
fn try_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}

/// Sends a request and reads all that comes.
fn exchange(server: &Server, request: &str) -> String {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn check_contiguous(ticks: Vec<Tick>) {
    for pair in ticks.windows(2) {
        assert_eq!((pair[0].id + 1, pair[0].number + 1), (pair[1].id, pair[1].number));
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Tick {
    id: u64,
    number: u64,
}

/// A client that knows just enough: the head, chunks, blocks.
struct Client {
    socket: BufReader<TcpStream>,
    head: String,
    body: Vec<u8>,
    /// The last chunk has come.
    is_complete: bool,
}

impl Client {
    fn open(server: &Server) -> Self {
        Self::request(server, "GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
    }

    fn resume(server: &Server, last_event_id: &str) -> Self {
        let head = format!("GET /events HTTP/1.1\r\nhost: x\r\nLast-Event-ID: {last_event_id}\r\n\r\n");
        Self::request(server, &head)
    }

    fn request(server: &Server, request: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        Self::on(socket)
    }

    fn on(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut socket = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(socket.read_line(&mut head).unwrap(), 0, "a whole head");
        }
        Self { socket, head, body: Vec::new(), is_complete: false }
    }

    fn ticks(&mut self, count: usize) -> Vec<Tick> {
        (0..count).map(|_| self.next_tick().expect("one more tick")).collect()
    }

    fn next_tick(&mut self) -> Option<Tick> {
        let block = self.next_block()?;
        let lines: Vec<&str> = block.lines().collect();
        let ["event: tick", id, data] = lines[..] else { panic!("not a tick: {block:?}") };
        let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
        let number = data.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Tick { id, number })
    }

    /// The lines of the next block, without comments.
    fn next_block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.body, b"\n\n") {
                let block: Vec<u8> = self.body.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let lines = block.lines().filter(|line| !line.is_empty() && !line.starts_with(':'));
                return Some(lines.flat_map(|line| [line, "\n"]).collect());
            }
            if !self.read_chunk() {
                return None;
            }
        }
    }

    /// False at the end, whether a proper one (see `is_complete`) or not.
    fn read_chunk(&mut self) -> bool {
        if !self.head.contains("\r\ntransfer-encoding: chunked\r\n") {
            let buffer = self.socket.fill_buf().unwrap();
            let count = buffer.len();
            self.body.extend_from_slice(buffer);
            self.socket.consume(count);
            return count > 0;
        }
        match self.try_read_chunk() {
            Ok(size) => {
                self.is_complete = size == 0;
                size > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                false
            }
            Err(error) => panic!("no chunk: {error}"),
        }
    }

    fn try_read_chunk(&mut self) -> io::Result<usize> {
        let mut size = String::new();
        self.socket.read_line(&mut size)?;
        let Some(size) = size.strip_suffix("\r\n") else {
            return Err(ErrorKind::UnexpectedEof.into());
        };
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        self.socket.read_exact(&mut chunk)?;
        assert_eq!(&chunk[size..], b"\r\n", "a chunk ends with CRLF");
        self.body.extend_from_slice(&chunk[..size]);
        Ok(size)
    }

    fn reads_to_a_proper_end(mut self) -> bool {
        while self.read_chunk() {}
        self.is_complete
    }
}
