use crate::commands;
use crate::entry::Fields;
use crate::error::{ConnectError, EngineError, PublishError, is_answer, is_elsewhere};
use crate::node::{EngineStats, Node, Wire};
use crate::presence::{self, Clients, Members, Membership};
use crate::servers::Servers;
use crate::settings::{Outage, Settings};
use core::fmt;
use core::time::Duration;
use sse_broadcast::{Broadcaster, Message, Position};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// How soon a server that refused is asked again, while a publication may wait.
const AGAIN: Duration = Duration::from_millis(50);

/// Events for the clients of many nodes: what one node publishes, the clients of all of them get.
///
/// Each node reads the stream once, whatever the number of its clients, into a log of its own, which its subscriptions are
/// cursors in: [`RedisBroadcaster::broadcaster`] is what to subscribe to, and what the adapters' routes take. Cheap to clone;
/// when the last clone is dropped the reading ends, and the node's streams with it.
///
/// ```no_run
/// use sse_redis::{RedisBroadcaster, Servers, Settings};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = RedisBroadcaster::connect(Servers::at("redis://127.0.0.1:6379")?, Settings::new("news")).await?;
/// let stream = hub.broadcaster().subscribe(["rooms/7"], None)?;
/// let position = hub.publish("rooms/7", "hello").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisBroadcaster {
    engine: Arc<Log>,
}

enum Log {
    Embedded { hub: Broadcaster, members: Arc<Members> },
    Shared(Arc<Node>, JoinHandle<()>),
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Self::Shared(node, reading) = self {
            reading.abort();
            // Nothing would ever be heard on them.
            node.feed.broadcaster().shutdown();
        }
    }
}

impl RedisBroadcaster {
    /// Connects this node to the engine and reads the log: when it returns, clients can resume here. From then on a task keeps
    /// reading, and connects again whenever the link breaks.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: the first try did not succeed; nothing goes on.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn connect(servers: Servers, settings: Settings) -> Result<Self, ConnectError> {
        settings.check()?;
        let within = settings.connect_within;
        let node = Arc::new(Node::new(servers, settings));
        let mut wire = node.wire.subscribe();
        let reading = tokio::spawn({
            let node = Arc::clone(&node);
            async move { node.run().await }
        });
        let hub = Self { engine: Arc::new(Log::Shared(node, reading)) };
        let is_known = |wire: &Wire| !matches!(wire, Wire::New);
        let first = timeout(within, wire.wait_for(is_known)).await.map(|wire| wire.map(|wire| wire.clone()));
        match first {
            Ok(Ok(Wire::Up(..))) => Ok(hub),
            Ok(Ok(Wire::Down(error))) => Err(ConnectError::Engine(error)),
            _ => Err(ConnectError::Engine(EngineError::overdue("reading the log"))),
        }
    }

    /// Makes a broadcaster without an engine: its log is in this process, for development and tests of a program that has an
    /// engine where it is deployed.
    #[must_use]
    pub fn embedded(settings: sse_broadcast::Settings) -> Self {
        Self { engine: Arc::new(Log::Embedded { hub: Broadcaster::new(settings), members: Arc::default() }) }
    }

    /// Returns this node's broadcaster: to subscribe to, to register events, to count and to close its clients.
    #[must_use]
    pub fn broadcaster(&self) -> &Broadcaster {
        match &*self.engine {
            Log::Embedded { hub, .. } => hub,
            Log::Shared(node, _) => node.feed.broadcaster(),
        }
    }

    /// Publishes an event to the clients of all nodes. Returns its position, which is its id, when the engine has it; clients
    /// get it when their nodes have read it.
    ///
    /// When the future is dropped, the event is published or it is not.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: whether anything can have been published, the variant says.
    pub async fn publish<'a>(
        &self,
        topic: &str,
        message: impl Into<Message<'a>>,
    ) -> Result<Position, PublishError> {
        let message = message.into();
        let node = match &*self.engine {
            Log::Embedded { hub, .. } => return Ok(hub.publish(topic, message)?),
            Log::Shared(node, _) => node,
        };
        node.feed.broadcaster().check(&message)?;
        let fields = Fields::new(topic, &message);
        drop(message);
        let (bytes, limit) = (fields.bytes(), node.settings.entry_bytes);
        if bytes > limit {
            return Err(PublishError::TooLarge { bytes, limit });
        }
        let limit = node.settings.publishing;
        let _one_of_them = node.publishing.try_acquire().map_err(|_| PublishError::Busy { limit })?;
        let Outage::Wait(time) = node.settings.outage else { return publish(node, &fields).await };
        let deadline = Instant::now() + time;
        loop {
            match publish(node, &fields).await {
                // Of these nothing was published, and they pass: with a failover, for instance.
                Err(PublishError::Unreachable(error) | PublishError::Refused(error))
                    if error.kind().may_pass() && Instant::now() < deadline =>
                {
                    let link = node.wire.subscribe();
                    drop(timeout_at(deadline.min(Instant::now() + AGAIN), until_up(link)).await);
                }
                published => return published,
            }
        }
    }

    /// Returns how many clients are connected to all nodes together, as they said last: up to three exchanges ago. When nothing was
    /// heard for so long, it is those of this node.
    #[must_use]
    pub fn clients_everywhere(&self) -> Clients {
        match &*self.engine {
            Log::Embedded { hub, .. } => Clients { nodes: 1, clients: hub.client_count() },
            Log::Shared(node, _) => presence::everywhere(node),
        }
    }

    /// Makes somebody a member of a topic until what is returned is dropped: presence, by whatever name the program knows its users.
    /// The other nodes hear of it at once, and of its end; when a node crashes, its members are forgotten after three
    /// exchanges. Who joins twice has to leave twice.
    pub fn join(&self, topic: &str, member: &str) -> Membership {
        match &*self.engine {
            Log::Embedded { members, .. } => members.join(topic, member),
            Log::Shared(node, _) => node.members.join(topic, member),
        }
    }

    /// Returns the members of a topic, of all nodes, in alphabetical order.
    ///
    /// # Errors
    ///
    /// When the engine cannot be asked.
    pub async fn members(&self, topic: &str) -> Result<Vec<String>, EngineError> {
        match &*self.engine {
            Log::Embedded { members, .. } => Ok(members.here(topic)),
            Log::Shared(node, _) => {
                let (mut connection, _) = node.link()?;
                presence::members(node, &mut connection, topic).await
            }
        }
    }

    /// Returns what this node has seen of the engine so far; without one, nothing.
    #[must_use]
    pub fn engine_stats(&self) -> EngineStats {
        match &*self.engine {
            Log::Embedded { .. } => EngineStats::default(),
            Log::Shared(node, _) => node.stats(),
        }
    }

    /// Returns why the engine cannot be reached at present, if it cannot.
    #[must_use]
    pub fn outage(&self) -> Option<EngineError> {
        match &*self.engine {
            Log::Embedded { .. } => None,
            Log::Shared(node, _) => match &*node.wire.borrow() {
                Wire::Down(error) => Some(error.clone()),
                Wire::Up(..) | Wire::New => None,
            },
        }
    }
}

/// Publishes on the connection that there is, if there is one.
async fn publish(node: &Node, fields: &Fields) -> Result<Position, PublishError> {
    let (mut connection, link) = node.link().map_err(PublishError::Unreachable)?;
    let published = commands::publish(&mut connection, &node.settings, fields);
    match timeout(node.settings.answer_within, published).await {
        // By a server that was left meanwhile: the next one may not have it.
        Ok(Ok(_)) if !node.is_on(link) => {
            Err(PublishError::Unconfirmed(EngineError::overdue("the link broke before the answer")))
        }
        Ok(Ok((epoch, id))) => {
            node.report_answer(link, false);
            node.confirm(epoch, id);
            Ok(Position { epoch, sequence: id.sequence() })
        }
        Ok(Err(error)) => {
            let engine = EngineError::from(&error);
            if !is_answer(&error) {
                node.report_broken(link);
                return Err(PublishError::Unconfirmed(engine));
            }
            node.report_answer(link, false);
            if is_elsewhere(&error) {
                node.report_elsewhere(link);
            }
            Err(PublishError::Refused(engine))
        }
        Err(_) => {
            node.report_answer(link, true);
            Err(PublishError::Unconfirmed(EngineError::overdue("publishing")))
        }
    }
}

/// Waits for a link that was down, or for the next one.
async fn until_up(mut link: watch::Receiver<Wire>) {
    let is_up = matches!(&*link.borrow_and_update(), Wire::Up(..));
    if is_up {
        drop(link.changed().await);
    }
    drop(link.wait_for(|wire| matches!(wire, Wire::Up(..))).await);
}

impl fmt::Debug for RedisBroadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBroadcaster")
            .field("broadcaster", self.broadcaster())
            .field("outage", &self.outage())
            .finish_non_exhaustive()
    }
}
