//! The driver on tokio's own clock, which stands still until nothing else is to be done.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "tests")]

use core::future::poll_fn;
use core::pin::pin;
use core::time::Duration;
use sse_driver::sse_core::connection::Heartbeat;
use sse_driver::{Driver, Options, TokioTimer};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A task that has received so much lets others run, and tokio gives it neither a message nor the time.
const BUDGET: usize = 128;

#[tokio::test(start_paused = true)]
async fn a_stream_that_had_much_to_read_beats_behind_it() {
    for ready in [0, 1, BUDGET - 2, BUDGET - 1, BUDGET, BUDGET + 1, 2 * BUDGET, 10 * BUDGET] {
        let (sender, receiver) = mpsc::unbounded_channel();
        (0..ready).for_each(|_| sender.send("x").unwrap());
        let options = Options::new().with_heartbeat(Heartbeat::idle(Duration::from_secs(15)).unwrap());
        let source = UnboundedReceiverStream::new(receiver);
        let driver = tokio::spawn(async move {
            let mut driver = pin!(Driver::new(source, TokioTimer::default(), options));
            let mut wire = Vec::new();
            // The opening comment, and three beats.
            while wire.iter().filter(|byte| **byte == b':').count() < 4 + ready {
                wire.extend(poll_fn(|cx| driver.as_mut().poll_chunk(cx)).await.unwrap());
            }
        });
        assert!(timeout(Duration::from_secs(60), driver).await.is_ok(), "no beat behind {ready} events");
        drop(sender);
    }
}
