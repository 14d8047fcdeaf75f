//! What nodes that share logs can carry, from what one event costs: a simulation of one server in front of each, in the order
//! of their queues.

/// What was measured; times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Of the engine, for a publication that finds it idle, on top of the next one.
    pub wake: f64,
    /// Of the engine, for a publication.
    pub publish: f64,
    /// Of the engine, for a read of a node, however many events that brings.
    pub read: f64,
    /// Of the engine, for each event of a read.
    pub entry: f64,
    /// Of a node, for an event that it reads and puts into its log.
    pub event: f64,
    /// Of a node, for an event that a client gets, with the write to its socket.
    pub delivery: f64,
    /// From the engine to a node.
    pub way: f64,
    /// Memory of a node for an idle client, in bytes.
    pub client: f64,
}

/// What is to be carried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Connected clients, in all.
    pub clients: f64,
    /// Events a second, in all.
    pub events: f64,
    /// Which part of the clients each event is for.
    pub audience: f64,
    /// Nodes of one core for the streams; all of them read all logs.
    pub nodes: usize,
    /// Logs, each in an engine of its own.
    pub logs: usize,
}

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carried {
    /// Which part of its time an engine works.
    pub engine: f64,
    /// Which part of its time a node works.
    pub node: f64,
    /// From publishing to the last client, median and 99th percentile, in microseconds; of no meaning where one of the two above is
    /// 1 or more, since the queues grow without end.
    pub latency: [f64; 2],
    /// Entries of one read.
    pub batch: f64,
    /// Bytes of a node for its clients.
    pub memory: f64,
}

/// How many events of one log are simulated.
const EVENTS: usize = 20_000;

/// Simulates one of the logs and its nodes, which read it at the same times and share their own time among the logs.
#[must_use]
pub fn simulate(costs: Costs, load: Load) -> Carried {
    let every = 1e6 * load.logs as f64 / load.events;
    let clients_of_node = load.clients / load.nodes as f64;
    // The other logs take their share of a node's time.
    let work = (costs.event + clients_of_node * load.audience * costs.delivery) * load.logs as f64;
    let mut choices = Choices(7);
    let mut now = 0.0;
    let arrivals: Vec<f64> = (0..EVENTS)
        .map(|_| {
            now += choices.exponential(every);
            now
        })
        .collect();
    let (mut engine_free, mut engine_works) = (0.0_f64, 0.0);
    let mut node_free = 0.0_f64;
    let (mut published, mut read, mut reads) = (Vec::with_capacity(EVENTS), 0, 0);
    let mut latencies = Vec::with_capacity(EVENTS);
    while read < EVENTS {
        let publish_at = arrivals.get(published.len()).map(|arrival| engine_free.max(*arrival));
        let read_at = published.get(read).map(|published| engine_free.max(node_free).max(*published));
        match (publish_at, read_at) {
            (Some(publish_at), read_at) if read_at.is_none_or(|read_at| publish_at <= read_at) => {
                let is_idle = publish_at > engine_free;
                let takes = costs.publish + if is_idle { costs.wake } else { 0.0 };
                engine_works += takes;
                engine_free = publish_at + takes;
                published.push(engine_free);
            }
            (_, Some(read_at)) => {
                let events = published.len() - read;
                let takes = load.nodes as f64 * (costs.read + costs.entry * events as f64);
                engine_works += takes;
                engine_free = read_at + takes;
                node_free = engine_free + costs.way;
                for arrival in &arrivals[read..published.len()] {
                    node_free += work;
                    latencies.push(node_free - arrival);
                }
                reads += 1;
                read = published.len();
            }
            (_, None) => break,
        }
    }
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| latencies[((EVENTS as f64 * part) as usize).min(EVENTS - 1)];
    Carried {
        engine: engine_works / engine_free.max(now),
        node: work / every,
        latency: [at(0.5), at(0.99)],
        batch: EVENTS as f64 / f64::from(reads),
        memory: clients_of_node * costs.client,
    }
}

/// The generator known as splitmix64.
struct Choices(u64);

impl Choices {
    /// A time between two events of a stream without memory.
    fn exponential(&mut self, mean: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let uniform = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        -mean * (1.0 - uniform).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        wake: 70.0,
        publish: 5.0,
        read: 20.0,
        entry: 0.2,
        event: 25.0,
        delivery: 8.0,
        way: 100.0,
        client: 11_000.0,
    };
    const LOAD: Load = Load { clients: 3_000.0, events: 100.0, audience: 0.1, nodes: 3, logs: 1 };

    #[test]
    fn without_a_queue_an_event_takes_what_its_parts_take() {
        let seldom = simulate(COSTS, Load { events: 0.01, ..LOAD });
        let engine = 70.0 + 5.0 + 3.0 * 20.2;
        let parts = engine + 100.0 + 25.0 + 100.0 * 8.0;
        assert!((seldom.latency[0] - parts).abs() < 1.0, "{seldom:?}");
        assert!((seldom.batch - 1.0).abs() < 0.01);
        assert!((seldom.engine * 1e8 - engine).abs() < 0.1 * engine, "{seldom:?}");
    }

    #[test]
    fn work_is_shared_by_nodes_and_logs() {
        let one = simulate(COSTS, LOAD);
        assert!((one.node - 100.0 * (25.0 + 800.0) / 1e6).abs() < 1e-9, "{one:?}");
        let two = simulate(COSTS, Load { logs: 2, ..LOAD });
        assert!(two.engine < 0.6 * one.engine && (two.node - one.node).abs() < 1e-9, "{two:?}");
        let six = simulate(COSTS, Load { nodes: 6, ..LOAD });
        assert!(six.node < 0.6 * one.node && (six.memory - one.memory / 2.0).abs() < 1.0);
    }

    #[test]
    fn a_node_that_is_behind_reads_more_at_once_which_spares_the_engine() {
        let busy = simulate(COSTS, Load { events: 1_100.0, ..LOAD });
        assert!(busy.node > 0.8 && busy.batch > 2.0 && busy.latency[1] > 2.0 * busy.latency[0], "{busy:?}");
        let idle = simulate(COSTS, LOAD);
        assert!(busy.engine < 11.0 * idle.engine, "{busy:?} {idle:?}");
    }

    #[test]
    fn more_than_an_engine_can_do_keeps_it_busy_all_the_time() {
        let flood = Load { clients: 30.0, events: 500_000.0, ..LOAD };
        assert!(simulate(COSTS, flood).engine > 0.99);
    }
}
