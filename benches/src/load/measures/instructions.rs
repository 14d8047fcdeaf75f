//! What the server's process executes in user space, by callgrind: the difference of two runs, the second with twice as much
//! to do. Kernels and their load have no part in it.

use super::Place;
use crate::load::generator::Generator;
use crate::load::orders::Order;
use crate::load::process::Server;
use crate::load::table::{Table, Target, Than};
use crate::load::{Engine, Feed, Setup};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the columns are of.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// The events of one wake.
    Burst(u64),
    Heartbeat,
    Ready,
    Channel,
}

const WORK: [(&str, Work); 6] = [
    ("delivery, 1 a wake", Work::Burst(1)),
    ("delivery, 16 a wake", Work::Burst(16)),
    ("delivery, 100 a wake", Work::Burst(100)),
    ("heartbeat", Work::Heartbeat),
    ("token, there already", Work::Ready),
    ("token, from another task", Work::Channel),
];

/// By column of `WORK`.
const TARGETS: [(usize, Engine, Than, f64); 14] = [
    (0, Engine::OursOnHyper, Than::Nothing, 4_000.0),
    (1, Engine::OursOnHyper, Than::Nothing, 870.0),
    (0, Engine::OursOnHyper, Than::Engine(Engine::Bare), 1.0),
    (1, Engine::OursOnHyper, Than::Engine(Engine::BareJoined), 1.0),
    (0, Engine::OursOnAxum, Than::Nothing, 4_400.0),
    (1, Engine::OursOnAxum, Than::Nothing, 950.0),
    (0, Engine::OursOnActix, Than::Engine(Engine::ActixWebLab), 0.5),
    (1, Engine::OursOnActix, Than::Engine(Engine::ActixWebLab), 0.125),
    (0, Engine::CoreAlone, Than::Nothing, 1_000.0),
    (1, Engine::CoreAlone, Than::Nothing, 120.0),
    (3, Engine::OursOnHyper, Than::Engine(Engine::Bare), 1.1),
    (4, Engine::OursOnHyper, Than::Engine(Engine::BareJoined), 1.0),
    (5, Engine::OursOnHyper, Than::Engine(Engine::AxumSse), 0.6),
    (5, Engine::OursOnAxum, Than::Engine(Engine::AxumSse), 0.6),
];

/// How much there is to do in the first run.
#[derive(Clone, Copy, Debug)]
struct Size {
    clients: usize,
    wakes: u64,
    heartbeats: u64,
    tokens: u64,
}

pub(super) fn print(place: &Place<'_>, keep: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    let size = if place.is_quick {
        Size { clients: 10, wakes: 4, heartbeats: 2, tokens: 1_000 }
    } else {
        Size { clients: 500, wakes: 10, heartbeats: 3, tokens: 20_000 }
    };
    let title = format!("instructions in user space, {} clients", size.clients);
    let columns = WORK.map(|(name, _)| name.to_owned()).to_vec();
    // nginx is not built to be looked into.
    let engines: Vec<Engine> =
        place.engines.iter().copied().filter(|engine| *engine != Engine::Nchan).collect();
    let place = Place { engines: &engines, ..*place };
    let mut table = Table::new(&title, columns, place.engines, 0);
    place.alternate(|engine| {
        for (column, (name, work)) in WORK.into_iter().enumerate() {
            if let Some(count) =
                measure(engine, work, size, place.is_pinned, keep.map(|keep| keep.join(name)))?
            {
                table.push(engine, column, count);
            }
        }
        Ok(())
    })?;
    table.write(out)?;
    let targets = TARGETS.map(|(column, engine, than, at_most)| Target { column, engine, than, at_most });
    if place.is_quick { Ok(()) } else { table.write_targets(&targets, out) }
}

fn measure(
    engine: Engine,
    work: Work,
    size: Size,
    is_pinned: bool,
    keep: Option<PathBuf>,
) -> io::Result<Option<f64>> {
    let mut totals = [(0, 0); 2];
    for (times, total) in (1..).zip(&mut totals) {
        let feed = match work {
            Work::Burst(_) | Work::Heartbeat => Feed::Events,
            Work::Ready => Feed::Ready(size.tokens * times),
            Work::Channel => Feed::Channel(size.tokens * times),
        };
        if !engine.serves(feed) {
            return Ok(None);
        }
        let heartbeat = matches!(work, Work::Heartbeat).then_some(Duration::from_secs(1));
        let setup = Setup { engine, feed, heartbeat };
        let temporary =
            std::env::temp_dir().join(format!("callgrind.out.sse-benches.{}", std::process::id()));
        let server = Server::start_profiled(setup, is_pinned, &temporary)?;
        *total = run(server, work, size, times)?;
        if let Some(folder) = keep.as_ref().filter(|_| times == 2) {
            std::fs::create_dir_all(folder)?;
            std::fs::copy(&temporary, folder.join(engine.name()))?;
        }
        std::fs::remove_file(&temporary)?;
    }
    let [(once, fewer), (twice, more)] = totals;
    Ok(Some((twice as f64 - once as f64) / (more as f64 - fewer as f64)))
}

/// Gives the instructions, and for how many deliveries, heartbeats or tokens.
fn run(mut server: Server, work: Work, size: Size, times: u64) -> io::Result<(u64, u64)> {
    let done = match work {
        Work::Burst(burst) => {
            let mut generator = Generator::connect(server.address, size.clients)?;
            for _ in 0..size.wakes * times {
                // The next when all have this: a server under a profiler is slow, and has to sleep before each wake.
                server.publish(Order { wakes: 1, burst, every: Duration::ZERO })?;
                generator.receive(burst)?;
            }
            size.wakes * times * burst * size.clients as u64
        }
        Work::Heartbeat => {
            let mut generator = Generator::connect(server.address, size.clients)?;
            generator.wait_for_heartbeats(size.heartbeats * times)?
        }
        Work::Ready | Work::Channel => {
            Generator::connect_for_tokens(server.address)?.receive_all(size.tokens * times)?;
            size.tokens * times
        }
    };
    Ok((server.into_instructions()?, done))
}
