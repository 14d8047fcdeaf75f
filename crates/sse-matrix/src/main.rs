//! The server of the clients' matrix: `sse-matrix --adapter hyper|axum|actix --port N [--tls]`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | an empty page, for clients that live in one |
//! | `GET /cases.json` | the table of cases: names, and what must be seen of each |
//! | `GET /case/NAME?split=1` | the case, whole or byte by byte; the event `matrix:end` behind it |
//! | `GET /count?to=&every=&cut=&how=end\|reset&retry=` | numbers with ids, from the last that was seen; `matrix:end` behind the last |
//! | `GET /topic/NAME?retry=` | the events of a topic |
//! | `POST /topic/NAME` | publishes the body there, answers with the id |
//! | `GET /quiet?heartbeat=&after=&for=` | one event, then only heartbeats |
//! | `GET /retry?ms=` | an event with a reconnection time, then the end |
//! | `GET /close` | three events and the close event; 204 for who has seen them |
//! | `GET /gone` | 204 |
//! | `GET /state` | open streams, requests, departures |
//!
//! All of them answer HEAD, and `/count` POST. Other parameters, as `who=` and the `for=` of `/quiet`, only tell requests apart in
//! `/state`. SIGTERM ends it gracefully. Prints `listening on URL`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its terminal")]

extern crate alloc;

mod asked;
mod cases;
mod listen;
mod on_actix;
mod on_axum;
mod on_hyper;
mod state;
mod stop;
mod streams;
mod wire;

use listen::{Listener, Scheme};
use std::io;
use std::process::ExitCode;
use stop::Stop;
use streams::Streams;

/// The page served at `/`.
const PAGE: &str = include_str!("page.html");

const USAGE: &str = "sse-matrix --adapter hyper|axum|actix --port N [--tls]";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adapter {
    Hyper,
    Axum,
    Actix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Args {
    adapter: Adapter,
    port: u16,
    scheme: Scheme,
}

impl Args {
    fn parse(args: impl IntoIterator<Item = String>) -> Option<Self> {
        let (mut adapter, mut port, mut scheme) = (None, 0, Scheme::Plain);
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--adapter" => {
                    adapter = Some(match args.next()?.as_str() {
                        "hyper" => Adapter::Hyper,
                        "axum" => Adapter::Axum,
                        "actix" => Adapter::Actix,
                        _ => return None,
                    });
                }
                "--port" => port = args.next()?.parse().ok()?,
                "--tls" => scheme = Scheme::Tls,
                _ => return None,
            }
        }
        Some(Self { adapter: adapter?, port, scheme })
    }
}

fn main() -> ExitCode {
    let Some(args) = Args::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let served = match args.adapter {
        Adapter::Actix => actix_web::rt::System::new().block_on(on_actix::serve(args.port, args.scheme)),
        Adapter::Hyper | Adapter::Axum => serve(args),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-matrix: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Args) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async move {
        let listener = Listener::bind(args.port, args.scheme).await?;
        let stop = Stop::on_signals()?;
        println!("listening on {}://{}/", args.scheme.as_str(), listener.address());
        let streams = Streams::new(stop.clone());
        match args.adapter {
            Adapter::Axum => on_axum::serve(listener, streams, stop).await,
            Adapter::Hyper | Adapter::Actix => on_hyper::serve(listener, streams, stop).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let parse = |line: &str| Args::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(
            parse("--adapter axum --tls --port 7"),
            Some(Args { adapter: Adapter::Axum, port: 7, scheme: Scheme::Tls })
        );
        for line in ["", "--adapter", "--adapter rocket", "--adapter axum --port x", "--adapter axum --else"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
