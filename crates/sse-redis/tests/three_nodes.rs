//! Three nodes, 300 clients that are cut again and again, nodes that restart, and an engine that fails, under a steady stream of
//! events: every client sees every event once, or is told what it may have lost.
//!
//! `SSE_SEED=7 cargo test -p sse-redis --test three_nodes` makes the choices of seed 7 again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod engine;

use core::time::Duration;
use engine::{Client, Engine, PATIENCE, settings};
use sse_broadcast::{Outcome, Position, Sequence};
use sse_redis::{PublishError, RedisBroadcaster, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::{Instant, sleep, timeout};

const NODES: usize = 3;
const CLIENTS: u64 = 300;
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
const EVENTS: u64 = 1_500;
const END: &str = "end";

/// The generator known as splitmix64.
#[derive(Clone)]
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    async fn pause(&mut self, up_to_millis: u64) {
        sleep(Duration::from_millis(self.below(up_to_millis))).await;
    }
}

fn seed() -> u64 {
    let given = env::var("SSE_SEED").ok().map(|seed| seed.parse().expect("SSE_SEED is a number"));
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5EED);
    println!("SSE_SEED={seed}");
    seed
}

/// What the nodes and their clients share.
struct World {
    engine: Mutex<Engine>,
    settings: Settings,
    nodes: Mutex<[Option<RedisBroadcaster>; NODES]>,
    is_over: AtomicBool,
    /// What was published, by epoch and number: its topic and data.
    published: Mutex<BTreeMap<String, Published>>,
}

/// Topics and data.
type Published = BTreeMap<Sequence, (&'static str, String)>;

impl World {
    async fn begin(engine: Engine, settings: Settings) -> Arc<Self> {
        let world = Self {
            engine: Mutex::new(engine),
            settings,
            nodes: Mutex::default(),
            is_over: AtomicBool::new(false),
            published: Mutex::default(),
        };
        for node in 0..NODES {
            world.start(node).await;
        }
        Arc::new(world)
    }

    /// Starts a node, as soon as that can be.
    async fn start(&self, node: usize) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let servers = self.engine.lock().unwrap().servers();
            match RedisBroadcaster::connect(servers, self.settings.clone()).await {
                Ok(hub) => break self.nodes.lock().unwrap()[node] = Some(hub),
                Err(error) => assert!(Instant::now() < patience, "{error}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// One of the nodes that are there.
    async fn node(&self, choices: &mut Choices) -> RedisBroadcaster {
        loop {
            let found = self.nodes.lock().unwrap()[choices.below(NODES as u64) as usize].clone();
            match found {
                Some(hub) => return hub,
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Nodes come and go, one at a time.
    async fn restart_nodes(self: Arc<Self>, mut choices: Choices) -> u64 {
        let mut restarts = 0;
        while !self.is_over() {
            choices.pause(300).await;
            let node = choices.below(NODES as u64) as usize;
            let gone = self.nodes.lock().unwrap()[node].take();
            drop(gone);
            choices.pause(100).await;
            self.start(node).await;
            restarts += 1;
        }
        restarts
    }

    /// Publishes at whatever node there is; nothing that the engine has perhaps is published again.
    async fn publish(&self, choices: &mut Choices, topic: &'static str, data: String) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let hub = self.node(choices).await;
            match hub.publish(topic, data.clone()).await {
                Ok(Position { epoch, sequence }) => {
                    let mut published = self.published.lock().unwrap();
                    let log = published.entry(epoch.as_str().to_owned()).or_default();
                    assert_eq!(log.insert(sequence, (topic, data)), None, "an id is given once");
                    return;
                }
                Err(PublishError::Unconfirmed(_)) => return,
                Err(error) => assert!(Instant::now() < patience, "{error}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What a client saw, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Event(Position, String),
    /// Events up to this one may be lost; it goes on from here.
    Gap(Position, Sequence),
    /// Another log, from here on: of what was published up to this one, what it still holds.
    Reset(Position, Sequence),
}

/// A client that is cut again and again, until it has seen the end of its topics.
async fn live(world: Arc<World>, mut choices: Choices) -> (Vec<&'static str>, Vec<Seen>, u64) {
    let mut topics = vec![*choices.one_of(&TOPICS)];
    if choices.below(3) == 0 {
        topics = TOPICS.to_vec();
    }
    let mut client = Client::connect(&world.node(&mut choices).await, &topics, None);
    let (mut seen, mut ends, mut cuts) = (Vec::new(), BTreeSet::new(), 0);
    loop {
        let events = 1 + choices.below(60);
        let until = Instant::now() + Duration::from_millis(1 + choices.below(200));
        for _ in 0..events {
            let Ok(Ok(event)) = tokio::time::timeout_at(until, client.next()).await else { break };
            let position = event.id.parse::<Position>();
            match &*event.name {
                "message" => {
                    if event.data == END {
                        ends.insert(position.unwrap().sequence);
                    }
                    seen.push(Seen::Event(position.unwrap(), event.data));
                }
                "sse:reset" if event.data.contains("gap") => {
                    let to = event.data.split_once("\"to\":\"").unwrap().1.strip_suffix("\"}").unwrap();
                    seen.push(Seen::Gap(position.unwrap(), to.parse().unwrap()));
                }
                "sse:reset" => {
                    let position = position.unwrap();
                    let published = world.published.lock().unwrap();
                    let log = published.get(position.epoch.as_str());
                    let newest = log.and_then(|log| log.last_key_value()).map(|(newest, _)| *newest);
                    seen.push(Seen::Reset(position, newest.unwrap_or_default()));
                }
                "sse:start" | "sse:stale" | "sse:retry" => {}
                other => panic!("{other}"),
            }
        }
        if ends.len() == topics.len() {
            return (topics, seen, cuts);
        }
        cuts += 1;
        if choices.below(20) == 0 {
            choices.pause(400).await;
        }
        let hub = world.node(&mut choices).await;
        client.reconnect(&hub);
        if let Outcome::Refused(_) = client.outcome {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Once or told: between any two things that a client saw, all that was published for it is either seen or told as lost.
fn check(world: &World, topics: &[&str], seen: &[Seen]) {
    let published = world.published.lock().unwrap();
    let mut last: Option<Position> = None;
    let mut told = Sequence::ZERO;
    for (i, step) in seen.iter().enumerate() {
        let (Seen::Event(at, _) | Seen::Gap(at, _) | Seen::Reset(at, _)) = step;
        if let Some(last) = last.filter(|last| last.epoch == at.epoch) {
            match step {
                Seen::Event(..) => assert!(at.sequence > last.sequence, "{at} behind {last}"),
                Seen::Gap(_, to) => {
                    assert!(at.sequence >= last.sequence && *to > last.sequence, "{at} behind {last}");
                }
                Seen::Reset(..) => panic!("a reset to {at} of the epoch that it had, behind {last}"),
            }
        }
        match step {
            Seen::Gap(_, to) => told = told.max(*to),
            Seen::Reset(_, newest) => told = *newest,
            Seen::Event(..) => {}
        }
        let log = published.get(at.epoch.as_str());
        if let (Seen::Event(_, data), Some(log)) = (step, log) {
            if let Some((topic, said)) = log.get(&at.sequence) {
                assert!(topics.contains(topic) && said == data, "{at} was {said:?} of {topic}");
            }
            match last {
                Some(last) if last.epoch == at.epoch => {
                    let between = log.range(last.sequence.next()..at.sequence);
                    let untold = between.filter(|(id, (topic, _))| **id > told && topics.contains(topic));
                    let lost: Vec<_> = untold.collect();
                    assert!(
                        lost.is_empty(),
                        "{topics:?} {:?} between {last} and {at} nobody told of {lost:?}",
                        &seen[i.saturating_sub(5)..=i + 2]
                    );
                }
                Some(last) => panic!("{at} behind {last}, and nobody said that it is another log"),
                None => {}
            }
        }
        last = Some(*at);
    }
}

struct Lived {
    clients: Vec<(Vec<&'static str>, Vec<Seen>)>,
    cuts: u64,
    restarts: u64,
}

impl Lived {
    fn count(&self, is: impl Fn(&Seen) -> bool) -> usize {
        self.clients.iter().flat_map(|(_, seen)| seen).filter(|seen| is(seen)).count()
    }
}

/// Everything above; `meanwhile` is called in front of each event with its number.
async fn live_through(world: &Arc<World>, seed: u64, meanwhile: impl Fn(u64, &World)) -> Lived {
    let mut choices = Choices(seed);
    let mut fork = || Choices(choices.below(u64::MAX));
    let restarting = tokio::spawn(Arc::clone(world).restart_nodes(fork()));
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(live(Arc::clone(world), fork()))).collect();
    let mut publisher = fork();
    for number in 0..EVENTS {
        meanwhile(number, world);
        let topic = *publisher.one_of(&TOPICS);
        world.publish(&mut publisher, topic, number.to_string()).await;
        sleep(Duration::from_millis(1 + publisher.below(3))).await;
    }
    for topic in TOPICS {
        world.publish(&mut publisher, topic, END.to_owned()).await;
    }
    let mut lived = Lived { clients: Vec::new(), cuts: 0, restarts: 0 };
    for client in clients {
        let (topics, seen, cuts) =
            timeout(2 * PATIENCE, client).await.expect("a client hears nothing").unwrap();
        lived.cuts += cuts;
        lived.clients.push((topics, seen));
    }
    world.is_over.store(true, Ordering::SeqCst);
    lived.restarts = restarting.await.unwrap();
    for (topics, seen) in &lived.clients {
        check(world, topics, seen);
    }
    println!("{CLIENTS} clients, {} cuts, {} restarts of nodes", lived.cuts, lived.restarts);
    lived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b07_300_clients_of_three_nodes_see_each_event_once_whatever_is_cut() {
    let Some(engine) = Engine::start(&[]) else { return };
    let world = World::begin(engine, settings()).await;
    let lived = live_through(&world, seed(), |_, _| {}).await;
    assert!(lived.cuts > CLIENTS && lived.restarts > 5, "{} cuts, {} restarts", lived.cuts, lived.restarts);
    assert_eq!(lived.count(|seen| !matches!(seen, Seen::Event(..))), 0, "nothing was lost");
    // All that was published since its first event, each client saw.
    let published = world.published.lock().unwrap();
    let log = published.values().next().unwrap();
    for (topics, seen) in &lived.clients {
        let Seen::Event(first, _) = &seen[0] else { unreachable!() };
        let theirs = log.range(first.sequence..).filter(|(_, (topic, _))| topics.contains(topic));
        assert_eq!(seen.len(), theirs.count());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b07_300_clients_of_three_nodes_are_told_what_the_engine_lost() {
    // Writes all down, so that a crash alone loses nothing.
    let Some(engine) = Engine::start(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    // A short log: who is away for long has lost something.
    let local = sse_broadcast::Settings::new().lenient().with_lag(sse_broadcast::Lag::Skip).with_events(10);
    let world = World::begin(engine, settings().with_local(local).with_entries(100)).await;
    let lived = live_through(&world, seed(), |number, world| {
        let mut engine = world.engine.lock().unwrap();
        match number {
            400 => drop(engine.cli(&["FLUSHALL"])),
            700 => {
                engine.crash();
                engine.run();
            }
            1_000 => drop(engine.cli(&["DEL", &world.settings.stream_key()])),
            _ => {}
        }
    })
    .await;
    assert_eq!(world.published.lock().unwrap().len(), 3, "epochs");
    assert!(
        lived.count(|seen| matches!(seen, Seen::Reset(..))) as u64 > CLIENTS,
        "each is told of what it lost"
    );
    assert!(lived.count(|seen| matches!(seen, Seen::Gap(..))) > 0, "somebody was away for too long");
}
