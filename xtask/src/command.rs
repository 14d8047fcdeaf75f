//! Child processes, shown before they run.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::tally::Tally;

/// How long pipes may stay open after the end of the program that they belong to.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// How long a program that is told to end has to do so, and to end what it started.
const GRACE: Duration = Duration::from_secs(5);

/// One child process; its command line is printed, relative to the workspace root.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    shown: String,
}

impl Run {
    pub(crate) fn new(program: &str, root: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root).stdin(Stdio::null());
        Self { command, shown: program.to_owned() }
    }

    /// The cargo that runs us.
    pub(crate) fn cargo(root: &Path) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut run = Self::new(&cargo, root);
        run.shown = "cargo".to_owned();
        run
    }

    /// The cargo of another toolchain.
    pub(crate) fn cargo_of(toolchain: &str, root: &Path) -> Self {
        let mut run = Self::new("rustup", root).args(["run", toolchain, "cargo"]);
        // Set by the cargo that runs us; subcommands would call that one again.
        run.command.env_remove("CARGO");
        run
    }

    #[must_use]
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let arg = arg.as_ref();
        self.shown += &format!(" {}", arg.to_string_lossy());
        self.command.arg(arg);
        self
    }

    #[must_use]
    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        self.shown = format!("{name}={} {}", value.to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    /// Leaves variables of ours out of its environment, whatever they are set to.
    #[must_use]
    pub(crate) fn env_without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// Waits for it. `Err` names the command line and how it ended.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("$ {}", self.shown);
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}`: {status}", self.shown)),
            Err(error) => Err(format!("`{}`: {error}", self.shown)),
        }
    }

    /// Waits for it, passes on what it prints, and counts the cases that this tells of.
    pub(crate) fn counted(self) -> Result<Tally, String> {
        self.count(None)
    }

    /// As [`counted`](Self::counted), but it may not take longer than `limit`: then it is ended with all that it started, for which
    /// it has a process group of its own. The terminal's Ctrl-C ends us, and does not reach it.
    pub(crate) fn counted_within(mut self, limit: Duration) -> Result<Tally, String> {
        self.command.process_group(0);
        self.count(Some(limit))
    }

    fn count(mut self, limit: Option<Duration>) -> Result<Tally, String> {
        println!("$ {}", self.shown);
        if io::stdout().is_terminal() {
            self.command.env("CARGO_TERM_COLOR", "always");
        }
        let failed = |error: io::Error| format!("`{}`: {error}", self.shown);
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let said = [pass_on(child.stdout.take()), pass_on(child.stderr.take())];
        let ended = wait(&mut child, limit);
        let tally = said.into_iter().map(what_was_said).fold(Tally::default(), Tally::and);
        match ended.map_err(failed)? {
            Some(status) if status.success() => Ok(tally),
            Some(status) => Err(format!("`{}`: {status}", self.shown)),
            None => {
                let seconds = limit.unwrap_or_default().as_secs();
                Err(format!("`{}`: not done after {seconds} s, killed", self.shown))
            }
        }
    }

    /// Waits for it and returns what it wrote to stdout. Not printed: these are questions, not work.
    pub(crate) fn output(mut self) -> Result<String, String> {
        let output = self.command.stderr(Stdio::piped()).output();
        let output = output.map_err(|error| format!("`{}`: {error}", self.shown))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("`{}`: {}: {}", self.shown, output.status, said.trim()))
        }
    }
}

/// `None`: it was not done in time, and is killed.
fn wait(child: &mut Child, limit: Option<Duration>) -> io::Result<Option<ExitStatus>> {
    let Some(limit) = limit else { return child.wait().map(Some) };
    let ended = wait_within(child, limit)?;
    if ended.is_none() {
        end_group(child)?;
    }
    Ok(ended)
}

fn wait_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(None)
}

/// Tells the leader of a process group to end, so that it may tidy up, and kills what is left of the group.
fn end_group(leader: &mut Child) -> io::Result<()> {
    let id = leader.id();
    signal("TERM", &id.to_string())?;
    wait_within(leader, GRACE)?;
    signal("KILL", &format!("-{id}"))?;
    leader.kill().and_then(|()| leader.wait()).map(drop)
}

/// That nobody is there any more is no error.
fn signal(name: &str, to: &str) -> io::Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill \"$@\"", "sh", "-s", name, "--", to]);
    kill.stdout(Stdio::null()).stderr(Stdio::null()).status().map(drop)
}

/// Prints what comes out of a pipe, line by line, until its end.
fn pass_on(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Tally> {
    thread::spawn(move || {
        let mut tally = Tally::default();
        let Some(pipe) = pipe else { return tally };
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            tally.line(&text);
            line.clear();
        }
        tally
    })
}

/// A program may have left children behind that hold its pipes: those are not waited for.
fn what_was_said(thread: JoinHandle<Tally>) -> Tally {
    let ended = Instant::now();
    while !thread.is_finished() && ended.elapsed() < LEFT_BEHIND {
        thread::sleep(Duration::from_millis(5));
    }
    if thread.is_finished() { thread.join().unwrap_or_default() } else { Tally::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Run {
        Run::new("sh", Path::new(".")).args(["-c", script])
    }

    #[test]
    fn a_failure_names_the_command_line() {
        let why = sh("exit 3").run().unwrap_err();
        assert!(why.contains("sh -c exit 3") && why.contains('3'), "{why}");
        assert!(sh("exit 3").counted().unwrap_err().contains("sh -c exit 3"));
        assert!(Run::new("no-such-program", Path::new(".")).run().is_err());
        assert!(sh("echo said >&2; exit 1").output().unwrap_err().contains("said"));
    }

    #[test]
    fn what_does_not_end_is_killed() {
        let why = sh("exec sleep 60").counted_within(Duration::from_millis(100)).unwrap_err();
        assert!(why.contains("killed"), "{why}");
        assert_eq!(sh("exit 0").counted_within(Duration::from_secs(60)), Ok(Tally::default()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_it_started_is_killed_with_it() {
        let file = std::env::temp_dir().join(format!("xtask-group-{}", std::process::id()));
        // It may hear nothing of the end of its parent: its pipes are elsewhere.
        let script = format!("sleep 600 >/dev/null 2>&1 & echo $! > '{}'; wait", file.display());
        let why = sh(&script).counted_within(Duration::from_secs(1)).unwrap_err();
        assert!(why.contains("killed"), "{why}");
        let id = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        // What is dead but not yet buried has no command line.
        let lives =
            || std::fs::read(format!("/proc/{}/cmdline", id.trim())).is_ok_and(|line| !line.is_empty());
        let started = Instant::now();
        while lives() && started.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!lives(), "{id}");
    }

    #[test]
    fn cases_are_counted_in_both_pipes() {
        let script =
            "echo '2 checks passed'; echo 'Done 3 runs in 1 second(s)' >&2; printf 'SKIPPED: no end of line'";
        let tally = sh(script).counted().unwrap();
        assert_eq!((tally.cases, tally.skipped), (5, vec!["no end of line".to_owned()]));
    }
}
