//! Chat rooms and who is in them: topics of one broadcaster, streams that resume.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | [`PAGE`] |
//! | `GET /about.json` | [`about_json`](crate::about_json) |
//! | `GET /events?room=` | [`Chat::join`] with the request's `Last-Event-ID` |
//! | `POST /say` | [`Chat::say`] with the body, up to [`MAX_BODY`] |
//! | `POST /cut` | [`Chat::cut`] |

use crate::host::{Host, Source};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::future::Future;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sse_broadcast::sse_core::{Event, EventId, EventName, event_name};
use sse_broadcast::{
    Broadcaster, Lag, Message, Position, Presence, PublishError, Settings, SubscribeError, Subscription,
    TypedEvent,
};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
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

/// How many messages somebody who comes in sees.
pub const SHOWN: usize = 50;

/// The topic that everybody hears, whatever the room.
const METRICS: &str = "metrics";

/// Before the name of a room, in that of its topic.
const ROOM: &str = "room/";

/// What was said: the event `chat`.
#[derive(Clone, Debug, Serialize)]
struct Said {
    /// Counts the messages of a room from 1, without gaps: by it the page shows that nothing is lost.
    n: u64,
    name: String,
    text: String,
    at_ms: u64,
}

impl TypedEvent for Said {
    const NAME: EventName<'static> = event_name!("chat");
}

/// How many are in a room: the event `here`.
#[derive(Serialize)]
struct Here {
    clients: usize,
}

impl TypedEvent for Here {
    const NAME: EventName<'static> = event_name!("here");
}

/// What the server is doing: the event `load`.
#[derive(Clone, Debug, Serialize)]
struct Load {
    cpu: f64,
    rss_kb: u64,
    clients: usize,
    published: u64,
    is_measured: bool,
}

impl TypedEvent for Load {
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
}

impl Refusal {
    /// The HTTP status that says so.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Full => 503,
        }
    }
}

/// The rooms. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Chat {
    hub: Broadcaster,
    /// Held while something is counted and published, so that counts are published in order.
    turn: Arc<Mutex<()>>,
    /// What a snapshot shows. Changed while publishing only, so that an event is in the snapshot or behind it.
    shown: Arc<Mutex<Shown>>,
    cuts: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Shown {
    rooms: HashMap<Arc<str>, Room>,
    load: Option<Load>,
}

#[derive(Debug, Default)]
struct Room {
    said: u64,
    recent: VecDeque<Said>,
}

impl Chat {
    /// Makes a chat without rooms.
    #[must_use]
    pub fn new() -> Self {
        let turn = Arc::default();
        let (joined, left) = (Arc::clone(&turn), Arc::clone(&turn));
        let settings = Settings::new()
            .with_topics(ROOMS + 1)
            .with_lag(Lag::LatestPerKey)
            .on_connect(move |client| tell_who_is_here(&joined, client))
            .on_leave(move |client| tell_who_is_here(&left, client));
        Self { hub: Broadcaster::new(settings), turn, shown: Arc::default(), cuts: watch::Sender::new(()) }
    }

    /// The stream of a room, from the last event that the client saw on; one that does not resume begins with what was
    /// said last.
    pub fn join(&self, room: &str, last_event_id: Option<&EventId<'_>>) -> Subscription {
        let Some(topic) = self.open_room(room) else {
            return self.hub.refusal(SubscribeError::TooManyTopics { limit: ROOMS });
        };
        let (shown, room) = (Arc::clone(&self.shown), Arc::clone(&topic));
        self.hub
            .subscription([topic, Arc::from(METRICS)])
            .resume(last_event_id)
            .snapshot(move || lock(&shown).events(&room))
            .open()
            .unwrap_or_else(|error| self.hub.refusal(error))
    }

    /// Says something: `{"room", "name", "text"}`. Returns the id of the event.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was said.
    pub fn say(&self, body: &[u8]) -> Result<String, Refusal> {
        let Say { room, name, text } = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !is_name(&room) || !is_name(&name) || text.is_empty() || text.len() > MAX_TEXT {
            return Err(Refusal::Malformed);
        }
        let topic = self.open_room(&room).ok_or(Refusal::Full)?;
        let _turn = lock(&self.turn);
        let said = self.hub.publish_with(&topic, || {
            let mut shown = lock(&self.shown);
            let room = shown.rooms.entry(Arc::clone(&topic)).or_default();
            room.said += 1;
            let said = Said { n: room.said, name, text, at_ms: now_ms() };
            room.recent.push_back(said.clone());
            if room.recent.len() > SHOWN {
                room.recent.pop_front();
            }
            typed(&said)
        });
        said.map(Position::to_id).map(|id| id.as_str().to_owned()).map_err(|_| Refusal::Full)
    }

    /// Tells everybody once a second what the server is doing: under one key, for only the newest counts.
    pub async fn measure(&self) {
        let mut host = Host::default();
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            seconds.tick().await;
            let figures = host.read();
            let load = Load {
                cpu: figures.cpu,
                rss_kb: figures.rss_kb,
                clients: self.hub.client_count(),
                published: self.hub.stats().published,
                is_measured: figures.source == Source::Proc,
            };
            let published = self.hub.publish_with(METRICS, || {
                lock(&self.shown).load = Some(load.clone());
                typed(&load).with_key("server")
            });
            if published == Err(PublishError::Closed) {
                return;
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
        self.hub.shutdown();
    }

    /// The topic of a room, which is remembered, if there is space for another.
    fn open_room(&self, room: &str) -> Option<Arc<str>> {
        let room = if is_name(room) { room } else { "lobby" };
        let topic: Arc<str> = format!("{ROOM}{room}").into();
        let mut shown = lock(&self.shown);
        if !shown.rooms.contains_key(&topic) && shown.rooms.len() >= ROOMS {
            return None;
        }
        shown.rooms.entry(Arc::clone(&topic)).or_default();
        Some(topic)
    }
}

impl Default for Chat {
    fn default() -> Self {
        Self::new()
    }
}

impl Shown {
    fn events(&self, room: &str) -> Vec<Event<'static>> {
        let recent = self.rooms.get(room).into_iter().flat_map(|room| &room.recent);
        let load = self.load.iter().map(event);
        recent.map(event).chain(load).collect()
    }
}

/// Runs whenever a client connects or leaves. The key lets the newest count alone reach those who fell behind.
fn tell_who_is_here(turn: &Mutex<()>, client: &Presence<'_>) {
    let _turn = lock(turn);
    for room in client.topics.iter().filter(|topic| topic.starts_with(ROOM)) {
        let here = Here { clients: client.broadcaster.topic_client_count(room) };
        // Refused when the server stops: there is nobody left to tell.
        drop(client.broadcaster.publish(room, typed(&here).with_key("here")));
    }
}

fn event<E: TypedEvent>(value: &E) -> Event<'static> {
    // Numbers and text: they can always be written.
    Event::new(serde_json::to_string(value).unwrap_or_default()).with_name(E::NAME)
}

fn typed<E: TypedEvent>(value: &E) -> Message<'static> {
    Message::typed(value).unwrap_or_else(|_| event(value).into())
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
    use core::pin::Pin;
    use sse_broadcast::{Delivery, Outcome};
    use tokio_stream::{Stream, StreamExt};

    fn say(chat: &Chat, room: &str, text: &str) -> String {
        let body = serde_json::json!({ "room": room, "name": "ada", "text": text }).to_string();
        chat.say(body.as_bytes()).unwrap()
    }

    async fn text(stream: &mut Subscription) -> String {
        match stream.next().await {
            Some(Delivery::Frame(frame)) => core::str::from_utf8(frame.as_bytes()).unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_room_hears_what_is_said_in_it_and_who_is_there() {
        let chat = Chat::new();
        let mut stream = chat.join("lobby", None);
        assert!(text(&mut stream).await.starts_with("event: sse:start\n"));
        let here = text(&mut stream).await;
        assert!(here.starts_with("event: here\nid: ") && here.contains("{\"clients\":1}"), "{here}");
        say(&chat, "elsewhere", "unheard");
        let id = say(&chat, "lobby", "one\r\ntwo");
        let said = text(&mut stream).await;
        assert!(said.contains(&format!("event: chat\nid: {id}\ndata: {{\"n\":1,")), "{said}");
        assert!(!said.contains("unheard"));
        let other = chat.join("lobby", None);
        let mut other = Box::pin(other);
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(Pin::new(&mut other).poll_next(&mut cx).is_ready());
        assert!(text(&mut stream).await.contains("{\"clients\":2}"));
        drop(other);
        assert!(text(&mut stream).await.contains("{\"clients\":1}"));
    }

    #[tokio::test]
    async fn who_comes_later_sees_what_was_said_and_who_resumes_what_was_missed() {
        let chat = Chat::new();
        let first = say(&chat, "lobby", "first");
        say(&chat, "lobby", "second");
        let mut back = chat.join("lobby", Some(&EventId::stripped(first)));
        assert_eq!(back.outcome(), Outcome::Resumed { replayed: 1 });
        let missed = text(&mut back).await;
        assert!(!missed.contains("first") && missed.contains("second"), "{missed}");
        let mut late = chat.join("lobby", None);
        let shown = text(&mut late).await;
        assert!(shown.contains("first") && shown.contains("second"), "{shown}");
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        let chat = Chat::new();
        let long = "x".repeat(MAX_TEXT + 1);
        for (room, name, text) in
            [("", "a", "b"), ("r", " ", "b"), ("r", "a", ""), ("r", "a", &long), (&long, "a", "b")]
        {
            let body = serde_json::json!({ "room": room, "name": name, "text": text }).to_string();
            assert_eq!(chat.say(body.as_bytes()), Err(Refusal::Malformed));
        }
        assert_eq!(chat.say(b"{"), Err(Refusal::Malformed));
    }

    #[test]
    fn rooms_are_bounded() {
        let chat = Chat::new();
        for room in 0..ROOMS {
            say(&chat, &room.to_string(), "hello");
        }
        assert_eq!(chat.say(br#"{"room":"more","name":"a","text":"b"}"#), Err(Refusal::Full));
        let refused = chat.join("more", None);
        assert_eq!(refused.outcome(), Outcome::Refused(SubscribeError::TooManyTopics { limit: ROOMS }));
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
