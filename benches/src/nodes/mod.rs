//! Nodes that share a log in Redis, and one that has its own: what a delivery takes, and what it costs whom.

pub mod model;
pub mod scale;

use core::pin::pin;
use core::time::Duration;
use sse_broadcast::{Delivery, Lag, Settings, Subscription};
use sse_redis::{RedisBroadcaster, Servers};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;

/// The word of the command line, and of the report.
pub const NODES: &str = "nodes";

const TOPIC: &str = "prices";
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of it.
#[derive(Clone, Copy)]
struct Size {
    runs: usize,
    /// Lone deliveries of each run.
    lone: usize,
    /// Events that are read, and published, as fast as can be.
    many: usize,
    clients: usize,
}

const FULL: Size = Size { runs: 5, lone: 2_000, many: 50_000, clients: 1_000 };
const QUICK: Size = Size { runs: 1, lone: 50, many: 2_000, clients: 50 };

/// Measures, and gives Markdown.
///
/// # Errors
///
/// When there is no `redis-server`, or it fails.
pub fn run(is_quick: bool) -> io::Result<String> {
    let size = if is_quick { QUICK } else { FULL };
    // The server has a core of its own, so that what is timed is not its waiting for ours.
    let pid = std::process::id().to_string();
    drop(Command::new("taskset").args(["-pc", "1", &pid]).stdout(Stdio::null()).status());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(size)).map_err(|error| io::Error::other(error.to_string()))
}

type Failed = Box<dyn core::error::Error>;

async fn measure(size: Size) -> Result<String, Failed> {
    let server = Server::start()?;
    let mut admin = server.client()?.get_multiplexed_async_connection().await?;
    let version = info(&mut admin, "server", "redis_version:").await?;
    let mut text = format!(
        "Redis {version} without persistence, on one core; the nodes on another. Events of 200 bytes.\n\n"
    );

    // Turn by turn, so that what the machine does meanwhile meets both.
    let mut latencies = [Vec::new(), Vec::new()];
    for _ in 0..size.runs {
        let alone = RedisBroadcaster::embedded(local());
        latencies[0].push(latency(&alone, &alone, size.lone).await?);
        let [one, other] = [server.node().await?, server.node().await?];
        latencies[1].push(latency(&one, &other, size.lone).await?);
    }
    text += "| from publishing to the client's stream, one event a millisecond | median | p99 | spread of the medians |\n|---|---|---|---|\n";
    for (name, runs) in [
        ("one node, its own log", &latencies[0]),
        ("published at one node, delivered at another", &latencies[1]),
    ] {
        let medians: Vec<f64> = runs.iter().map(|run| micros(quantile(run, 0.5))).collect();
        let all: Vec<Duration> = runs.iter().flatten().copied().collect();
        let (least, most) = (least(&medians), most(&medians));
        let (median, p99) = (micros(quantile(&all, 0.5)), micros(quantile(&all, 0.99)));
        writeln!(text, "| {name} | {median:.0} µs | {p99:.0} µs | {least:.0} to {most:.0} µs |")?;
    }

    text += "\n| as fast as can be, without clients' sockets | for each event |\n|---|---|\n";
    let alone = RedisBroadcaster::embedded(local());
    let embedded = publish_many(&alone, size.many).await?;
    writeln!(
        text,
        "| CPU of the node: publish and deliver to one client, its own log | {:.1} µs |",
        micros(embedded) / size.many as f64
    )?;
    drop(alone);

    let hub = server.node().await?;
    reset_stats(&mut admin).await?;
    let before = server_cpu(&mut admin).await?;
    let published = publish_many(&hub, size.many).await?;
    let cost = server_cpu(&mut admin).await? - before;
    writeln!(
        text,
        "| CPU of a node: publish, read and deliver to one client | {:.1} µs |",
        micros(published) / size.many as f64
    )?;
    writeln!(
        text,
        "| CPU of Redis: one publisher, one node that reads | {:.1} µs |",
        cost * 1e6 / size.many as f64
    )?;
    drop(hub);

    let hub = server.node().await?;
    reset_stats(&mut admin).await?;
    let read = read_many(&mut admin, &hub, size.many).await?;
    writeln!(
        text,
        "| CPU of a node that only reads and delivers to one client | {:.1} µs |",
        micros(read) / size.many as f64
    )?;
    let (calls, usec) = command_stats(&mut admin, "xread").await?;
    writeln!(text, "| Redis' own time in `XREAD` for a node | {:.2} µs |", usec as f64 / size.many as f64)?;
    writeln!(text, "| entries of one `XREAD` | {:.0} |", size.many as f64 / calls as f64)?;

    let reads = reconnect(&mut admin, &hub, size.clients).await?;
    text += "\n| | |\n|---|---|\n";
    writeln!(
        text,
        "| reads that {} clients cost Redis that come back at once, each 100 events behind | {reads} |",
        size.clients
    )?;
    let (bytes, entries) = memory(&mut admin).await?;
    writeln!(text, "| memory of Redis for an entry | {:.0} bytes |", bytes as f64 / entries as f64)?;
    let node = rss_of_node(&server).await?;
    writeln!(text, "| memory of a node for an event in its log | {node:.0} bytes |")?;
    text += &checked_model(&server, &mut admin, size).await?;
    Ok(text)
}

/// What a lone event costs, by the number of nodes and clients: the model of `docs/SCALE.md` says that it is a sum, and is to
/// foretell what three nodes cost from what none and one do.
async fn checked_model(
    server: &Server,
    admin: &mut redis::aio::MultiplexedConnection,
    size: Size,
) -> Result<String, Failed> {
    const CLIENTS: usize = 100;
    let mut runs: [Vec<Cost>; 4] = Default::default();
    for _ in 0..size.runs {
        for (runs, (nodes, clients)) in runs.iter_mut().zip([(0, 0), (1, 0), (1, CLIENTS), (3, CLIENTS)]) {
            runs.push(paced(server, admin, nodes, clients, size.lone).await?);
        }
    }
    let [none, one, crowd, three] = runs.map(|runs| Cost {
        engine: median(runs.iter().map(|run| run.engine)),
        process: median(runs.iter().map(|run| run.process)),
    });
    let (read, event) = (one.engine - none.engine, one.process - none.process);
    let delivery = (crowd.process - one.process) / CLIENTS as f64;
    let engine = none.engine + 3.0 * read;
    let process = none.process + 3.0 * (event + CLIENTS as f64 * delivery);
    let mut text =
        "\n| CPU for a lone event, one a millisecond, medians | Redis | nodes and publisher |\n|---|---|---|\n"
            .to_owned();
    for (what, cost) in [
        ("no node", none),
        ("one node, no client", one),
        ("one node, 100 clients", crowd),
        ("three nodes, 300 clients", three),
    ] {
        writeln!(text, "| {what} | {:.1} µs | {:.1} µs |", cost.engine, cost.process)?;
    }
    writeln!(text, "| three nodes, as foretold from the others | {engine:.1} µs | {process:.1} µs |")?;
    let off = |foretold: f64, measured: f64| 100.0 * (foretold / measured - 1.0);
    writeln!(
        text,
        "| foretold is off by | {:+.0} % | {:+.0} % |",
        off(engine, three.engine),
        off(process, three.process)
    )?;
    Ok(text)
}

/// CPU for an event, in microseconds.
#[derive(Clone, Copy)]
struct Cost {
    engine: f64,
    process: f64,
}

/// Lone events at so many nodes with so many clients each; the streams are read, and go to no sockets.
async fn paced(
    server: &Server,
    admin: &mut redis::aio::MultiplexedConnection,
    nodes: usize,
    clients: usize,
    events: usize,
) -> Result<Cost, Failed> {
    let mut hubs = Vec::new();
    for _ in 0..nodes {
        hubs.push(server.node().await?);
    }
    let mut reading = tokio::task::JoinSet::new();
    for hub in &hubs {
        for _ in 0..clients {
            reading.spawn(arrivals(hub.broadcaster().subscribe([TOPIC], None)?, events));
        }
    }
    // Each has begun.
    sleep(Duration::from_millis(200)).await;
    let (engine, process) = (server_cpu(admin).await?, cpu()?);
    for _ in 0..events {
        sleep(Duration::from_millis(1)).await;
        let mut add = redis::cmd("XADD");
        add.arg(shared().stream_key()).arg("MAXLEN").arg("~").arg(100_000).arg("*");
        add.arg("topic").arg(TOPIC).arg("data").arg(payload(0)).query_async::<()>(admin).await?;
    }
    while let Some(read) = timeout(PATIENCE, reading.join_next()).await? {
        if read?.len() != events {
            return Err("a client did not get all".into());
        }
    }
    let each = |seconds: f64| seconds * 1e6 / events as f64;
    Ok(Cost {
        engine: each(server_cpu(admin).await? - engine),
        process: each((cpu()? - process).as_secs_f64()),
    })
}

fn local() -> Settings {
    Settings::new().lenient().with_lag(Lag::Skip).with_events(100_000).with_bytes(1 << 30)
}

fn payload(number: usize) -> String {
    format!("{number:08} {}", "x".repeat(191))
}

/// How long each of so many lone events takes.
async fn latency(
    from: &RedisBroadcaster,
    to: &RedisBroadcaster,
    events: usize,
) -> Result<Vec<Duration>, Failed> {
    let stream = to.broadcaster().subscribe([TOPIC], None)?;
    let arrivals = tokio::spawn(arrivals(stream, events));
    let mut sent = Vec::with_capacity(events);
    for number in 0..events {
        sleep(Duration::from_millis(1)).await;
        sent.push(Instant::now());
        from.publish(TOPIC, payload(number)).await?;
    }
    let arrived = timeout(PATIENCE, arrivals).await??;
    Ok(sent.iter().zip(arrived).map(|(sent, arrived)| arrived.duration_since(*sent)).collect())
}

/// When each of so many events came.
async fn arrivals(stream: Subscription, events: usize) -> Vec<Instant> {
    let mut stream = pin!(stream);
    let mut arrived = Vec::with_capacity(events);
    while arrived.len() < events {
        let Some(Delivery::Frame(frame)) = stream.next().await else { break };
        let now = Instant::now();
        // Not the event that says that the stream begins.
        let text = String::from_utf8_lossy(frame.as_bytes()).into_owned();
        arrived.extend(text.match_indices("\ndata: 0").map(|_| now));
    }
    arrived
}

/// Publishes so many events, 64 at a time, until one client has all; what CPU that took.
async fn publish_many(hub: &RedisBroadcaster, events: usize) -> Result<Duration, Failed> {
    const AT_ONCE: usize = 64;
    let stream = hub.broadcaster().subscribe([TOPIC], None)?;
    let arrivals = tokio::spawn(arrivals(stream, events));
    let before = cpu()?;
    let mut publishing = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE {
        let hub = hub.clone();
        publishing.spawn(async move {
            for number in (first..events).step_by(AT_ONCE) {
                hub.publish(TOPIC, payload(number)).await?;
            }
            Ok::<_, sse_redis::PublishError>(())
        });
    }
    while let Some(published) = publishing.join_next().await {
        published??;
    }
    timeout(PATIENCE, arrivals).await??;
    Ok(cpu()? - before)
}

/// Lets the server itself add so many entries, until one client of the node has all; what CPU of the node that took.
async fn read_many(
    admin: &mut redis::aio::MultiplexedConnection,
    hub: &RedisBroadcaster,
    events: usize,
) -> Result<Duration, Failed> {
    const SCRIPT: &str = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 100000, '*', 'topic', ARGV[2], \
                          'data', ARGV[3]) end";
    let key = shared().stream_key();
    let stream = hub.broadcaster().subscribe([TOPIC], None)?;
    let arrivals = tokio::spawn(arrivals(stream, events));
    let before = cpu()?;
    let mut left = events;
    while left > 0 {
        let some = left.min(1_000);
        let mut add = redis::cmd("EVAL");
        add.arg(SCRIPT).arg(1).arg(&key).arg(some).arg(TOPIC).arg(payload(0));
        add.query_async::<()>(admin).await?;
        left -= some;
    }
    timeout(PATIENCE, arrivals).await??;
    Ok(cpu()? - before)
}

/// How many reads it costs the server that clients come back at once.
async fn reconnect(
    admin: &mut redis::aio::MultiplexedConnection,
    hub: &RedisBroadcaster,
    clients: usize,
) -> Result<u64, Failed> {
    let position = hub.publish(TOPIC, payload(0)).await?;
    for number in 1..=100 {
        hub.publish(TOPIC, payload(number)).await?;
    }
    // Until the node has read them.
    while hub.broadcaster().position().sequence.parts() < position.sequence.parts() {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(100)).await;
    let before = command_stats(admin, "xread").await?.0;
    let id = position.to_id();
    for _ in 0..clients {
        let stream = hub.broadcaster().subscribe([TOPIC], Some(&id))?;
        if timeout(PATIENCE, arrivals(stream, 100)).await?.len() != 100 {
            return Err("a client did not get what it missed".into());
        }
    }
    Ok(command_stats(admin, "xread").await?.0 - before)
}

/// Bytes and entries of the stream.
async fn memory(admin: &mut redis::aio::MultiplexedConnection) -> Result<(u64, u64), Failed> {
    let key = shared().stream_key();
    let bytes = redis::cmd("MEMORY").arg("USAGE").arg(&key).arg("SAMPLES").arg(0).query_async(admin).await?;
    let entries = redis::cmd("XLEN").arg(&key).query_async(admin).await?;
    Ok((bytes, entries))
}

/// By how much the memory of this process grows for each event that a node reads when it starts.
async fn rss_of_node(server: &Server) -> Result<f64, Failed> {
    let before = rss()?;
    let hub = server.node().await?;
    let events = hub.engine_stats().entries;
    Ok((rss()? - before) / events as f64)
}

fn rss() -> io::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024.0).ok_or_else(|| io::Error::other("no VmRSS"))
}

/// What this process has used so far.
fn cpu() -> io::Result<Duration> {
    // Nanoseconds of all threads that are there; this runtime has one.
    let mut total = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        total +=
            text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(total))
}

async fn info(
    admin: &mut redis::aio::MultiplexedConnection,
    section: &str,
    name: &str,
) -> Result<String, Failed> {
    let info: String = redis::cmd("INFO").arg(section).query_async(admin).await?;
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.map(|value| value.trim().to_owned()).ok_or_else(|| format!("no {name} in INFO {section}").into())
}

async fn reset_stats(admin: &mut redis::aio::MultiplexedConnection) -> Result<(), Failed> {
    Ok(redis::cmd("CONFIG").arg("RESETSTAT").query_async(admin).await?)
}

/// In seconds, the kernel's share included.
async fn server_cpu(admin: &mut redis::aio::MultiplexedConnection) -> Result<f64, Failed> {
    let user: f64 = info(admin, "cpu", "used_cpu_user:").await?.parse()?;
    let system: f64 = info(admin, "cpu", "used_cpu_sys:").await?.parse()?;
    Ok(user + system)
}

/// How often a command was called, and the microseconds that took.
async fn command_stats(
    admin: &mut redis::aio::MultiplexedConnection,
    command: &str,
) -> Result<(u64, u64), Failed> {
    let line = info(admin, "commandstats", &format!("cmdstat_{command}:")).await?;
    let value = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name)?.parse().ok());
    value("calls=").zip(value("usec=")).ok_or_else(|| "no such figures".into())
}

fn shared() -> sse_redis::Settings {
    sse_redis::Settings::new("bench").with_local(local())
}

struct Server {
    child: Child,
    port: u16,
    dir: PathBuf,
}

impl Server {
    fn start() -> Result<Self, Failed> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = std::env::temp_dir().join(format!("sse-benches-redis-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let arguments = ["-c", "0", "redis-server", "--bind", "127.0.0.1", "--save", "", "--port"];
        let child = Command::new("taskset")
            .args(arguments)
            .arg(port.to_string())
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { child, port, dir };
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err("redis-server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn client(&self) -> Result<redis::Client, Failed> {
        Ok(redis::Client::open(self.url())?)
    }

    async fn node(&self) -> Result<RedisBroadcaster, Failed> {
        Ok(RedisBroadcaster::connect(Servers::at(&self.url())?, shared()).await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn quantile(times: &[Duration], of: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let index = (times.len() as f64 * of) as usize;
    times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
