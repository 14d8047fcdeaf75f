//! What `tracing` is told of a response.

#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "tests")]

use core::future::poll_fn;
use core::pin::pin;
use sse_driver::sse_core::{BoxError, Event, event_name};
use sse_driver::{Driver, ErrorPolicy, Options, TokioTimer, TracingObserver};
use std::io;
use std::sync::{Arc, Mutex};
use tracing::Level;
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn m07_tracing_hears_of_events_in_the_span_of_the_request_and_never_of_their_data() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .finish();
    let items: [Result<Event<'_>, BoxError>; 2] = [
        Ok(Event::new("secret").with_name(event_name!("order")).with_id(7_u64)),
        Err("no such table".into()),
    ];
    with_default(subscriber, || {
        let observer = TracingObserver::in_span(tracing::info_span!("request", user = 7));
        let options = Options::new().with_observer(observer).on_error(ErrorPolicy::skip());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut driver = pin!(Driver::new(tokio_stream::iter(items), TokioTimer::default(), options));
            while poll_fn(|cx| driver.as_mut().poll_chunk(cx)).await.is_some() {}
        });
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = log.lines().map(str::trim).collect();
    let expected = [
        "DEBUG request{user=7}: sse: the stream starts",
        "WARN request{user=7}: sse: an item gave no frame kind=\"event\" error=the source failed: no such table",
        "TRACE request{user=7}: sse: a chunk was handed over bytes=35",
        "TRACE request{user=7}: sse: an event kind=\"event\" name=\"order\" id=\"7\" data_lines=1 data_bytes=6",
        "INFO request{user=7}: sse: the stream is over reason=source-failed frames=1 heartbeats=0 bytes=35",
    ];
    assert_eq!(lines, expected);
}
