//! Chat rooms and who is in them: topics of one log, streams that resume. The log is in this process, or a Redis Stream that any
//! number of nodes share.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | [`PAGE`] |
//! | `GET /about.json` | [`about_json`](crate::about_json) |
//! | `GET /events?room=` | [`Chat::join`] with the request's `Last-Event-ID` |
//! | `POST /say` | [`Chat::say`] with the body, up to [`MAX_BODY`] |
//! | `POST /cut` | [`Chat::cut`] |

use crate::host::{Host, Source};
use alloc::sync::Arc;
use core::future::Future;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sse_broadcast::sse_core::{EventId, EventName, event_name};
use sse_broadcast::{Epoch, Lag, Message, Presence, Settings, SubscribeError, Subscription, TypedEvent};
use sse_redis::{ConnectError, InvalidAddress, PublishError, RedisBroadcaster, Servers};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

/// The page served at `/`: one file, nothing to fetch but the stream.
pub const PAGE: &str = include_str!("chat.html");

/// How large a posted message may be.
pub const MAX_BODY: usize = 256 * 1024;

/// How long a text may be, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// How long the name of a room or of somebody may be, in characters.
pub const MAX_NAME: usize = 40;

/// How many rooms there may be; they last as long as the server.
pub const ROOMS: usize = 100;

/// How many events of a room are kept: what somebody who comes in sees.
pub const KEPT: usize = 500;

/// For how long they are kept.
const AGE: Duration = Duration::from_secs(3_600);

/// The name of the stream that nodes share.
const STREAM: &str = "chat";

/// The topic that everybody hears, whatever the room.
const METRICS: &str = "metrics";

/// Before the name of a room, in that of its topic.
const ROOM: &str = "room/";

/// What was said: the event `chat`.
#[derive(Serialize)]
struct Said<'a> {
    /// Who counts: a node, or a life of it.
    by: &'a str,
    /// Counts what was said in a room at that node from 1, without gaps: by it the page shows that nothing is lost.
    n: u64,
    name: String,
    text: String,
    at_ms: u64,
}

impl TypedEvent for Said<'_> {
    const NAME: EventName<'static> = event_name!("chat");
}

/// How many are in a room at a node: the event `here`.
#[derive(Serialize)]
struct Here<'a> {
    node: &'a str,
    clients: usize,
}

impl TypedEvent for Here<'_> {
    const NAME: EventName<'static> = event_name!("here");
}

/// What a node is doing: the event `load`.
#[derive(Serialize)]
struct Load<'a> {
    node: &'a str,
    cpu: f64,
    rss_kb: u64,
    clients: usize,
    published: u64,
    is_measured: bool,
}

impl TypedEvent for Load<'_> {
    const NAME: EventName<'static> = event_name!("load");
}

/// What is posted.
#[derive(Deserialize)]
struct Say {
    room: String,
    name: String,
    text: String,
}

/// A message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not `{"room", "name", "text"}`, or one of them is empty or too long.
    Malformed,
    /// There are [`ROOMS`] rooms already, or the server is about to stop.
    Full,
    /// The log that nodes share cannot be reached: nothing was said.
    Unreachable,
    /// It did not answer: it was said or it was not.
    Unconfirmed,
}

impl Refusal {
    /// The HTTP status that says so.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Full | Self::Unreachable => 503,
            Self::Unconfirmed => 504,
        }
    }
}

/// The rooms of this node. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Chat {
    hub: RedisBroadcaster,
    /// The name of this node.
    node: Arc<str>,
    rooms: Arc<Mutex<BTreeSet<Arc<str>>>>,
    counts: Arc<tokio::sync::Mutex<Counts>>,
    doors: Arc<Doors>,
    cuts: watch::Sender<()>,
}

/// What was said at this node.
#[derive(Debug)]
struct Counts {
    by: String,
    lives: u64,
    said: HashMap<Arc<str>, u64>,
}

/// The rooms that somebody came into, or left.
#[derive(Debug, Default)]
struct Doors {
    used: Mutex<BTreeSet<Arc<str>>>,
    used_since: Notify,
}

impl Doors {
    fn use_of(&self, client: &Presence<'_>) {
        let rooms = client.topics.iter().filter(|topic| topic.starts_with(ROOM));
        lock(&self.used).extend(rooms.cloned());
        self.used_since.notify_one();
    }
}

/// The environment does not name a log that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NoLog {
    /// `REDIS_URL` is no address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Nobody answers there as should be.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl Chat {
    /// Makes a chat without rooms, in this process.
    #[must_use]
    pub fn new() -> Self {
        let doors = Arc::default();
        Self::of(RedisBroadcaster::embedded(settings(&doors)), doors)
    }

    /// Makes a node of the chat in the Redis that the environment variable `REDIS_URL` names; without it, as [`Chat::new`].
    ///
    /// # Errors
    ///
    /// [`NoLog`].
    pub async fn from_env() -> Result<Self, NoLog> {
        let Ok(url) = std::env::var("REDIS_URL") else { return Ok(Self::new()) };
        let doors = Arc::default();
        let shared = sse_redis::Settings::new(STREAM).with_local(settings(&doors)).with_age(AGE);
        Ok(Self::of(RedisBroadcaster::connect(Servers::at(&url)?, shared).await?, doors))
    }

    fn of(hub: RedisBroadcaster, doors: Arc<Doors>) -> Self {
        let node = Epoch::random();
        let counts = Counts { by: node.as_str().to_owned(), lives: 1, said: HashMap::new() };
        Self {
            hub,
            node: Arc::from(node.as_str()),
            rooms: Arc::default(),
            counts: Arc::new(tokio::sync::Mutex::new(counts)),
            doors,
            cuts: watch::Sender::new(()),
        }
    }

    /// The stream of a room, from the last event that the client saw on; one that does not resume begins with what the log
    /// still has.
    pub fn join(&self, room: &str, last_event_id: Option<&EventId<'_>>) -> Subscription {
        let hub = self.hub.broadcaster();
        let Some(topic) = self.open_room(room) else {
            return hub.refusal(SubscribeError::TooManyTopics { limit: ROOMS });
        };
        // Figures of the past are for nobody.
        let now = hub.position().sequence;
        hub.subscription([topic, Arc::from(METRICS)])
            .resume(last_event_id)
            .from_oldest()
            .filter(move |event| event.topic != METRICS || event.sequence > now)
            .open()
            .unwrap_or_else(|error| hub.refusal(error))
    }

    /// Says something: `{"room", "name", "text"}`. Returns the id of the event.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub async fn say(&self, body: &[u8]) -> Result<String, Refusal> {
        let Say { room, name, text } = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !is_name(&room) || !is_name(&name) || text.is_empty() || text.len() > MAX_TEXT {
            return Err(Refusal::Malformed);
        }
        let topic = self.open_room(&room).ok_or(Refusal::Full)?;
        let chat = self.clone();
        // Not given up half way when the client goes: what was published has to be counted.
        let published = tokio::spawn(async move { chat.publish(topic, name, text).await });
        published.await.unwrap_or(Err(Refusal::Unconfirmed))
    }

    async fn publish(&self, topic: Arc<str>, name: String, text: String) -> Result<String, Refusal> {
        // Held until it is published: what is counted first comes first.
        let mut counts = self.counts.lock().await;
        let n = counts.said.get(&topic).copied().unwrap_or_default() + 1;
        let said = typed(&Said { by: &counts.by, n, name, text, at_ms: now_ms() });
        match self.hub.publish(&topic, said).await {
            Ok(position) => {
                counts.said.insert(topic, n);
                Ok(position.to_id().as_str().to_owned())
            }
            Err(PublishError::Unconfirmed(_)) => {
                // Nobody can tell whether the next one follows it: it is counted anew.
                counts.lives += 1;
                counts.by = format!("{}.{}", self.node, counts.lives);
                counts.said.clear();
                Err(Refusal::Unconfirmed)
            }
            Err(PublishError::Invalid(_)) => Err(Refusal::Full),
            Err(_) => Err(Refusal::Unreachable),
        }
    }

    /// Tells everybody who is here, whenever that changes, and once a second what this node is doing: each under a key, for only
    /// the newest counts.
    pub async fn measure(&self) {
        let mut host = Host::default();
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let node = &*self.node;
        loop {
            tokio::select! {
                () = self.doors.used_since.notified() => self.tell_who_is_here().await,
                _ = seconds.tick() => {
                    self.tell_who_is_here().await;
                    let figures = host.read();
                    let load = Load {
                        node,
                        cpu: figures.cpu,
                        rss_kb: figures.rss_kb,
                        clients: self.hub.broadcaster().client_count(),
                        published: self.hub.broadcaster().stats().published,
                        is_measured: figures.source == Source::Proc,
                    };
                    let told = self.hub.publish(METRICS, typed(&load).with_key(format!("load {node}"))).await;
                    if told == Err(PublishError::Invalid(sse_broadcast::PublishError::Closed)) {
                        return;
                    }
                }
            }
        }
    }

    async fn tell_who_is_here(&self) {
        let used = core::mem::take(&mut *lock(&self.doors.used));
        for room in used {
            let clients = self.hub.broadcaster().topic_client_count(&room);
            let here = typed(&Here { node: &self.node, clients }).with_key(format!("here {}", self.node));
            if self.hub.publish(&room, here).await.is_err() {
                // The log may be back in a second.
                lock(&self.doors.used).insert(room);
            }
        }
    }

    /// Cuts every stream, as a broken connection would.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// Waits until the streams are cut.
    pub fn is_cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cuts = self.cuts.subscribe();
        async move {
            // The other end is held by the chat: without it there is nobody to cut.
            if cuts.changed().await.is_err() {
                core::future::pending().await
            }
        }
    }

    /// Ends every stream for good, so that a server can stop.
    pub fn close(&self) {
        self.hub.broadcaster().shutdown();
    }

    /// The topic of a room, which is remembered, if there is space for another.
    fn open_room(&self, room: &str) -> Option<Arc<str>> {
        let room = if is_name(room) { room } else { "lobby" };
        let topic: Arc<str> = format!("{ROOM}{room}").into();
        let mut rooms = lock(&self.rooms);
        if !rooms.contains(&topic) && rooms.len() >= ROOMS {
            return None;
        }
        rooms.insert(Arc::clone(&topic));
        Some(topic)
    }
}

fn settings(doors: &Arc<Doors>) -> Settings {
    let (came, left) = (Arc::clone(doors), Arc::clone(doors));
    Settings::new()
        .with_topics(ROOMS + 1)
        .with_events(KEPT)
        .with_age(AGE)
        .with_lag(Lag::LatestPerKey)
        .on_connect(move |client| came.use_of(client))
        .on_leave(move |client| left.use_of(client))
}

impl Default for Chat {
    fn default() -> Self {
        Self::new()
    }
}

fn typed<E: TypedEvent>(value: &E) -> Message<'static> {
    // Numbers and text: they can always be written.
    Message::typed(value).unwrap_or_else(|_| Message::from(""))
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Nothing is left half done by a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sse_broadcast::{Delivery, Outcome};
    use tokio_stream::StreamExt;

    async fn say(chat: &Chat, room: &str, text: &str) -> String {
        let body = serde_json::json!({ "room": room, "name": "ada", "text": text }).to_string();
        chat.say(body.as_bytes()).await.unwrap()
    }

    /// What comes next, but for figures.
    async fn text(stream: &mut Subscription) -> String {
        loop {
            match stream.next().await {
                Some(Delivery::Frame(frame)) => {
                    let text = core::str::from_utf8(frame.as_bytes()).unwrap();
                    if !text.starts_with("event: load\n") {
                        return text.to_owned();
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn measured() -> Chat {
        let chat = Chat::new();
        let measured = chat.clone();
        tokio::spawn(async move { measured.measure().await });
        chat
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_hears_what_is_said_in_it_and_who_is_there() {
        let chat = measured();
        let mut stream = chat.join("lobby", None);
        assert!(text(&mut stream).await.starts_with("event: sse:start\n"));
        let here = text(&mut stream).await;
        assert!(here.starts_with("event: here\nid: ") && here.contains("\"clients\":1}"), "{here}");
        say(&chat, "elsewhere", "unheard").await;
        let id = say(&chat, "lobby", "one\r\ntwo").await;
        let said = text(&mut stream).await;
        assert!(said.contains(&format!("event: chat\nid: {id}\ndata: {{\"by\":\"")), "{said}");
        assert!(said.contains("\"n\":1,") && !said.contains("unheard"), "{said}");
        let mut other = chat.join("lobby", None);
        assert!(text(&mut other).await.starts_with("event: sse:start\n"));
        assert!(text(&mut stream).await.contains("\"clients\":2}"));
        drop(other);
        assert!(text(&mut stream).await.contains("\"clients\":1}"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_later_hears_no_figures_of_the_past() {
        let chat = measured();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let mut stream = chat.join("lobby", None);
        assert!(text(&mut stream).await.starts_with("event: sse:start\n"));
        let mut loads = 0;
        while let Ok(Some(Delivery::Frame(frame))) =
            tokio::time::timeout(Duration::from_millis(2_500), stream.next()).await
        {
            loads += core::str::from_utf8(frame.as_bytes()).unwrap().matches("event: load\n").count();
            if loads == 2 {
                return;
            }
        }
        panic!("{loads} figures");
    }

    #[tokio::test]
    async fn who_comes_later_sees_what_was_said_and_who_resumes_what_was_missed() {
        let chat = Chat::new();
        let first = say(&chat, "lobby", "first").await;
        say(&chat, "lobby", "second").await;
        let mut back = chat.join("lobby", Some(&EventId::stripped(first)));
        assert_eq!(back.outcome(), Outcome::Resumed { replayed: 1 });
        let missed = text(&mut back).await;
        assert!(!missed.contains("first") && missed.contains("second"), "{missed}");
        let mut late = chat.join("lobby", None);
        text(&mut late).await;
        let shown = text(&mut late).await;
        assert!(shown.contains("first") && shown.contains("second"), "{shown}");
    }

    #[tokio::test]
    async fn what_is_not_a_message_is_refused() {
        let chat = Chat::new();
        let long = "x".repeat(MAX_TEXT + 1);
        for (room, name, text) in
            [("", "a", "b"), ("r", " ", "b"), ("r", "a", ""), ("r", "a", &long), (&long, "a", "b")]
        {
            let body = serde_json::json!({ "room": room, "name": name, "text": text }).to_string();
            assert_eq!(chat.say(body.as_bytes()).await, Err(Refusal::Malformed));
        }
        assert_eq!(chat.say(b"{").await, Err(Refusal::Malformed));
    }

    #[tokio::test]
    async fn rooms_are_bounded() {
        let chat = Chat::new();
        for room in 0..ROOMS {
            say(&chat, &room.to_string(), "hello").await;
        }
        assert_eq!(chat.say(br#"{"room":"more","name":"a","text":"b"}"#).await, Err(Refusal::Full));
        let refused = chat.join("more", None);
        assert_eq!(refused.outcome(), Outcome::Refused(SubscribeError::TooManyTopics { limit: ROOMS }));
    }

    #[tokio::test]
    async fn a_chat_that_is_closed_says_nothing_more() {
        let chat = Chat::new();
        chat.close();
        assert_eq!(chat.say(br#"{"room":"r","name":"a","text":"b"}"#).await, Err(Refusal::Full));
        chat.measure().await;
    }

    #[tokio::test]
    async fn a_cut_reaches_those_who_are_there() {
        let chat = Chat::new();
        let cut = chat.is_cut();
        chat.cut();
        cut.await;
    }

    #[test]
    fn the_page_fetches_nothing_from_elsewhere_and_parses_no_text_as_markup() {
        for word in ["http://", "https://", "//cdn", "@import", "src="] {
            assert!(!PAGE.contains(word), "{word} in chat.html");
        }
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!PAGE.contains(sink), "{sink} in chat.html");
        }
    }
}
