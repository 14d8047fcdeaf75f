//! The table of `docs/SCALE.md`, or one load of the reader's own.

use super::model::{Carried, Costs, Load, simulate};
use std::fmt::Write as _;

/// As measured: "Nodes that share a log" in `docs/BENCHMARKS.md`; a delivery and a client as with hyper under load.
pub const MEASURED: Costs = Costs {
    wake: 70.0,
    publish: 5.6,
    read: 18.0,
    entry: 0.23,
    event: 25.0,
    delivery: 8.0,
    way: 130.0,
    client: 11_000.0,
};

/// What people carry: a name, and how much.
const LOADS: [(&str, Load); 7] = [
    (
        "a dashboard: all see each event",
        Load { clients: 10_000.0, events: 5.0, audience: 1.0, nodes: 2, logs: 1 },
    ),
    ("rooms of 100", Load { clients: 10_000.0, events: 500.0, audience: 0.01, nodes: 2, logs: 1 }),
    ("a dashboard", Load { clients: 100_000.0, events: 1.0, audience: 1.0, nodes: 4, logs: 1 }),
    ("rooms of 100", Load { clients: 100_000.0, events: 2_000.0, audience: 0.001, nodes: 8, logs: 1 }),
    (
        "notifications: each for one",
        Load { clients: 1_000_000.0, events: 1_000.0, audience: 1e-6, nodes: 20, logs: 1 },
    ),
    (
        "rooms of 100, 4 logs",
        Load { clients: 1_000_000.0, events: 10_000.0, audience: 1e-4, nodes: 40, logs: 4 },
    ),
    (
        "one event a second for all",
        Load { clients: 1_000_000.0, events: 1.0, audience: 1.0, nodes: 40, logs: 1 },
    ),
];

/// `None` when the options are none.
#[must_use]
pub fn run(options: &[&str]) -> Option<String> {
    let mut text = "| clients | events a second | for | nodes | logs | an engine works | a node works | last client, median | last client, p99 | memory of a node |\n\
                    |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    if options.is_empty() {
        LOADS.iter().for_each(|(what, load)| row(&mut text, what, *load));
        return Some(text);
    }
    let mut load = LOADS[0].1;
    for option in options.chunks(2) {
        match *option {
            ["--clients", value] => load.clients = value.parse().ok()?,
            ["--events", value] => load.events = value.parse().ok()?,
            ["--audience", value] => load.audience = value.parse().ok()?,
            ["--nodes", value] => load.nodes = value.parse().ok().filter(|nodes| *nodes > 0)?,
            ["--logs", value] => load.logs = value.parse().ok().filter(|logs| *logs > 0)?,
            _ => return None,
        }
    }
    row(&mut text, "yours", load);
    Some(text)
}

fn row(text: &mut String, what: &str, load: Load) {
    let Carried { engine, node, latency, memory, .. } = simulate(MEASURED, load);
    let is_carried = engine < 0.99 && node < 1.0;
    let time = |micros: f64| if is_carried { format!("{:.1} ms", micros / 1e3) } else { "grows".to_owned() };
    let Load { clients, events, nodes, logs, .. } = load;
    // Writing to a text does not fail.
    let _ = writeln!(
        text,
        "| {clients} | {events} | {what} | {nodes} | {logs} | {:.0} % | {:.0} % | {} | {} | {:.1} GB |",
        engine * 100.0,
        node * 100.0,
        time(latency[0]),
        time(latency[1]),
        memory / 1e9,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_make_one_load_and_none_make_the_table() {
        assert_eq!(run(&[]).unwrap().lines().count(), 2 + LOADS.len());
        let one = run(&["--clients", "300", "--events", "10", "--nodes", "3"]).unwrap();
        assert!(one.lines().nth(2).unwrap().starts_with("| 300 | 10 | yours | 3 | 1 |"), "{one}");
        assert!(run(&["--nodes", "0"]).is_none() && run(&["--speed", "1"]).is_none());
    }

    #[test]
    fn what_cannot_be_carried_is_said() {
        let too_much = run(&["--clients", "1000000", "--events", "100", "--nodes", "2"]).unwrap();
        assert!(too_much.contains("grows"), "{too_much}");
    }
}
