//! The bodies of the fuzz targets, as functions: what a fuzzer drives, and what `cargo test` replays over the
//! corpus.

#[path = "../../crates/sse-core/tests/common/mod.rs"]
mod common;
mod decode;
mod encode;

pub use decode::decode;
pub use encode::encode;

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
}
