//! What a server is told to publish, over its input.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// What is to be published: so many events at once, so often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) wakes: u64,
    pub(super) burst: u64,
    /// Zero for a single wake, at once.
    pub(super) every: Duration,
}

impl Order {
    pub(super) fn write_to(self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{} {} {}", self.wakes, self.burst, self.every.as_micros())
    }

    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [wakes, burst, every] = numbers[..] else { return None };
        Some(Self { wakes, burst, every: Duration::from_micros(every) })
    }
}

pub(super) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()
}

/// Reads orders on a thread, and ends the process when there are no more.
pub(super) fn read(take: impl Fn(Order) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if !Order::parse(&line).is_some_and(&take) {
                break;
            }
        }
        std::process::exit(0);
    });
}

/// Orders for a task; the process ends when there are no more, whether anybody listens or not.
pub(super) fn channel() -> mpsc::UnboundedReceiver<Order> {
    let (orders, next) = mpsc::unbounded_channel();
    read(move |order| {
        let _nobody_may_listen = orders.send(order);
        true
    });
    next
}

/// Publishes what is ordered; `publish` gets the number of each event, from 1 on.
pub(super) async fn follow(mut orders: mpsc::UnboundedReceiver<Order>, publish: impl Fn(u64)) {
    let mut number = 0;
    while let Some(Order { wakes, burst, every }) = orders.recv().await {
        let mut clock = (!every.is_zero()).then(|| tokio::time::interval(every));
        for _ in 0..wakes {
            if let Some(clock) = &mut clock {
                clock.tick().await;
            }
            for _ in 0..burst {
                number += 1;
                publish(number);
            }
        }
    }
}
