//! Resident memory of a connection on which nothing happens.

use super::Place;
use crate::load::generator::Generator;
use crate::load::process::{Server, allow_files};
use crate::load::table::{Table, Target, Than};
use crate::load::{Engine, Feed, Setup};
use std::io::{self, Write};
use std::time::Duration;

/// What is connected to a server.
#[derive(Clone, Copy, Debug)]
struct Crowd {
    clients: usize,
    feed: Feed,
}

/// What ours may add to the same framework's empty body, and what the core alone may take.
const TARGETS: [(Engine, Than, f64); 6] = [
    (Engine::OursOnHyper, Than::Above(Engine::EmptyOnHyper), 0.5),
    (Engine::OursOnAxum, Than::Above(Engine::EmptyOnAxum), 0.5),
    (Engine::OursOnAxumOverHttp1, Than::Above(Engine::EmptyOnAxumOverHttp1), 0.5),
    (Engine::OursOnActix, Than::Above(Engine::EmptyOnActix), 0.5),
    (Engine::OursOnAxumOverHttp1, Than::Engine(Engine::OursOnHyper), 1.1),
    (Engine::CoreAlone, Than::Nothing, 1.0),
];

pub(super) fn print(place: &Place<'_>, out: &mut impl Write) -> io::Result<()> {
    let counts: &[usize] = if place.is_quick { &[20] } else { &[1_000, 10_000] };
    let mut crowds: Vec<Crowd> =
        counts.iter().map(|clients| Crowd { clients: *clients, feed: Feed::Events }).collect();
    // Without what a subscription weighs.
    crowds.extend(counts.last().map(|clients| Crowd { clients: *clients, feed: Feed::Ready(0) }));
    crowds.retain(|crowd| match allow_files(crowd.clients as u64 + 100) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("SKIPPED: {} connections: {why}", crowd.clients);
            false
        }
    });
    let columns = crowds.iter().map(|crowd| match crowd.feed {
        Feed::Events => format!("{} subscribers", crowd.clients),
        _ => format!("{} streams without a source", crowd.clients),
    });
    let mut table =
        Table::new("resident memory of an idle connection, KB", columns.collect(), place.engines, 2);
    place.alternate(|engine| {
        for (column, Crowd { clients, feed }) in crowds.iter().enumerate() {
            // An empty body begins with a comment beside a stream without a source, which does so, too.
            if !engine.serves(*feed) && !engine.is_empty() {
                continue;
            }
            let setup = Setup { feed: *feed, ..Setup::new(engine) };
            let server = Server::start(setup, place.is_pinned)?;
            let before = server.resident_kilobytes()?;
            let _connected = Generator::connect(server.address, *clients)?;
            std::thread::sleep(Duration::from_millis(300));
            table.push(engine, column, (server.resident_kilobytes()? - before) / *clients as f64);
        }
        Ok(())
    })?;
    table.write(out)?;
    if place.is_quick || crowds.len() < 3 {
        return Ok(());
    }
    for column in [2, 1] {
        let targets = TARGETS.map(|(engine, than, at_most)| Target { column, engine, than, at_most });
        table.write_targets(&targets, out)?;
    }
    Ok(())
}
