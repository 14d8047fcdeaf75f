//! Checks the event stream of a running server:
//! `cargo run -p sse-testkit --features conformance,url --example check -- http://127.0.0.1:3000/metrics`,
//! with `--http2` for HTTP/2 with prior knowledge. An endless stream is read for 65 s, to see
//! heartbeats, and for as long again where it was left, if it has ids: over two minutes in all.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use core::error::Error;
use core::time::Duration;
use sse_testkit::collect::Collector;
use sse_testkit::conformance::{Severity, check_server};
use sse_testkit::url::Url;
use std::process::ExitCode;

const LONG_ENOUGH: Duration = Duration::from_secs(65);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match check().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// 1 is for errors against a standard.
async fn check() -> Result<ExitCode, Box<dyn Error>> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    let is_http2 = urls.iter().any(|argument| argument == "--http2");
    urls.retain(|argument| argument != "--http2");
    let [url] = urls.as_slice() else { return Err("usage: check [--http2] http://host:port/path".into()) };
    let (base, path) = split(url);
    let server = if is_http2 { Url::http2(base) } else { Url::http1(base) }?;
    let report = check_server(&server, Collector::get(path).with_deadline(LONG_ENOUGH)).await?;

    let seen = &report.collected;
    let (events, comments) = (seen.events.len(), seen.comments.len());
    println!(
        "{events} events, {comments} comments, {} bytes in {:?}: {}",
        seen.wire.len(),
        seen.elapsed,
        seen.end
    );
    for finding in &report.findings {
        println!("{finding}");
    }
    for skipped in &report.skipped {
        println!("not looked at: {skipped}");
    }
    let is_bad = report.findings.iter().any(|finding| finding.severity() == Severity::Error);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Scheme, host and port, and what is asked for there.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    let (base, path) = url.split_at(end);
    (base, if path.is_empty() { "/" } else { path })
}
