//! One connection that gets as many small events as it can take.

use super::Place;
use crate::load::generator::Generator;
use crate::load::process::Server;
use crate::load::table::{Table, Target, Than};
use crate::load::{Engine, Feed, Setup};
use std::io::{self, Write};
use std::time::Instant;

pub(super) fn print(place: &Place<'_>, out: &mut impl Write) -> io::Result<()> {
    let count: u64 = if place.is_quick { 2_000 } else { 1_000_000 };
    let feeds = [Feed::Ready(count), Feed::Channel(count)];
    let engines: Vec<Engine> =
        place.engines.iter().copied().filter(|engine| engine.serves(feeds[0])).collect();
    if engines.is_empty() {
        return Ok(());
    }
    let place = Place { engines: &engines, ..*place };
    let columns = ["there already", "from another task"].map(str::to_owned).to_vec();
    let mut cpu = Table::new("CPU of the server for one token, ns", columns.clone(), place.engines, 0);
    let mut speed = Table::new("tokens a second, thousands", columns, place.engines, 0);
    place.alternate(|engine| {
        for (column, feed) in feeds.into_iter().enumerate().filter(|(_, feed)| engine.serves(*feed)) {
            let server = Server::start(Setup { feed, ..Setup::new(engine) }, place.is_pinned)?;
            let (before, start) = (server.cpu()?, Instant::now());
            // All from the head on: the first come with it.
            let mut generator = Generator::connect_for_tokens(server.address)?;
            generator.receive_all(count)?;
            let (took, spent) = (start.elapsed(), server.cpu()? - before);
            cpu.push(engine, column, spent.as_secs_f64() * 1e9 / count as f64);
            speed.push(engine, column, count as f64 / took.as_secs_f64() / 1e3);
        }
        Ok(())
    })?;
    cpu.write(out)?;
    speed.write(out)?;
    let target = |column, engine, peer, at_most| Target { column, engine, than: Than::Engine(peer), at_most };
    cpu.write_targets(
        &[
            target(0, Engine::OursOnHyper, Engine::Floor, 1.15),
            target(0, Engine::OursOnAxum, Engine::Floor, 1.15),
            target(0, Engine::OursOnActix, Engine::ActixWebLab, 1.0),
            target(1, Engine::OursOnHyper, Engine::AxumSse, 0.6),
            target(1, Engine::OursOnAxum, Engine::AxumSse, 0.6),
        ],
        out,
    )
}
