//! Every engine serves, and the generator finds nothing wrong: few clients, few events, nothing measured that means anything.

use std::process::Command;

/// Each in a process of its own, all at once: most of the time is spent waiting for heartbeats.
#[test]
fn every_engine_delivers_what_it_is_told_to() {
    let engines = [
        "ours, hyper",
        "ours, axum",
        "ours, axum over http1",
        "ours, actix",
        "ours, core alone",
        "axum Sse",
        "actix-web-lab",
        "hyper by hand",
        "hyper by hand, joined",
        "empty, hyper",
        "empty, axum",
        "empty, axum over http1",
        "empty, actix",
        "nchan",
        "floor",
    ];
    let running = engines.map(|engine| {
        let measures =
            ["load", "idle", "fan-out", "stalled", "tokens", "heartbeat", "--quick", "--engine", engine];
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-benches"));
        (engine, std::thread::spawn(move || command.args(measures).output()))
    });
    for (engine, output) in running {
        let output = output.join().expect("a thread").expect("a process");
        let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{engine}: {why}");
        if why.contains("SKIPPED") {
            println!("{why}");
            continue;
        }
        let row = format!("| {engine} | ");
        let is_measured = said
            .lines()
            .filter(|line| line.starts_with(&row))
            .all(|line| line.contains(|c: char| c.is_ascii_digit()));
        assert!(said.contains(&row) && is_measured, "{engine}: {said}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in [
        &["load", "--engine", "another"][..],
        &["load", "noise"],
        &["serve"],
        &["serve", "--engine", "nchan"],
    ] {
        let status =
            Command::new(env!("CARGO_BIN_EXE_sse-benches")).args(words).output().expect("a process").status;
        assert!(!status.success(), "{words:?}");
    }
}
