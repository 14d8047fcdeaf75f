//! The connection that a request took, which the pool keeps as long as it looks alive.

use http::Request;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use std::sync::{Arc, Mutex, PoisonError};

/// The connection of the last request that was sent; its clones share it.
#[derive(Clone, Default)]
pub(super) struct Route(Arc<Mutex<Option<CaptureConnection>>>);

impl Route {
    /// Takes note of the connection that this request will take.
    pub(super) fn capture<B>(&self, request: &mut Request<B>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(capture_connection(request));
    }

    /// Keeps requests to come off that connection: dropping a stream of HTTP/2 does not close what carries it.
    pub(super) fn abandon(&self) {
        let captured = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(captured) = captured else { return };
        if let Some(connected) = captured.connection_metadata().as_ref() {
            connected.poison();
        }
    }
}
