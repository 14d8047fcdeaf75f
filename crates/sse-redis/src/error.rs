use core::fmt;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What the engine, or the way to it, says is wrong.
///
/// ```
/// use sse_redis::{Engine, EngineError};
///
/// fn is_worth_a_page(error: &EngineError) -> bool {
///     !matches!(error.kind(), Engine::Unreachable | Engine::Loading)
/// }
/// # let _ = is_worth_a_page;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EngineError {
    kind: Engine,
    message: String,
}

/// Kinds of what can be wrong with an engine.
///
/// ```
/// assert_eq!(sse_redis::Engine::OutOfMemory.to_string(), "out of memory");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// It cannot be connected to, or the connection broke, or an answer is overdue.
    Unreachable,
    /// It is loading its data, or has no master at present.
    Loading,
    /// Its memory is full, and it evicts nothing.
    OutOfMemory,
    /// It is a replica, or writes no more because it cannot persist or replicate.
    ReadOnly,
    /// Wrong password, or the user may not do this.
    Denied,
    /// The key of the stream, or that of its epoch, holds something else.
    WrongType,
    /// It does not know a command or an option: an old version.
    Unsupported,
    /// Anything else.
    Other,
}

impl Engine {
    /// Whether it can be over without anybody doing something about it: it comes back, or another server takes its place.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Loading | Self::ReadOnly)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Loading => "not ready",
            Self::OutOfMemory => "out of memory",
            Self::ReadOnly => "read-only",
            Self::Denied => "access denied",
            Self::WrongType => "the key holds something else",
            Self::Unsupported => "not supported",
            Self::Other => "unexpected",
        })
    }
}

impl EngineError {
    pub(crate) fn new(kind: Engine, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An answer did not come in time.
    pub(crate) fn overdue(what: &str) -> Self {
        Self::new(Engine::Unreachable, format!("{what}: no answer in time"))
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub fn kind(&self) -> Engine {
        self.kind
    }
}

impl fmt::Debug for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineError").field("kind", &self.kind).field("message", &self.message).finish()
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl core::error::Error for EngineError {}

impl From<&RedisError> for EngineError {
    fn from(error: &RedisError) -> Self {
        Self::new(kind_of(error), error.to_string())
    }
}

impl From<RedisError> for EngineError {
    fn from(error: RedisError) -> Self {
        Self::from(&error)
    }
}

/// Of servers that start, or whose place another one takes.
const PASSING: [&str; 5] = ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED"];

/// Whether the server says that it is not the one to write to.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    error.redirect_node().is_some() || error.code() == Some("READONLY")
}

fn kind_of(error: &RedisError) -> Engine {
    // An error inside of a script has its code in the text, behind the script's own.
    let text = error.to_string();
    let has = |code: &str| error.code() == Some(code) || text.contains(code);
    match error.kind() {
        _ if has("OOM") => Engine::OutOfMemory,
        _ if has("WRONGTYPE") => Engine::WrongType,
        _ if ["READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| has(code)) => Engine::ReadOnly,
        _ if ["NOAUTH", "WRONGPASS", "NOPERM"].iter().any(|code| has(code)) => Engine::Denied,
        _ if error.redirect_node().is_some() => Engine::Loading,
        _ if PASSING.iter().any(|code| has(code)) => Engine::Loading,
        ErrorKind::AuthenticationFailed => Engine::Denied,
        ErrorKind::Io | ErrorKind::MasterNameNotFoundBySentinel => Engine::Unreachable,
        ErrorKind::Server(ServerErrorKind::ResponseError) if text.contains("unknown") => Engine::Unsupported,
        _ => Engine::Other,
    }
}

/// A node could not be connected to the engine.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sse_redis::{ConnectError, RedisBroadcaster, Servers, Settings};
///
/// let servers = Servers::at("redis://127.0.0.1:1").unwrap(); // nobody listens there
/// let error = RedisBroadcaster::connect(servers, Settings::new("news")).await.unwrap_err();
/// assert!(matches!(error, ConnectError::Engine(_)));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A name that a stream cannot have.
    #[error("{0:?} is no name of a stream: 1 to 64 letters, digits, '-', '_', '.' and ':'")]
    Name(String),
    /// The log could not be read, or not in time.
    #[error("the log cannot be read: {0}")]
    Engine(#[source] EngineError),
}

/// An address is none.
///
/// ```
/// assert!(sse_redis::Servers::at("http://example.com").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address of a Redis server: {0}")]
pub struct InvalidAddress(pub(crate) String);

/// An event was not published, or perhaps it was.
///
/// ```
/// use sse_redis::PublishError;
///
/// fn is_safe_to_repeat(error: &PublishError) -> bool {
///     // Of these it is known that nothing was published.
///     !matches!(error, PublishError::Unconfirmed(_))
/// }
/// # let _ = is_safe_to_repeat;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It is not an event that can be published; nothing was sent.
    #[error(transparent)]
    Invalid(#[from] sse_broadcast::PublishError),
    /// It is larger than an entry may be; nothing was sent.
    #[error("the event has {bytes} bytes, and {limit} are allowed")]
    TooLarge {
        /// Its fields and values.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// As many are being published as may be; nothing was sent.
    #[error("{limit} events are being published already")]
    Busy {
        /// How many may be.
        limit: usize,
    },
    /// The engine cannot be reached; nothing was sent.
    #[error("not published: {0}")]
    Unreachable(#[source] EngineError),
    /// The engine refused it; nothing was published.
    #[error("not published: {0}")]
    Refused(#[source] EngineError),
    /// It was sent, and no answer came: it is published or it is not.
    #[error("perhaps not published: {0}")]
    Unconfirmed(#[source] EngineError),
}

/// Whether the server answered, so that nothing was done.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}
