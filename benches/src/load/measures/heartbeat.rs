//! Many connections on which nothing happens but heartbeats.

use super::Place;
use crate::load::generator::Generator;
use crate::load::process::{Server, allow_files};
use crate::load::table::{Table, Target, Than};
use crate::load::{Engine, Setup};
use std::io::{self, Write};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

pub(super) fn print(place: &Place<'_>, out: &mut impl Write) -> io::Result<()> {
    let (clients, seconds) = if place.is_quick { (20, 3) } else { (10_000, 5) };
    if let Err(why) = allow_files(clients as u64 + 100) {
        eprintln!("SKIPPED: heartbeats of {clients} connections: {why}");
        return Ok(());
    }
    let columns = vec![format!("{clients} clients, one a second each")];
    let mut table = Table::new("CPU of the server for one heartbeat, µs", columns, place.engines, 2);
    place.alternate(|engine| {
        let setup = Setup { heartbeat: Some(EVERY), ..Setup::new(engine) };
        let server = Server::start(setup, place.is_pinned)?;
        let mut generator = Generator::connect(server.address, clients)?;
        // Beyond what streams begin with.
        generator.wait_for_heartbeats(2)?;
        let before = server.cpu()?;
        let counts = generator.count_heartbeats(EVERY * seconds)?;
        let cpu = server.cpu()? - before;
        let (least, most) = (counts.iter().min(), counts.iter().max());
        // Both ends of the time may cut one off; a machine that is busy makes them late, and so fewer.
        if least < Some(&1) || most > Some(&u64::from(seconds + 1)) {
            return Err(io::Error::other(format!(
                "clients got between {least:?} and {most:?} heartbeats in {seconds} s"
            )));
        }
        let beats: u64 = counts.iter().sum();
        table.push(engine, 0, cpu.as_secs_f64() * 1e6 / beats as f64);
        Ok(())
    })?;
    table.write(out)?;
    let target = |engine| Target { column: 0, engine, than: Than::Engine(Engine::Bare), at_most: 1.1 };
    let targets = [Engine::OursOnHyper, Engine::OursOnAxumOverHttp1, Engine::OursOnActix, Engine::CoreAlone];
    table.write_targets(&targets.map(target), out)
}
