//! The bodies of the fuzz targets, as functions: what a fuzzer drives, and what `cargo test` replays over the
//! corpus.

mod broadcast;
mod client;
#[path = "../../crates/sse-core/tests/common/mod.rs"]
mod common;
mod connection;
mod decode;
mod encode;
mod last_event_id;
mod script;

pub use broadcast::broadcast;
pub use client::client;
pub use connection::connection;
pub use decode::decode;
pub use encode::encode;
pub use last_event_id::last_event_id;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs a target over its corpus.
    fn replay(target: fn(&[u8]), name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(folder).unwrap() {
            target(&fs::read(entry.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "no corpus for {name}");
    }

    #[test]
    fn decode_holds_for_its_corpus() {
        replay(super::decode, "decode");
    }

    #[test]
    fn encode_holds_for_its_corpus() {
        replay(super::encode, "encode");
    }

    #[test]
    fn connection_holds_for_its_corpus() {
        replay(super::connection, "connection");
    }

    #[test]
    fn client_holds_for_its_corpus() {
        replay(super::client, "client");
    }

    #[test]
    fn broadcast_holds_for_its_corpus() {
        replay(super::broadcast, "broadcast");
    }

    #[test]
    fn last_event_id_holds_for_its_corpus() {
        replay(super::last_event_id, "last_event_id");
    }
}
