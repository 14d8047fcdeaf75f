//! Steps, how each one ended, and the table at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::tally::Tally;

/// How a step that found no fault ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Passed, and its programs told what they looked at.
    Counted(Tally),
    /// Another check stood in for this one.
    FellBack(String),
    /// Could not run on this machine.
    Skipped(String),
}

/// `Err` says what is wrong.
pub(crate) type StepResult = Result<Outcome, String>;

#[derive(Debug)]
pub(crate) struct Report {
    nothing_may_be_skipped: bool,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: String,
    result: StepResult,
    took: Duration,
}

impl Report {
    /// With `CI=true` in the environment a skipped step is a failed one.
    pub(crate) fn new() -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        Self { nothing_may_be_skipped: ci, lines: Vec::new() }
    }

    /// Runs one step; a failure is recorded and the next step still runs.
    pub(crate) fn step(&mut self, name: impl Into<String>, step: impl FnOnce() -> StepResult) {
        let name = name.into();
        println!("\n==> {name}");
        let started = Instant::now();
        let result = self.judged(step());
        match &result {
            Ok(Outcome::Passed | Outcome::Counted(_)) => {}
            Ok(Outcome::FellBack(why)) => println!("FELL BACK: {name}: {why}"),
            Ok(Outcome::Skipped(why)) => println!("SKIPPED: {name}: {why}"),
            Err(why) => println!("FAILED: {name}: {why}"),
        }
        self.lines.push(Line { name, result, took: started.elapsed() });
    }

    /// Prints the table and the closing line `N passed, N failed`.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.table());
        if self.count(Result::is_err) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn judged(&self, result: StepResult) -> StepResult {
        match result {
            Ok(Outcome::Skipped(why)) if self.nothing_may_be_skipped => {
                Err(format!("SKIPPED with CI=true: {why}"))
            }
            Ok(Outcome::Counted(Tally { cases: 0, skipped })) if skipped.is_empty() => {
                Err("no case was counted".to_owned())
            }
            Ok(Outcome::Counted(tally)) if self.nothing_may_be_skipped && !tally.skipped.is_empty() => {
                Err(format!("SKIPPED with CI=true: {}", tally.skipped.join("; ")))
            }
            other => other,
        }
    }

    fn count(&self, wanted: impl Fn(&StepResult) -> bool) -> usize {
        self.lines.iter().filter(|line| wanted(&line.result)).count()
    }

    fn table(&self) -> String {
        let width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let mut table = format!("{:width$}  {:>8}  {:>12}\n", "step", "time", "cases");
        for Line { name, result, took } in &self.lines {
            let cases = match result {
                Ok(Outcome::Counted(tally)) => tally.to_string(),
                _ => String::new(),
            };
            let said = match result {
                Ok(Outcome::Passed) => "ok".to_owned(),
                Ok(Outcome::Counted(tally)) if tally.skipped.is_empty() => "ok".to_owned(),
                Ok(Outcome::Counted(tally)) => format!("ok, SKIPPED: {}", tally.skipped.join("; ")),
                Ok(Outcome::FellBack(why)) => format!("ok, FELL BACK: {why}"),
                Ok(Outcome::Skipped(why)) => format!("SKIPPED: {why}"),
                Err(why) => format!("FAILED: {}", why.lines().next().unwrap_or_default()),
            };
            table += &format!("{name:width$}  {:6.1} s  {cases:>12}  {said}\n", took.as_secs_f64());
        }
        let seconds: f64 = self.lines.iter().map(|line| line.took.as_secs_f64()).sum();
        table += &format!("{:width$}  {seconds:6.1} s\n", "all");
        let skipped = self.count(|result| matches!(result, Ok(Outcome::Skipped(_))));
        if skipped > 0 {
            table += &format!("{skipped} skipped\n");
        }
        let failed = self.count(Result::is_err);
        let passed = self.lines.len() - failed - skipped;
        table + &format!("{passed} passed, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(nothing_may_be_skipped: bool) -> Report {
        Report { nothing_may_be_skipped, lines: Vec::new() }
    }

    #[test]
    fn a_skipped_step_is_neither_passed_nor_failed() {
        let mut report = report(false);
        report.step("one", || Ok(Outcome::Passed));
        report.step("two", || Ok(Outcome::Skipped("no browser".into())));
        let table = report.table();
        assert!(table.contains("SKIPPED: no browser"), "{table}");
        assert!(table.ends_with("1 skipped\n1 passed, 0 failed"), "{table}");
    }

    #[test]
    fn in_ci_a_skipped_step_has_failed() {
        let mut report = report(true);
        report.step("two", || Ok(Outcome::Skipped("no browser".into())));
        assert!(report.table().ends_with("\n0 passed, 1 failed"), "{}", report.table());
    }

    #[test]
    fn a_fallback_passes_and_is_named_even_in_ci() {
        let mut report = report(true);
        report.step("msrv", || Ok(Outcome::FellBack("clippy instead".into())));
        let table = report.table();
        assert!(table.contains("FELL BACK: clippy instead"), "{table}");
        assert!(table.ends_with("\n1 passed, 0 failed"), "{table}");
    }

    #[test]
    fn cases_stand_in_the_table_and_what_they_left_out_beside_them() {
        let tally = Tally { cases: 1200, skipped: Vec::new() };
        let part = Tally { cases: 3, skipped: vec!["not root".into()] };
        let step = |nothing_may_be_skipped| {
            let mut report = report(nothing_may_be_skipped);
            report.step("one", || Ok(Outcome::Counted(tally.clone())));
            report.step("two", || Ok(Outcome::Counted(part.clone())));
            report.table()
        };
        let (table, in_ci) = (step(false), step(true));
        assert!(table.contains(" 1,200  ok\n") && table.contains(" 3  ok, SKIPPED: not root\n"), "{table}");
        assert!(table.ends_with("\n2 passed, 0 failed"), "{table}");
        assert!(in_ci.ends_with("\n1 passed, 1 failed"), "{in_ci}");
    }

    #[test]
    fn a_step_that_counts_and_counts_nothing_has_failed() {
        let mut report = report(false);
        report.step("one", || Ok(Outcome::Counted(Tally::default())));
        assert!(report.table().ends_with("\n0 passed, 1 failed"), "{}", report.table());
    }

    #[test]
    fn steps_after_a_failed_one_still_run() {
        let mut report = report(false);
        report.step("one", || Err("first line\nsecond line".into()));
        report.step("two", || Ok(Outcome::Passed));
        let table = report.table();
        assert!(table.contains("FAILED: first line\n"), "{table}");
        assert!(table.ends_with("\n1 passed, 1 failed"), "{table}");
    }
}
