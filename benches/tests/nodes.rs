//! What measures nodes that share a log gives all of its figures.
#![cfg(feature = "peers")]

use std::process::Command;

#[test]
fn nodes_that_share_a_log_are_measured() {
    if Command::new("redis-server").arg("--version").output().is_err() {
        println!("SKIPPED: there is no redis-server; Debian has it in the package redis-server");
        return;
    }
    let text = sse_benches::nodes::run(true).unwrap();
    assert!(text.starts_with("Redis "), "{text}");
    for row in
        ["delivered at another", "Redis' own time", "come back at once", "for an entry", "foretold is off"]
    {
        assert!(text.contains(row), "no {row} in {text}");
    }
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}
