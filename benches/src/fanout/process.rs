use super::Engine;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// A server in a process of its own, which ends with this value.
pub(super) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    pub(super) address: SocketAddr,
}

impl Server {
    pub(super) fn start(engine: Engine, is_pinned: bool) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let mut command = if is_pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(this);
            command
        } else {
            Command::new(this)
        };
        command.args(["serve", "--engine", engine.name()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, input, address })
    }

    pub(super) fn publish(&self, wakes: u64, burst: u64, every: Duration) -> io::Result<()> {
        let mut input = self.input.as_ref().ok_or_else(|| io::Error::other("no input"))?;
        writeln!(input, "{wakes} {burst} {}", every.as_micros())
    }

    /// What the process has used of the processor, in user space and in the kernel.
    pub(super) fn cpu(&self) -> io::Result<Duration> {
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may hold anything; behind it comes the third field.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        let ticks: u32 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        Ok(TICK * ticks)
    }

    pub(super) fn resident_kilobytes(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|resident| resident.trim().split(' ').next()?.parse().ok());
        resident.ok_or_else(|| io::Error::other("no VmRSS"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _it_may_be_gone = self.child.kill();
        let _it_may_be_gone = self.child.wait();
    }
}

/// Binds this process to a core; whether that can be done here.
pub(super) fn pin_this_to(core: u32) -> bool {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return false;
    }
    let status = Command::new("taskset")
        .args(["-cp", &core.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
