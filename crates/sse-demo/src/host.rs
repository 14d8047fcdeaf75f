//! What the machine and this process are doing: from `/proc` where there is one.

use std::fs;

/// Where a sample's figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Read from `/proc`.
    Proc,
    /// Made up, for there is no `/proc` here.
    Synthetic,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) cpu: f64,
    pub(crate) load: f64,
    pub(crate) rss_kb: u64,
    pub(crate) source: Source,
}

/// Reads the figures, and remembers the CPU counters between two readings.
#[derive(Debug, Default)]
pub(crate) struct Host {
    ticks: Ticks,
    cpu: f64,
    readings: u32,
}

impl Host {
    pub(crate) fn read(&mut self) -> Figures {
        self.readings = self.readings.wrapping_add(1);
        self.read_proc().unwrap_or_else(|| synthetic(self.readings))
    }

    fn read_proc(&mut self) -> Option<Figures> {
        let now = parse_stat(&fs::read_to_string("/proc/stat").ok()?)?;
        // Two readings within one tick of the counters: the last share still holds.
        if let Some(share) = now.busy_share_since(self.ticks) {
            self.cpu = share;
        }
        self.ticks = now;
        Some(Figures {
            cpu: self.cpu,
            load: parse_loadavg(&fs::read_to_string("/proc/loadavg").ok()?)?,
            rss_kb: parse_status(&fs::read_to_string("/proc/self/status").ok()?)?,
            source: Source::Proc,
        })
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

impl Ticks {
    #[expect(clippy::cast_precision_loss, reason = "a share shown with two digits")]
    fn busy_share_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|&all| all > 0)?;
        let busy = self.busy.saturating_sub(before.busy).min(all);
        Some(round(busy as f64 / all as f64))
    }
}

/// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`: idle and iowait are idle, and the guests'
/// time is in user and nice already.
fn parse_stat(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let counters: Vec<u64> = line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
    let idle = counters.get(3)? + counters.get(4).unwrap_or(&0);
    let all: u64 = counters.iter().sum();
    Some(Ticks { busy: all - idle, all })
}

fn parse_loadavg(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

/// `VmRSS` is in kB whatever the page size, which `statm` is not.
fn parse_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn synthetic(reading: u32) -> Figures {
    let t = f64::from(reading);
    let wave = (t / 40.0).sin() * 0.25 + (t / 9.0).sin() * 0.1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 7000 and 9000")]
    let rss_kb = (8_000.0 + wave * 2_000.0) as u64;
    Figures { cpu: round(0.4 + wave), load: round(0.8 + wave), rss_kb, source: Source::Synthetic }
}

fn round(share: f64) -> f64 {
    (share * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_the_time_between_two_readings() {
        let before = parse_stat("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2\n").unwrap();
        let now = parse_stat("cpu  130 0 60 850 60 0 0 0 0 0\n").unwrap();
        assert_eq!(before, Ticks { busy: 150, all: 1_000 });
        assert_eq!(now.busy_share_since(before), Some(0.4));
        assert_eq!(now.busy_share_since(now), None);
    }

    #[test]
    fn counters_that_run_backwards_give_no_share() {
        let before = Ticks { busy: 5, all: 10 };
        assert_eq!(Ticks { busy: 1, all: 2 }.busy_share_since(before), None);
        assert_eq!(Ticks { busy: 1, all: 20 }.busy_share_since(before), Some(0.0));
    }

    #[test]
    fn load_and_memory_are_found_in_their_files() {
        assert_eq!(parse_loadavg("0.42 0.30 0.20 1/234 5678\n"), Some(0.42));
        assert_eq!(parse_status("Name:\tlive\nVmRSS:\t   12345 kB\n"), Some(12_345));
    }

    #[test]
    fn files_of_another_kind_give_nothing() {
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_stat("intr 1 2 3"), None);
        assert_eq!(parse_loadavg(""), None);
        assert_eq!(parse_status("Name:\tlive\n"), None);
    }

    #[test]
    fn made_up_figures_are_smooth_and_in_range() {
        let figures: Vec<_> = (0..2_000).map(synthetic).collect();
        for pair in figures.windows(2) {
            assert!((0.0..=1.0).contains(&pair[0].cpu));
            assert!((pair[0].cpu - pair[1].cpu).abs() < 0.02);
            assert_eq!(pair[0].source, Source::Synthetic);
        }
    }
}
