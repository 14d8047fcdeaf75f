//! Redis servers of the tests' own, and clients of the nodes that read from them.

#![allow(dead_code, reason = "each test file uses what it needs")]

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use futures_core::Stream;
use rustix::process::{Pid, Signal, kill_process};
use sse_broadcast::{Delivery, Outcome, Subscription};
use sse_core::{CloseReason, Decoder, EventId, OwnedItem};
use sse_redis::{RedisBroadcaster, Servers, Settings};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server with a directory of its own, on a free port.
pub(crate) struct Engine {
    pub(crate) port: u16,
    dir: PathBuf,
    args: Vec<String>,
    child: Option<Child>,
}

impl Engine {
    /// Starts one without persistence; `None`, and a word about it, where there is no Redis.
    pub(crate) fn start(args: &[&str]) -> Option<Self> {
        Self::start_with(&[], args)
    }

    fn prepare(args: &[&str]) -> Option<Self> {
        static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);
        if Command::new("redis-server").arg("--version").output().is_err() {
            println!("SKIPPED: there is no redis-server; Debian has it in the package redis-server");
            return None;
        }
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("sse-redis-{}-{number}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Some(Self { port: free_port(), dir, args, child: None })
    }

    /// Starts one that finds these files in its directory, which its arguments call `{dir}`.
    pub(crate) fn start_with(files: &[(&str, &str)], args: &[&str]) -> Option<Self> {
        let mut engine = Self::prepare(args)?;
        for (name, text) in files {
            fs::write(engine.dir.join(name), text).unwrap();
        }
        engine.run();
        Some(engine)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn servers(&self) -> Servers {
        Servers::at(&self.url()).unwrap()
    }

    /// Starts it, or starts it again.
    pub(crate) fn run(&mut self) {
        self.run_on(self.port);
    }

    /// Starts it again, and has something done before nodes can reach it.
    pub(crate) fn run_with(&mut self, first: impl FnOnce(&Self)) {
        let port = core::mem::replace(&mut self.port, free_port());
        self.run();
        first(self);
        self.cli(&["CONFIG", "SET", "port", &port.to_string()]);
        self.port = port;
    }

    fn run_on(&mut self, port: u16) {
        let mut command = Command::new("redis-server");
        if self.dir.join("sentinel.conf").exists() {
            command.arg(self.dir.join("sentinel.conf")).arg("--sentinel");
        }
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command
            .arg(&self.dir)
            .args(self.args.iter().map(|arg| arg.replace("{dir}", &self.dir.to_string_lossy())));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let deadline = std::time::Instant::now() + PATIENCE;
        if self.args.iter().any(|arg| arg == "--tls-port") {
            return;
        }
        while !["PONG", "NOAUTH"].iter().any(|word| self.try_cli(&["PING"]).contains(word)) {
            assert!(std::time::Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.as_ref().unwrap().id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// What `redis-cli` says.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let answer = self.try_cli(args);
        assert!(!answer.contains("ERR"), "{args:?}: {answer}");
        answer
    }

    pub(crate) fn try_cli(&self, args: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.resume();
        }
        self.crash();
        drop(fs::remove_dir_all(&self.dir));
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Settings that notice soon.
pub(crate) fn settings() -> Settings {
    let local = sse_broadcast::Settings::new().lenient().with_lag(sse_broadcast::Lag::Skip);
    Settings::new("test")
        .with_local(local)
        .with_poll(Duration::from_millis(300))
        .with_stale_after(Duration::from_millis(200))
        .with_backoff(Duration::from_millis(10), Duration::from_millis(100))
}

pub(crate) async fn node(engine: &Engine) -> RedisBroadcaster {
    RedisBroadcaster::connect(engine.servers(), settings()).await.unwrap()
}

/// A client in the sense of the standard: it has a last event id, whatever its connection.
pub(crate) struct Client {
    topics: Vec<&'static str>,
    stream: Pin<Box<Subscription>>,
    decoder: Decoder,
    pub(crate) last_id: Option<EventId<'static>>,
    pub(crate) outcome: Outcome,
    pending: std::collections::VecDeque<Event>,
}

/// A dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) id: String,
}

impl Client {
    pub(crate) fn connect(hub: &RedisBroadcaster, topics: &[&'static str], last_id: Option<&str>) -> Self {
        let last_id = last_id.map(|id| EventId::new(id.to_owned()).unwrap());
        let stream = hub.broadcaster().subscribe_or_refuse(topics.to_vec(), last_id.as_ref());
        let outcome = stream.outcome();
        Self {
            topics: topics.to_vec(),
            stream: Box::pin(stream),
            decoder: Decoder::new(),
            last_id,
            outcome,
            pending: std::collections::VecDeque::new(),
        }
    }

    /// Goes on at that node, as its browser would.
    pub(crate) fn reconnect(&mut self, hub: &RedisBroadcaster) {
        let stream = hub.broadcaster().subscribe_or_refuse(self.topics.clone(), self.last_id.as_ref());
        self.outcome = stream.outcome();
        self.stream = Box::pin(stream);
        self.decoder = Decoder::new();
        self.pending.clear();
    }

    /// The next event, or how the stream ended.
    pub(crate) async fn next(&mut self) -> Result<Event, Option<CloseReason>> {
        timeout(PATIENCE, self.next_at_leisure()).await.expect("nothing came")
    }

    async fn next_at_leisure(&mut self) -> Result<Event, Option<CloseReason>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.see(&event);
                return Ok(event);
            }
            match poll_fn(|cx| self.stream.as_mut().poll_next(cx)).await {
                Some(Delivery::Frame(frame)) => self.take(frame.as_bytes()),
                Some(Delivery::Close(reason)) => return Err(Some(reason)),
                None => return Err(None),
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    /// Everything that there is at present.
    pub(crate) async fn all(&mut self) -> Vec<Event> {
        poll_fn(|cx| {
            while let Poll::Ready(Some(Delivery::Frame(frame))) = self.stream.as_mut().poll_next(cx) {
                self.take(frame.as_bytes());
            }
            Poll::Ready(())
        })
        .await;
        let all: Vec<_> = self.pending.drain(..).collect();
        all.iter().for_each(|event| self.see(event));
        all
    }

    /// Events up to one with these data, without what says that a stream begins.
    pub(crate) async fn until(&mut self, data: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.unwrap_or_else(|end| panic!("{end:?} behind {events:?}"));
            if event.name != "sse:start" {
                events.push(event);
            }
            if events.last().is_some_and(|event| event.data == data) {
                return events;
            }
        }
    }

    fn see(&mut self, event: &Event) {
        if !event.id.is_empty() {
            self.last_id = Some(EventId::new(event.id.clone()).unwrap());
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for item in self.decoder.feed(bytes).owned() {
            if let OwnedItem::Event(event) = item {
                let id = event.last_event_id.to_string();
                self.pending.push_back(Event {
                    name: event.event_type.to_string(),
                    data: event.data.to_string(),
                    id,
                });
            }
        }
    }
}

pub(crate) fn data(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
