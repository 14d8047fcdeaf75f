//! Child processes, shown before they run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

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

    /// Waits for it. `Err` names the command line and how it ended.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("$ {}", self.shown);
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}`: {status}", self.shown)),
            Err(error) => Err(format!("`{}`: {error}", self.shown)),
        }
    }

    /// Waits for it, but not longer than `limit`.
    pub(crate) fn run_within(mut self, limit: Duration) -> Result<(), String> {
        println!("$ {}", self.shown);
        let failed = |error: io::Error| format!("`{}`: {error}", self.shown);
        let mut child = self.command.spawn().map_err(failed)?;
        let started = Instant::now();
        while started.elapsed() < limit {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("`{}`: {status}", self.shown)),
                None => thread::sleep(Duration::from_millis(50)),
            }
        }
        child.kill().and_then(|()| child.wait()).map_err(failed)?;
        Err(format!("`{}`: not done after {} s, killed", self.shown, limit.as_secs()))
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
        assert!(sh("exit 3").run_within(Duration::from_secs(60)).is_err());
        assert!(Run::new("no-such-program", Path::new(".")).run().is_err());
        assert!(sh("echo said >&2; exit 1").output().unwrap_err().contains("said"));
    }

    #[test]
    fn what_does_not_end_is_killed() {
        let why = sh("exec sleep 60").run_within(Duration::from_millis(100)).unwrap_err();
        assert!(why.contains("killed"), "{why}");
        assert_eq!(sh("exit 0").run_within(Duration::from_secs(60)), Ok(()));
    }
}
