//! Thousands of clients. The server runs in a process of its own: its memory and its sockets are nobody else's.
//!
//! The process is the test's own program, run once more for a test that then is the server.

use super::client::Client;
use super::producer::{Answer, Census, app_of, counted};
use super::{Framework, Setup, listen, skipped, within};
use crate::sse_driver::sse_core::Event;
use core::time::Duration;
use sse_broadcast::{Broadcaster, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The name of the test that is the server in the other process.
const SERVER: &str = "ten_thousand_clients_come_and_leave_and_the_memory_returns";

/// Set for the process that is the server.
const IS_SERVER: &str = "SSE_SERVER_OF_A_CROWD";

/// How many clients come at once.
const WAVE: usize = 500;

/// More bytes for each client that came and left are a leak: the producer alone costs that much.
const LEAK: usize = 256;

pub(crate) async fn ten_thousand_clients_come_and_leave_and_the_memory_returns<F: Framework>() {
    if std::env::var_os(IS_SERVER).is_some() {
        return serve::<F>().await;
    }
    let Some(mut server) = Remote::start("ten thousand clients", WAVE).await else { return };
    let clients = 10_000 * depth();
    for _ in 0..8 {
        server.wave(WAVE).await;
    }
    let before = server.until_empty().await;
    for _ in 0..clients / WAVE {
        server.wave(WAVE).await;
    }
    let after = server.until_empty().await;
    assert_eq!(after.ended - before.ended, clients, "each hook ran once");
    let grown = after.memory.saturating_sub(before.memory);
    println!(
        "{clients} clients came and left: {} kB before, {} kB after",
        before.memory / 1024,
        after.memory / 1024
    );
    assert!(grown < clients * LEAK, "{grown} bytes more than before: {before:?}, {after:?}");
    server.stop().await;
}

pub(crate) async fn a_graceful_shutdown_ends_five_thousand_streams<F: Framework>() {
    let streams = 5_000 * depth();
    let server = Remote::start("a shutdown with five thousand streams", streams).await;
    let Some(mut server) = server else { return };
    let mut clients = Vec::new();
    while clients.len() < streams {
        clients.extend(server.connect(WAVE.min(streams - clients.len())).await);
    }
    let open = server.ask("census").await;
    assert_eq!((open.open, open.clients), (streams, streams / 2));
    let start = std::time::Instant::now();
    server.tell("stop");
    let mut ends = JoinSet::new();
    for mut client in clients {
        ends.spawn(async move {
            client.rest().await;
            client.expect_closed().await;
        });
    }
    // Each of them has a clean end, and nothing behind it.
    within("the ends", ends.join_all()).await;
    let left = server.exit().await;
    println!("{streams} streams ended, and their process exited, within {} ms", start.elapsed().as_millis());
    assert_eq!((left.open, left.clients, left.ended), (0, 0, streams));
}

/// How many times as much is done with `SSE_DEEP=1`.
fn depth() -> usize {
    if std::env::var_os("SSE_DEEP").is_some_and(|deep| deep == "1") { 3 } else { 1 }
}

/// What the server knows of itself.
#[derive(Clone, Copy, Debug)]
struct Report {
    /// Producers that live.
    open: usize,
    /// Clients of its broadcaster.
    clients: usize,
    /// Close hooks that ran.
    ended: usize,
    /// Resident bytes.
    memory: usize,
}

impl Report {
    fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_once("census: ")?.1.split(' ').map(|number| number.parse().unwrap());
        let [open, clients, ended, memory] = core::array::from_fn(|_| numbers.next().unwrap());
        Some(Self { open, clients, ended, memory })
    }
}

/// The process of a server, as seen from its clients'.
struct Remote {
    process: Child,
    input: ChildStdin,
    said: mpsc::UnboundedReceiver<String>,
    address: SocketAddr,
    /// Clients that came so far.
    came: usize,
}

impl Remote {
    /// Starts it, or says why `sockets` are too many here.
    async fn start(test: &str, sockets: usize) -> Option<Self> {
        if let Err(why) = allow_sockets(sockets) {
            skipped(test, &why);
            return None;
        }
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", SERVER, "--nocapture"])
            .env(IS_SERVER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let said = lines(process.stdout.take().unwrap());
        let mut this = Self { process, input, said, address: SocketAddr::from(([0; 4], 0)), came: 0 };
        this.address = this.line(|line| Some(line.split_once("address: ")?.1.parse().unwrap())).await;
        Some(this)
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
    }

    /// The first line of the server's that says something; the test harness has words of its own.
    async fn line<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let line = within("the server's next line", self.said.recv()).await;
            if let Some(said) = parse(&line.unwrap_or_else(|| panic!("the server is gone"))) {
                return said;
            }
        }
    }

    async fn ask(&mut self, what: &str) -> Report {
        self.tell(what);
        self.line(Report::parse).await
    }

    /// Waits until nothing is open, and the hooks have run.
    async fn until_empty(&mut self) -> Report {
        within("the last streams' ends", async {
            loop {
                let report = self.ask("census").await;
                if (report.open, report.clients) == (0, 0) && report.ended >= self.came {
                    return report;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }

    /// Connects clients that have read their first event: every other one to the broadcaster.
    async fn connect(&mut self, clients: usize) -> Vec<Client> {
        let (address, mut connecting) = (self.address, JoinSet::new());
        for number in 0..clients {
            connecting.spawn(async move {
                let path = if number % 2 == 0 { "/source" } else { "/broadcast" };
                let (_, mut client) = Client::get(address, path).await;
                client.until("data: ").await;
                client
            });
        }
        self.came += clients;
        connecting.join_all().await
    }

    /// Lets clients come, and leave: every other one with a reset.
    async fn wave(&mut self, clients: usize) {
        for (number, client) in self.connect(clients).await.into_iter().enumerate() {
            if number / 2 % 2 == 0 { client.reset() } else { drop(client) }
        }
        self.until_empty().await;
    }

    async fn stop(mut self) {
        self.tell("stop");
        self.exit().await;
    }

    /// Waits until the server has shut down and its process has ended; what it said last.
    async fn exit(mut self) -> Report {
        let last = self.line(Report::parse).await;
        let status = tokio::task::spawn_blocking(move || self.process.wait());
        assert!(within("the exit", status).await.unwrap().unwrap().success());
        last
    }
}

/// The server of a process of its own, until it is told to stop, or nobody is there who could.
async fn serve<F: Framework>() {
    allow_sockets(usize::MAX).unwrap_or_default();
    let hub = Broadcaster::new(Settings::new());
    let census = Census::default();
    let (stop, is_stopping) = watch::channel(false);
    let app = app_of({
        let (hub, census) = (hub.clone(), census.clone());
        move |path| {
            let mut is_stopping = is_stopping.clone();
            let until = async move {
                let _ended = is_stopping.wait_for(|is| *is).await;
            };
            let answer: Answer = match path {
                "/broadcast" => counted(hub.subscribe(["news"], None).unwrap(), &census),
                _ => counted(FirstOnly(Some(Event::new("first"))), &census)
                    .with(|options| options.until(until)),
            };
            answer.with(|options| options.with_heartbeat(None))
        }
    });
    let server = F::start(app, listen(), Setup::default());
    say(&format!("address: {}", server.address));
    let report = || {
        let memory = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = memory.split(' ').nth(1).unwrap().parse().unwrap();
        let memory = pages * rustix::param::page_size();
        let (open, ended) = census.count();
        say(&format!("census: {open} {} {ended} {}", hub.client_count(), memory));
    };
    let mut told = lines(std::io::stdin());
    while told.recv().await.is_some_and(|line| line == "census") {
        report();
    }
    stop.send_replace(true);
    hub.shutdown();
    server.stop.await;
    report();
}

/// The lines of another process, read on a thread: waiting for one can be given up.
fn lines(input: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        BufReader::new(input).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

fn say(line: &str) {
    let mut stdout = std::io::stdout();
    // The test harness has begun a line.
    let _is_heard = writeln!(stdout, "\n{line}").and_then(|()| stdout.flush());
}

/// A source that gives one event and waits.
struct FirstOnly(Option<Event<'static>>);

impl futures_core::Stream for FirstOnly {
    type Item = Event<'static>;

    fn poll_next(
        mut self: core::pin::Pin<&mut Self>,
        _: &mut core::task::Context<'_>,
    ) -> core::task::Poll<Option<Event<'static>>> {
        self.0.take().map_or(core::task::Poll::Pending, |event| core::task::Poll::Ready(Some(event)))
    }
}

/// Raises the limit of open files as far as it may be raised; `Err` says that it is below `sockets` still.
fn allow_sockets(sockets: usize) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let allowed = if raised.is_ok() { limit.maximum } else { limit.current };
    // Some files are open already, and other tests have some.
    let needed = sockets.saturating_add(1_000) as u64;
    match allowed {
        Some(allowed) if allowed < needed => {
            Err(format!("a process may open {allowed} files, {needed} are needed"))
        }
        _ => Ok(()),
    }
}
