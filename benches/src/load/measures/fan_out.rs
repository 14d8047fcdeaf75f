//! One publisher, many subscribers.

use super::{Place, part_of};
use crate::load::generator::Generator;
use crate::load::orders::Order;
use crate::load::process::{Server, allow_files};
use crate::load::table::{Table, Target, Than};
use crate::load::{Engine, Setup};
use std::io::{self, Write};
use std::time::Duration;

/// How often how much is published to how many.
#[derive(Clone, Copy, Debug)]
struct Load {
    subscribers: usize,
    order: Order,
}

const fn load(subscribers: usize, burst: u64, wakes: u64, milliseconds: u64) -> Load {
    Load { subscribers, order: Order { wakes, burst, every: Duration::from_millis(milliseconds) } }
}

/// So slowly that a server has slept before each wake. The first is the latency of a lone token.
const LOADS: [Load; 6] = [
    load(1, 1, 1_000, 2),
    load(1_000, 1, 200, 20),
    load(1_000, 16, 100, 40),
    load(1_000, 100, 40, 100),
    load(10_000, 1, 25, 250),
    load(10_000, 16, 15, 400),
];
const QUICK: [Load; 3] = [load(1, 1, 5, 1), load(20, 1, 5, 1), load(20, 16, 3, 1)];

/// By column of `LOADS`.
const TARGETS: [(usize, Engine, Engine, f64); 6] = [
    (4, Engine::OursOnHyper, Engine::Bare, 1.03),
    (4, Engine::OursOnAxum, Engine::AxumSse, 0.92),
    (4, Engine::OursOnActix, Engine::ActixWebLab, 0.9),
    (2, Engine::OursOnHyper, Engine::BareJoined, 1.05),
    (2, Engine::OursOnAxum, Engine::AxumSse, 0.55),
    (2, Engine::OursOnActix, Engine::ActixWebLab, 0.125),
];

pub(super) fn print(place: &Place<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut loads = if place.is_quick { QUICK.to_vec() } else { LOADS.to_vec() };
    loads.retain(|load| match allow_files(load.subscribers as u64 + 100) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("SKIPPED: {} subscribers: {why}", load.subscribers);
            false
        }
    });
    let columns: Vec<String> = loads
        .iter()
        .map(|load| match load.subscribers {
            1 => format!("{} a wake, 1 client", load.order.burst),
            subscribers => format!("{} a wake, {subscribers} clients", load.order.burst),
        })
        .collect();
    let table = |title: &str| Table::new(title, columns.clone(), place.engines, 2);
    let mut cpu = table("CPU of the server for one delivery, µs");
    let mut median = table("from publishing to a client, median, ms");
    let mut late = table("from publishing to a client, 99th of 100, ms");
    place.alternate(|engine| {
        for (column, load) in loads.iter().enumerate() {
            let mut server = Server::start(Setup::new(engine), place.is_pinned)?;
            let mut generator = Generator::connect(server.address, load.subscribers)?;
            let before = server.cpu()?;
            server.publish(load.order)?;
            let events = load.order.wakes * load.order.burst;
            let mut latencies = generator.receive(events)?;
            let spent = server.cpu()? - before;
            let deliveries = events * load.subscribers as u64;
            cpu.push(engine, column, spent.as_secs_f64() * 1e6 / deliveries as f64);
            median.push(engine, column, part_of(&mut latencies, 0.5) / 1e6);
            late.push(engine, column, part_of(&mut latencies, 0.99) / 1e6);
        }
        Ok(())
    })?;
    for table in [&cpu, &median, &late] {
        table.write(out)?;
    }
    if loads.len() == LOADS.len() {
        let targets = TARGETS.map(|(column, engine, peer, at_most)| Target {
            column,
            engine,
            than: Than::Engine(peer),
            at_most,
        });
        cpu.write_targets(&targets, out)?;
        let lone = [Engine::OursOnHyper, Engine::OursOnAxum].map(|engine| Target {
            column: 0,
            engine,
            than: Than::Engine(Engine::AxumSse),
            at_most: 1.0,
        });
        median.write_targets(&lone, out)?;
    }
    Ok(())
}
