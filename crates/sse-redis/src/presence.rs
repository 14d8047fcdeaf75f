//! Who is connected to all nodes together: each node says now and then what it has, and what it said expires.

use crate::error::EngineError;
use crate::node::{LATE, Node, Wire};
use core::fmt;
use core::future::Future;
use core::time::Duration;
use redis::Script;
use redis::aio::MultiplexedConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// For how many exchanges what a node said is good.
const MISSED: u32 = 3;

/// Names in one command.
const NAMES_AT_ONCE: usize = 500;

/// How many that left are remembered while nobody can be told.
const MOST_AT_ONCE: usize = 10_000;

/// Says how many clients a node has, and sums up what nodes said that still counts.
const COUNT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d', now + ARGV[3], ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local said = redis.call('HGETALL', KEYS[1])
local nodes, clients = 0, 0
for i = 1, #said, 2 do
    local good_until, count = string.match(said[i + 1], '^(%d+) (%d+)$')
    if good_until and tonumber(good_until) >= now then
        nodes = nodes + 1
        clients = clients + count
    else
        redis.call('HDEL', KEYS[1], said[i])
    end
end
return { nodes, clients }";

/// Says which members a node has of a topic, with how long that is good.
const JOIN: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'GT', now + ARGV[1], ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0";

/// Who is a member of a topic by what nodes said that still counts.
const MEMBERS: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')";

static COUNTING: LazyLock<Script> = LazyLock::new(|| Script::new(COUNT));
static JOINING: LazyLock<Script> = LazyLock::new(|| Script::new(JOIN));
static ASKING: LazyLock<Script> = LazyLock::new(|| Script::new(MEMBERS));

/// How many clients are connected, to whatever node.
///
/// ```
/// # fn f(hub: sse_redis::RedisBroadcaster) {
/// let everywhere = hub.clients_everywhere();
/// println!("{} clients on {} nodes", everywhere.clients, everywhere.nodes);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clients {
    /// Nodes that were heard of lately, this one included.
    pub nodes: usize,
    /// Their clients.
    pub clients: usize,
}

/// A member of a topic, as long as it is kept; see [`RedisBroadcaster::join`](crate::RedisBroadcaster::join).
///
/// ```
/// # async fn f(hub: sse_redis::RedisBroadcaster) -> Result<(), sse_redis::EngineError> {
/// let ada = hub.join("rooms/7", "ada");
/// // Kept with her stream, and dropped with it.
/// println!("{:?} are here", hub.members("rooms/7").await?);
/// drop(ada);
/// # Ok(()) }
/// ```
#[must_use]
pub struct Membership {
    members: Arc<Members>,
    topic: Arc<str>,
    name: Arc<str>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.members.leave(&self.topic, &self.name);
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("topic", &self.topic).field("name", &self.name).finish()
    }
}

/// The members of this node, and the changes that others have not been told of.
#[derive(Debug, Default)]
pub(crate) struct Members {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How often each has joined: somebody may have two tabs.
    here: BTreeMap<(Arc<str>, Arc<str>), usize>,
    joined: BTreeSet<(Arc<str>, Arc<str>)>,
    left: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Members {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn join(self: &Arc<Self>, topic: &str, name: &str) -> Membership {
        let (topic, name): (Arc<str>, Arc<str>) = (topic.into(), name.into());
        let key = (Arc::clone(&topic), Arc::clone(&name));
        let mut state = self.lock();
        let times = state.here.entry(key.clone()).or_default();
        *times += 1;
        if *times == 1 {
            state.left.remove(&key);
            state.joined.insert(key);
            self.changed.notify_one();
        }
        drop(state);
        Membership { members: Arc::clone(self), topic, name }
    }

    fn leave(&self, topic: &Arc<str>, name: &Arc<str>) {
        let key = (Arc::clone(topic), Arc::clone(name));
        let mut state = self.lock();
        let Some(times) = state.here.get_mut(&key) else { return };
        *times -= 1;
        if *times == 0 {
            state.here.remove(&key);
            state.joined.remove(&key);
            // Those that are too many to remember expire.
            if state.left.len() < MOST_AT_ONCE {
                state.left.insert(key);
            }
            self.changed.notify_one();
        }
    }

    /// Who is here of a topic, without what others have.
    pub(crate) fn here(&self, topic: &str) -> Vec<String> {
        let state = self.lock();
        state.here.keys().filter(|(of, _)| **of == *topic).map(|(_, name)| name.to_string()).collect()
    }
}

/// Says what this node has: its clients and all of its members at each exchange, members that come and go at once.
pub(crate) async fn run(node: &Node) {
    let every = node.settings.exchange;
    let mut wire = node.wire.subscribe();
    loop {
        // The first one as soon as it can be.
        let is_up = wire.wait_for(|wire| matches!(wire, Wire::Up(..))).await.is_ok();
        if !is_up {
            return;
        }
        if let Ok((mut connection, _)) = node.link() {
            // What could not be said is said with the next exchange, and expires until then.
            drop(exchange(node, &mut connection).await);
        }
        let next = sleep(every);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                () = node.members.changed.notified() => {
                    if let Ok((mut connection, _)) = node.link() {
                        drop(tell_changes(node, &mut connection).await);
                    }
                }
            }
        }
    }
}

async fn exchange(node: &Node, connection: &mut MultiplexedConnection) -> Result<(), EngineError> {
    let good_for = millis(node.settings.exchange.saturating_mul(MISSED));
    let mut count = COUNTING.key(node.settings.clients_key());
    count.arg(&node.id).arg(node.feed.broadcaster().client_count()).arg(good_for);
    let (nodes, clients): (usize, usize) = soon(count.invoke_async(connection)).await?;
    let everywhere = (Clients { nodes, clients }, Instant::now());
    *node.everywhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(everywhere);
    let here: Vec<_> = node.members.lock().here.keys().cloned().collect();
    node.members.lock().joined.extend(here);
    tell_changes(node, connection).await
}

async fn tell_changes(node: &Node, connection: &mut MultiplexedConnection) -> Result<(), EngineError> {
    let good_for = millis(node.settings.exchange.saturating_mul(MISSED));
    let (joined, left) = {
        let mut state = node.members.lock();
        (core::mem::take(&mut state.joined), core::mem::take(&mut state.left))
    };
    for (topic, names) in by_topic(&joined) {
        for names in names.chunks(NAMES_AT_ONCE) {
            let mut join = JOINING.key(node.settings.members_key(topic));
            join.arg(good_for);
            for name in names {
                join.arg(name_of(name, &node.id));
            }
            let _: usize = soon(join.invoke_async(connection)).await?;
        }
    }
    for (topic, names) in by_topic(&left) {
        for names in names.chunks(NAMES_AT_ONCE) {
            let mut leave = redis::cmd("ZREM");
            leave.arg(node.settings.members_key(topic));
            for name in names {
                leave.arg(name_of(name, &node.id));
            }
            let _: usize = soon(leave.query_async(connection)).await?;
        }
    }
    Ok(())
}

/// Each answer has its time, however many there are.
async fn soon<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T, EngineError> {
    Ok(timeout(LATE, asked).await.map_err(|_| EngineError::overdue("an exchange"))??)
}

/// What all nodes said, or what is known without them.
pub(crate) fn everywhere(node: &Node) -> Clients {
    let said = *node.everywhere.lock().unwrap_or_else(PoisonError::into_inner);
    let is_good = |at: &Instant| at.elapsed() < node.settings.exchange.saturating_mul(MISSED);
    match said.filter(|(_, at)| is_good(at)) {
        Some((clients, _)) => clients,
        None => Clients { nodes: 1, clients: node.feed.broadcaster().client_count() },
    }
}

/// Who is a member of a topic, on whatever node.
pub(crate) async fn members(
    node: &Node,
    connection: &mut MultiplexedConnection,
    topic: &str,
) -> Result<Vec<String>, EngineError> {
    let key = node.settings.members_key(topic);
    let asked = async { ASKING.key(key).invoke_async::<Vec<String>>(connection).await };
    let said =
        timeout(node.settings.answer_within, asked).await.map_err(|_| EngineError::overdue("members"))??;
    // Of this node what is known here is newer.
    let others = said.iter().filter_map(|said| said.split_once('\0')).filter(|(at, _)| *at != node.id);
    let others = others.map(|(_, name)| name.to_owned());
    let all: BTreeSet<String> = others.chain(node.members.here(topic)).collect();
    Ok(all.into_iter().collect())
}

/// The same member of two nodes is two: one may leave.
fn name_of(name: &str, node: &str) -> String {
    format!("{node}\0{name}")
}

fn by_topic(members: &BTreeSet<(Arc<str>, Arc<str>)>) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let mut topics: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (topic, name) in members {
        topics.entry(topic).or_default().push(name);
    }
    topics.into_iter()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 12)
}
