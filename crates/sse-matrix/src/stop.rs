//! When the server stops.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Is ready once the process was told to end, for every clone and at any later time.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for SIGTERM and SIGINT; needs a tokio runtime.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            sender.send_replace(true);
        });
        Ok(Self(receiver))
    }

    /// Waits for it.
    pub(crate) async fn pressed(mut self) {
        if self.0.wait_for(|is_pressed| *is_pressed).await.is_err() {
            core::future::pending().await
        }
    }
}
