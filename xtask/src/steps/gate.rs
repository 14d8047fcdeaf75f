//! The regression gate: what ours costs is what is written down, a little more or less. It has a fixed compiler, and counts instead of
//! measuring time, so that it says the same on every machine that is alike.

use std::collections::BTreeMap;
use std::fs;

use super::bench::MANIFEST;
use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

const FIGURES: &str = "benches/gate.txt";

/// Instructions depend on it. With another one the figures are written anew.
const TOOLCHAIN: &str = "1.95.0";

/// How far instructions may move: by the larger of a part and a number. Allocations may not.
const PART: f64 = 0.03;
const NUMBER: f64 = 5.0;

const INTRODUCTION: &str = "\
# What an event of ours costs: part, corpus and engine; instructions, allocations, reallocations. Written by
# `cargo xtask bench --gate --write`, compared by `cargo xtask bench --gate`; docs/BENCHMARKING.md has the tolerance.
";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    step(workspace, report, |machine, counted| {
        let file = workspace.root.join(FIGURES);
        let written = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        judge(&Figures::read(&written)?, &Figures { machine, ..Figures::read(counted)? })
    });
}

pub(crate) fn write(workspace: &Workspace, report: &mut Report) {
    step(workspace, report, |machine, counted| {
        let file = workspace.root.join(FIGURES);
        let text = format!("{INTRODUCTION}{}\n{counted}", machine.line());
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Outcome::Passed)
    });
}

fn step(workspace: &Workspace, report: &mut Report, use_it: impl FnOnce(Machine, &str) -> StepResult) {
    report.step("bench gate", || {
        let root = &workspace.root;
        workspace.of_manifest(MANIFEST)?;
        let ready =
            tools::program("valgrind", "valgrind", root).and_then(|_| tools::toolchain(TOOLCHAIN, root));
        if let Err(why) = ready {
            return Ok(Outcome::Skipped(why));
        }
        let cargo = |command: &str| {
            let lean = ["--profile", "gate", "--no-default-features", "--manifest-path", MANIFEST];
            let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"];
            Run::cargo_of(TOOLCHAIN, root).env_without(&flags).arg(command).args(lean)
        };
        cargo("build").run()?;
        let counted = cargo("run").args(["--quiet", "--", "gate"]).output()?;
        use_it(Machine::this(workspace)?, &counted)
    });
}

/// What instructions depend on, besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Machine {
    rustc: String,
    /// Of the emulated CPU, whose instructions memchr and glibc choose by, and of what is counted beside our code.
    rest: String,
}

impl Machine {
    fn this(workspace: &Workspace) -> Result<Self, String> {
        let said = |program: &str, args: &[&str]| {
            Run::new(program, &workspace.root).args(args).output().map(|said| said.trim().to_owned())
        };
        let rustc = said("rustup", &["run", TOOLCHAIN, "rustc", "--version"])?;
        let valgrind = said("valgrind", &["--version"])?;
        let libc = said("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "another libc".to_owned());
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let vectors = if cpu.split_whitespace().any(|flag| flag == "avx2") { "AVX2" } else { "no AVX2" };
        Ok(Self { rustc, rest: format!("{valgrind}, {libc}, {}, {vectors}", std::env::consts::ARCH) })
    }

    fn line(&self) -> String {
        format!("with | {} | {}", self.rustc, self.rest)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Figures {
    machine: Machine,
    costs: BTreeMap<String, Cost>,
}

#[derive(Clone, Debug, PartialEq)]
struct Cost {
    instructions: f64,
    /// And reallocations, as they are written.
    allocations: [String; 2],
}

impl Figures {
    fn read(text: &str) -> Result<Self, String> {
        let mut figures = Self::default();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let unreadable = || format!("{FIGURES}: {line}");
            let fields: Vec<&str> = line.split(" | ").collect();
            match *fields {
                ["with", rustc, rest] => {
                    figures.machine = Machine { rustc: rustc.to_owned(), rest: rest.to_owned() };
                }
                [part, corpus, engine, instructions, allocations, reallocations] => {
                    let instructions = instructions.parse().map_err(|_| unreadable())?;
                    let allocations = [allocations, reallocations].map(str::to_owned);
                    let name = format!("{part}, {corpus}: {engine}");
                    figures.costs.insert(name, Cost { instructions, allocations });
                }
                _ => return Err(unreadable()),
            }
        }
        Ok(figures)
    }
}

/// Figures of another compiler are not compared; with another libc, valgrind or CPU allocations are, which depend on neither.
fn judge(written: &Figures, counted: &Figures) -> StepResult {
    let again = "`cargo xtask bench --gate --write`";
    if written.machine.rustc != counted.machine.rustc {
        let (of, here) = (&written.machine.rustc, &counted.machine.rustc);
        return Err(format!("the figures are those of {of}, and this is {here}: {again}"));
    }
    let is_alike = written.machine == counted.machine;
    let moved = moved(written, counted, is_alike);
    for line in &moved {
        println!("{line}");
    }
    match moved.len() {
        0 if counted.costs.is_empty() => Err("nothing was counted".to_owned()),
        0 if is_alike => {
            let cases = counted.costs.len() as u64;
            Ok(Outcome::Counted(Tally { cases, ..Tally::default() }))
        }
        0 => {
            let (here, of) = (&counted.machine.rest, &written.machine.rest);
            Ok(Outcome::FellBack(format!("allocations alone: this is {here}, the figures are those of {of}")))
        }
        count => Err(format!("{count} figures moved, the first {}; if they are meant so, {again}", moved[0])),
    }
}

/// A line for each figure that is not what it was, in either direction: what is better unnoticed gets lost unnoticed.
fn moved(written: &Figures, counted: &Figures, with_instructions: bool) -> Vec<String> {
    let mut moved = Vec::new();
    for (name, was) in &written.costs {
        let Some(is) = counted.costs.get(name) else {
            moved.push(format!("{name}: is gone"));
            continue;
        };
        let by = is.instructions - was.instructions;
        if with_instructions && by.abs() > NUMBER.max(was.instructions * PART) {
            let (is, was, percent) = (is.instructions, was.instructions, 100.0 * by / was.instructions);
            let direction = if by > 0.0 { "up" } else { "down" };
            moved.push(format!(
                "{name}: {direction}, {is:.1} instructions instead of {was:.1} ({percent:+.1} %)"
            ));
        }
        if is.allocations != was.allocations {
            let [is, was] = [is, was].map(|cost| cost.allocations.join(" + "));
            moved.push(format!("{name}: {is} allocations and reallocations instead of {was}"));
        }
    }
    let new = counted.costs.keys().filter(|name| !written.costs.contains_key(*name));
    moved.extend(new.map(|name| format!("{name}: is new")));
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: &str = "with | rustc 1 | valgrind-3, glibc 2, AVX2\n";

    fn figures(with: &str, lines: &[&str]) -> Figures {
        Figures::read(&format!("# A comment.\n{with}{}", lines.join("\n"))).unwrap()
    }

    fn judged(written: &[&str], counted: &[&str]) -> StepResult {
        judge(&figures(WITH, written), &figures(WITH, counted))
    }

    const SMALL: &str = "encode | 20B | ours | 100.0 | 1.000 | 0.000";
    const LARGE: &str = "decode | lines | ours | 1000.0 | 0.000 | 10.812";

    #[test]
    fn figures_that_stay_are_counted() {
        let tally = Tally { cases: 2, ..Tally::default() };
        assert_eq!(judged(&[SMALL, LARGE], &[LARGE, SMALL]), Ok(Outcome::Counted(tally)));
        assert!(judged(&[], &[]).is_err(), "no figure is no proof");
    }

    #[test]
    fn instructions_may_move_by_five_or_by_three_percent() {
        for (instructions, passes) in [("105.0", true), ("95.0", true), ("105.1", false), ("94.9", false)] {
            assert_eq!(
                judged(&[SMALL], &[&SMALL.replace("100.0", instructions)]).is_ok(),
                passes,
                "{instructions}"
            );
        }
        for (instructions, passes) in [("1030.0", true), ("970.0", true), ("1030.1", false), ("969.9", false)]
        {
            assert_eq!(
                judged(&[LARGE], &[&LARGE.replace("1000.0", instructions)]).is_ok(),
                passes,
                "{instructions}"
            );
        }
    }

    #[test]
    fn each_figure_that_moved_is_named_and_so_is_the_way_out() {
        let slower = SMALL.replace("100.0", "110.0");
        let faster = LARGE.replace("1000.0", "500.0");
        let found = moved(&figures(WITH, &[SMALL, LARGE]), &figures(WITH, &[&slower, &faster]), true);
        assert_eq!(
            found,
            [
                "decode, lines: ours: down, 500.0 instructions instead of 1000.0 (-50.0 %)",
                "encode, 20B: ours: up, 110.0 instructions instead of 100.0 (+10.0 %)"
            ]
        );
        let why = judged(&[SMALL, LARGE], &[&slower, &faster]).unwrap_err();
        assert!(why.contains("2 figures") && why.contains("bench --gate --write"), "{why}");
    }

    #[test]
    fn allocations_may_not_move_at_all() {
        for (was, is) in [("1.000", "1.001"), ("10.812", "10.811"), ("1.000", "0.999")] {
            let line = if was == "1.000" { SMALL } else { LARGE };
            assert!(judged(&[line], &[&line.replace(was, is)]).is_err(), "{is}");
        }
    }

    #[test]
    fn what_is_gone_or_new_is_a_failure() {
        assert!(judged(&[SMALL, LARGE], &[SMALL]).unwrap_err().contains("is gone"));
        assert!(judged(&[SMALL], &[SMALL, LARGE]).unwrap_err().contains("is new"));
    }

    #[test]
    fn figures_of_another_compiler_are_not_compared() {
        let newer = WITH.replace("rustc 1", "rustc 2");
        let why = judge(&figures(WITH, &[SMALL]), &figures(&newer, &[SMALL])).unwrap_err();
        assert!(why.contains("rustc 1") && why.contains("rustc 2") && why.contains("--write"), "{why}");
    }

    #[test]
    fn on_another_machine_allocations_alone_are_compared() {
        let newer = WITH.replace("glibc 2", "glibc 3");
        let judged = |line: &str| judge(&figures(WITH, &[SMALL]), &figures(&newer, &[line]));
        let Ok(Outcome::FellBack(why)) = judged(&SMALL.replace("100.0", "900.0")) else { panic!() };
        assert!(why.contains("glibc 3") && why.contains("glibc 2"), "{why}");
        assert!(judged(&SMALL.replace("1.000", "2.000")).is_err());
    }

    #[test]
    fn a_line_that_is_no_figure_is_a_failure() {
        for line in ["encode | 20B | ours | many | 1 | 0", "encode | 20B", "x"] {
            assert!(Figures::read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_written_figures_can_be_read_and_have_their_machine() {
        let written = fs::read_to_string(Workspace::load().unwrap().root.join(FIGURES)).unwrap();
        let figures = Figures::read(&written).unwrap();
        assert!(figures.machine.rustc.starts_with(&format!("rustc {TOOLCHAIN} ")), "{:?}", figures.machine);
        let of = |part: &str| figures.costs.keys().filter(|name| name.starts_with(part)).count();
        assert!(["encode, ", "decode, ", "broadcast, "].iter().all(|part| of(part) > 5));
    }
}
