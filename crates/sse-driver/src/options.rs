use crate::error_policy::ErrorPolicy;
use crate::observer::Observer;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use sse_core::connection::{CloseEvent, CloseReason, Config, Heartbeat, Totals};
use sse_core::{ClientProfile, EventId, EventName, Frame, LineEnding, Retry};
use std::sync::{Arc, LazyLock};

pub(crate) type CloseHook = Box<dyn FnOnce(CloseReason, Totals) + Send>;
pub(crate) type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How one response behaves: the policies of its [`Config`], and what only a driver can do.
///
/// Adapters have the same setters on their response type. Without any, a response has the defaults of [`Config`], tells
/// clients of errors without saying which, and reports to nobody.
///
/// ```
/// use core::time::Duration;
/// use sse_driver::sse_core::{connection::CloseEvent, event_name, Retry};
/// use sse_driver::Options;
///
/// let options = Options::new()
///     .with_retry(Retry::from_millis(500))
///     .with_close_event(CloseEvent::new(event_name!("done")))
///     .on_close(|reason, totals| println!("{reason} after {} frames", totals.frames));
/// # let _ = options;
/// ```
#[must_use]
pub struct Options {
    pub(crate) config: Arc<Config>,
    pub(crate) on_error: ErrorPolicy,
    pub(crate) on_close: Option<CloseHook>,
    pub(crate) until: Option<Until>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Options {
    /// Makes the default options, which share one [`Config`]: no allocation for each response.
    ///
    /// ```
    /// use sse_driver::Options;
    ///
    /// let options = Options::new();
    /// # let _ = options;
    /// ```
    pub fn new() -> Self {
        static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
        Self {
            config: Arc::clone(&DEFAULT),
            on_error: ErrorPolicy::default(),
            on_close: None,
            until: None,
            observer: None,
        }
    }

    /// Sets all policies of the connection at once. An `Arc` is shared, which saves memory with many connections.
    ///
    /// Replaces what was set before it. A setter that comes after it changes a copy: the one that is shared stays as it
    /// is.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::{Config, Retry};
    /// use std::sync::Arc;
    ///
    /// let shared = Arc::new(Config::new().with_retry(Retry::from_millis(500)));
    /// let options = [(); 2].map(|()| Options::new().with_config(Arc::clone(&shared)));
    /// assert_eq!(Arc::strong_count(&shared), 3);
    /// # let _ = options;
    /// ```
    pub fn with_config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Sets all that a kind of client needs: the [`Config`] of [`ClientProfile::config`] and the [`ErrorPolicy`] of
    /// [`ErrorPolicy::for_client`].
    ///
    /// Replaces what of these was set before it; what comes after it changes the preset.
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::{ClientProfile, Retry};
    ///
    /// let options = Options::new().for_client(ClientProfile::Htmx2).with_retry(Retry::from_millis(500));
    /// # let _ = options;
    /// ```
    pub fn for_client(mut self, profile: ClientProfile) -> Self {
        self.config = Arc::new(profile.config());
        self.on_error = ErrorPolicy::for_client(profile);
        self
    }

    /// Sets the heartbeat; `None` switches it off: see [`Config::with_heartbeat`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::connection::{Heartbeat, InvalidInterval};
    ///
    /// let often = Options::new().with_heartbeat(Heartbeat::idle(Duration::from_secs(5))?);
    /// let never = Options::new().with_heartbeat(None);
    /// # let _ = (often, never);
    /// # Ok::<(), InvalidInterval>(())
    /// ```
    pub fn with_heartbeat(self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.configured(|config| config.with_heartbeat(heartbeat))
    }

    /// Sets the reconnection time of the stream: see [`Config::with_retry`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_driver::Options;
    ///
    /// let options = Options::new().with_retry(Duration::from_millis(500));
    /// # let _ = options;
    /// ```
    pub fn with_retry(self, retry: impl Into<Retry>) -> Self {
        self.configured(|config| config.with_retry(retry))
    }

    /// Sets the event that ends the stream: see [`Config::with_close_event`].
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::{connection::CloseEvent, event_name};
    ///
    /// let options = Options::new().with_close_event(CloseEvent::new(event_name!("done")));
    /// # let _ = options;
    /// ```
    pub fn with_close_event(self, close_event: impl Into<Option<CloseEvent>>) -> Self {
        self.configured(|config| config.with_close_event(close_event))
    }

    /// Sets the maximum age: see [`Config::with_max_age`]. Each response ends at a random point of its last fifth.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_driver::Options;
    ///
    /// let options = Options::new().with_max_age(Duration::from_secs(3_600)); // after 48 to 60 minutes
    /// # let _ = options;
    /// ```
    pub fn with_max_age(self, max_age: impl Into<Option<Duration>>) -> Self {
        self.configured(|config| config.with_max_age(max_age))
    }

    /// Sets the first bytes of the stream: see [`Config::with_opening`].
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::{Event, event_name};
    ///
    /// let options = Options::new().with_opening(Event::new("v2").with_name(event_name!("hello")));
    /// # let _ = options;
    /// ```
    pub fn with_opening(self, opening: impl Into<Frame>) -> Self {
        self.configured(|config| config.with_opening(opening))
    }

    /// Sets how lines end: see [`Config::with_line_ending`].
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::LineEnding;
    ///
    /// let options = Options::new().with_line_ending(LineEnding::CrLf);
    /// # let _ = options;
    /// ```
    pub fn with_line_ending(self, line_ending: LineEnding) -> Self {
        self.configured(|config| config.with_line_ending(line_ending))
    }

    /// Sets the name of events that have none: see [`Config::with_default_name`].
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::event_name;
    ///
    /// let options = Options::new().with_default_name(event_name!("log"));
    /// # let _ = options;
    /// ```
    pub fn with_default_name(self, name: EventName<'static>) -> Self {
        self.configured(|config| config.with_default_name(name))
    }

    /// Sets the id of events that have none: see [`Config::with_default_id`].
    ///
    /// ```
    /// use sse_driver::Options;
    ///
    /// let options = Options::new().with_default_id(7_u64);
    /// # let _ = options;
    /// ```
    pub fn with_default_id(self, id: impl Into<EventId<'static>>) -> Self {
        self.configured(|config| config.with_default_id(id))
    }

    /// Sets what becomes of items that give no frame: see [`ErrorPolicy`].
    ///
    /// ```
    /// use sse_driver::{ErrorPolicy, Options};
    ///
    /// let options = Options::new().on_error(ErrorPolicy::close());
    /// # let _ = options;
    /// ```
    pub fn on_error(mut self, policy: ErrorPolicy) -> Self {
        self.on_error = policy;
        self
    }

    /// Sets a function that runs exactly once when the response is over, however it ended.
    ///
    /// Also when it was never polled (a HEAD request, a client that left early): then the reason is that the peer is
    /// gone. It runs inside of the response's poll or its drop: it must not block. Options that never become a body run
    /// nothing. Work that takes longer is a task, spawned on a runtime that is named beforehand: a response may be dropped
    /// outside of one.
    ///
    /// ```
    /// use sse_driver::Options;
    /// use sse_driver::sse_core::connection::{CloseReason, Totals};
    /// use tokio::runtime::Handle;
    ///
    /// async fn bill(user: u64, reason: CloseReason, totals: Totals) {
    ///     println!("user {user}: {reason} after {} bytes", totals.bytes);
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let runtime = Handle::current();
    /// let options = Options::new().on_close(move |reason, totals| {
    ///     runtime.spawn(bill(7, reason, totals));
    /// });
    /// # let _ = options;
    /// # }
    /// ```
    ///
    /// ```
    /// # use core::task::{Context, Poll};
    /// use sse_driver::sse_core::connection::{CloseReason, Totals};
    /// use sse_driver::{Driver, Options};
    /// use std::sync::mpsc;
    /// # use sse_driver::{Timer, sse_core::Instant};
    /// # struct Clock;
    /// # impl Timer for Clock {
    /// #     fn now(&mut self) -> Instant {
    /// #         Instant::EPOCH
    /// #     }
    /// #     fn reset(&mut self, _: Instant) {}
    /// #     fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
    /// #         Poll::Pending
    /// #     }
    /// # }
    ///
    /// let (sender, closed) = mpsc::channel();
    /// let report = move |reason: CloseReason, totals: Totals| drop(sender.send((reason, totals.frames)));
    /// drop(Driver::new(tokio_stream::iter(["a"]), Clock, Options::new().on_close(report)));
    /// assert_eq!(closed.recv(), Ok((CloseReason::PeerGone, 0)));
    /// ```
    pub fn on_close(mut self, hook: impl FnOnce(CloseReason, Totals) + Send + 'static) -> Self {
        self.on_close = Some(Box::new(hook));
        self
    }

    /// Ends the stream gracefully, as a [shutdown](CloseReason::Shutdown), when `shutdown` is ready: what the source has
    /// ready by then still leaves, up to one chunk.
    ///
    /// Without it an open stream holds up the graceful shutdown of its server for ever. The future is boxed, polled
    /// with the response, and dropped as soon as the stream is closing.
    ///
    /// ```
    /// use sse_driver::Options;
    /// use tokio::sync::watch;
    ///
    /// let (shut_down, receiver) = watch::channel(false);
    /// let mut stopping = receiver.clone();
    /// let options = Options::new().until(async move { drop(stopping.wait_for(|stop| *stop).await) });
    /// shut_down.send(true)?;
    /// # let _ = options;
    /// # Ok::<(), watch::error::SendError<bool>>(())
    /// ```
    pub fn until(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(Box::pin(shutdown));
        self
    }

    /// Sets who is told what happens, one for each response or a clone of a shared one: see [`Observer`].
    ///
    /// ```
    /// use sse_driver::{Notice, Options};
    ///
    /// let options = Options::new().with_observer(|notice: &Notice<'_>| println!("{notice:?}"));
    /// # let _ = options;
    /// ```
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    fn configured(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        let config = Arc::try_unwrap(self.config).unwrap_or_else(|shared| (*shared).clone());
        self.config = Arc::new(change(config));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("config", &self.config)
            .field("on_error", &self.on_error)
            .field("has_close_hook", &self.on_close.is_some())
            .field("has_shutdown", &self.until.is_some())
            .field("has_observer", &self.observer.is_some())
            .finish()
    }
}

/// Gives an adapter's response type, which has a field `options`, the setters of [`Options`].
#[doc(hidden)]
#[macro_export]
macro_rules! forward_options {
    () => {
        $crate::forward_options! {
            with_config(config: impl Into<::std::sync::Arc<$crate::sse_core::Config>>)
            for_client(profile: $crate::sse_core::ClientProfile)
            with_heartbeat(heartbeat: impl Into<Option<$crate::sse_core::connection::Heartbeat>>)
            with_retry(retry: impl Into<$crate::sse_core::Retry>)
            with_close_event(close_event: impl Into<Option<$crate::sse_core::connection::CloseEvent>>)
            with_max_age(max_age: impl Into<Option<::core::time::Duration>>)
            with_opening(opening: impl Into<$crate::sse_core::Frame>)
            with_line_ending(line_ending: $crate::sse_core::LineEnding)
            with_default_name(name: $crate::sse_core::EventName<'static>)
            with_default_id(id: impl Into<$crate::sse_core::EventId<'static>>)
            on_error(policy: $crate::ErrorPolicy)
            on_close(hook: impl FnOnce(
                $crate::sse_core::CloseReason,
                $crate::sse_core::connection::Totals,
            ) + Send + 'static)
            until(shutdown: impl ::core::future::Future<Output = ()> + Send + 'static)
            with_observer(observer: impl $crate::Observer + 'static)
        }
    };
    ($($name:ident($argument:ident: $type:ty))*) => {$(
        #[doc = concat!("See [`Options::", stringify!($name), "`](sse_driver::Options::", stringify!($name), ").")]
        #[must_use]
        pub fn $name(mut self, $argument: $type) -> Self {
            self.options = self.options.$name($argument);
            self
        }
    )*};
}
