//! Servers as processes, and what the kernel knows of them.

use super::nchan::Nginx;
use super::orders::Order;
use super::{Engine, Feed, Setup, command};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// A server in a process of its own, which ends with this value.
pub(super) struct Server {
    child: Child,
    input: Option<Input>,
    pub(super) address: SocketAddr,
    profile: Option<PathBuf>,
}

enum Input {
    Orders(ChildStdin),
    Posts(Nginx),
}

impl Server {
    /// Starts a server, on the first core if it is pinned.
    pub(super) fn start(setup: Setup, is_pinned: bool) -> io::Result<Self> {
        Self::start_with(setup, wrapped(is_pinned), None)
    }

    /// Starts a server under callgrind, which writes its profile there.
    pub(super) fn start_profiled(setup: Setup, is_pinned: bool, profile: &Path) -> io::Result<Self> {
        let mut wrapper = wrapped(is_pinned);
        let out = format!("--callgrind-out-file={}", profile.display());
        wrapper.extend(["valgrind", "--quiet", "--tool=callgrind", &out].map(OsString::from));
        Self::start_with(setup, wrapper, Some(profile.to_owned()))
    }

    fn start_with(setup: Setup, mut words: Vec<OsString>, profile: Option<PathBuf>) -> io::Result<Self> {
        if setup.engine == Engine::Nchan {
            let nginx = Nginx::configure(setup)?;
            words.extend(nginx.command());
            let child = command_of(&words)?.stdin(Stdio::null()).spawn()?;
            let address = nginx.wait()?;
            return Ok(Self { child, input: Some(Input::Posts(nginx)), address, profile });
        }
        words.push(std::env::current_exe()?.into());
        words.extend(command::serve_arguments(setup).into_iter().map(OsString::from));
        let mut child = command_of(&words)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().map(Input::Orders);
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, input, address, profile }),
            Err(_) => Err(io::Error::other(format!("it did not start: {:?}", child.wait()?))),
        }
    }

    pub(super) fn publish(&mut self, order: Order) -> io::Result<()> {
        match &mut self.input {
            Some(Input::Orders(input)) => order.write_to(input),
            Some(Input::Posts(nginx)) => nginx.publish(order),
            None => Err(io::Error::other("no input")),
        }
    }

    /// What the threads that the process has now used of the processor, in user space and in the kernel.
    pub(super) fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let schedstat = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let ran: Option<u64> = schedstat.split(' ').next().and_then(|ran| ran.parse().ok());
            nanoseconds += ran.ok_or_else(|| io::Error::other("no schedstat"))?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    pub(super) fn resident_kilobytes(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|resident| resident.trim().split(' ').next()?.parse().ok());
        resident.ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// Ends the server; gives the instructions that it executed, all in all.
    pub(super) fn into_instructions(mut self) -> io::Result<u64> {
        self.input = None;
        self.child.wait()?;
        let profile = self.profile.take().ok_or_else(|| io::Error::other("no profile"))?;
        let totals = std::fs::read_to_string(profile)?;
        let totals = totals.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        totals.and_then(|totals| totals.parse().ok()).ok_or_else(|| io::Error::other("no totals"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _it_may_be_gone = self.child.kill();
        let _it_may_be_gone = self.child.wait();
    }
}

fn wrapped(is_pinned: bool) -> Vec<OsString> {
    if is_pinned { ["taskset", "-c", "0"].map(OsString::from).into() } else { Vec::new() }
}

fn command_of(words: &[OsString]) -> io::Result<Command> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// Why a server of this kind cannot be started here.
pub(super) fn is_missing(engine: Engine, feed: Feed) -> Option<String> {
    (engine == Engine::Nchan && feed == Feed::Events).then(super::nchan::is_missing).flatten()
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

/// Lets this process and its servers open so many files; `Err` says why not.
pub(super) fn allow_files(wanted: u64) -> Result<(), String> {
    let limit = || {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        files.and_then(|files| files.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    let this = std::process::id().to_string();
    // Within what is allowed; then, for who may, beyond it.
    for files in [format!("--nofile={wanted}:"), format!("--nofile={wanted}")] {
        if limit() < wanted {
            let _is_looked_at = Command::new("prlimit").args(["--pid", &this, &files]).status();
        }
    }
    if limit() >= wanted { Ok(()) } else { Err(format!("{} files may be open, {wanted} would be", limit())) }
}
