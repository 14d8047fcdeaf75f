//! A quarter of the clients stops reading while much is published.

use super::{Place, part_of};
use crate::load::Setup;
use crate::load::generator::Generator;
use crate::load::orders::Order;
use crate::load::process::Server;
use crate::load::table::Table;
use std::io::{self, Write};
use std::time::Duration;

pub(super) fn print(place: &Place<'_>, out: &mut impl Write) -> io::Result<()> {
    let (clients, wakes) = if place.is_quick { (20, 3) } else { (400, 200) };
    // Some 4 MB for each client in all, which is more than its sockets hold.
    let order = Order { wakes, burst: 100, every: Duration::from_millis(50) };
    let columns = ["all read", "a quarter stalls"].map(str::to_owned).to_vec();
    let mut late = Table::new("99th of 100 of those who read, ms", columns.clone(), place.engines, 2);
    let mut cpu = Table::new("CPU of the server for one delivery, µs", columns.clone(), place.engines, 2);
    let mut memory = Table::new("memory the server grew by, KB for each client", columns, place.engines, 2);
    place.alternate(|engine| {
        for (column, stalled) in [0, clients / 4].into_iter().enumerate() {
            let mut server = Server::start(Setup::new(engine), place.is_pinned)?;
            let mut generator = Generator::connect(server.address, clients)?;
            let _held_open = generator.stall(stalled)?;
            let (before, resident) = (server.cpu()?, server.resident_kilobytes()?);
            server.publish(order)?;
            let mut latencies = generator.receive(order.wakes * order.burst)?;
            let spent = server.cpu()? - before;
            late.push(engine, column, part_of(&mut latencies, 0.99) / 1e6);
            cpu.push(engine, column, spent.as_secs_f64() * 1e6 / latencies.len() as f64);
            memory.push(engine, column, (server.resident_kilobytes()? - resident) / clients as f64);
        }
        Ok(())
    })?;
    for table in [&late, &cpu, &memory] {
        table.write(out)?;
    }
    Ok(())
}
