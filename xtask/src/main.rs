//! The workspace's own tasks: `cargo xtask help` lists them.
#![allow(clippy::print_stdout, reason = "a command line tool talks to its terminal")]
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a host program, std is its home"
)]

mod command;
mod report;
mod steps;
mod tally;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use report::Report;
use steps::{
    bench, browser, clients, deep, deny, docs, features, fuzz, gate, lint, loom, matrix, minimal_versions,
    miri, msrv, mutants, no_std, nodes, proxies, public_api, sanitizers, test,
};
use workspace::Workspace;

const HELP: &str = "\
cargo xtask <command>

  test [--deep]               every test: crates, doc tests, feature variants, fuzz corpus, benches' checks, browser, clients,
                              matrix, proxies; --deep, which takes hours, runs what CI has no time for, too
  ci [--without-test]         tidy, lint, docs, no-std, msrv, features, minimal-versions, loom, bench gate, test,
                              fuzz-smoke
  lint                        rustfmt and clippy, warnings are errors
  tidy                        what compilers do not see: the core's purity, layers, docs that drift, forbidden text
  parity                      writes the names of the tests into docs/PARITY.md
  docs [--open]               rustdoc, warnings are errors
  no-std                      sse-core for a bare target, and a program linked with it
  msrv                        each library with the Rust version its manifest names
  features [--powerset]       each library with no feature, each single one, and all; or with every set of them
  minimal-versions [--test]   the libraries with the oldest dependencies that their manifests allow; and some of their tests
  public-api [--write]        the libraries' public APIs are those in docs/api; or writes them there
  deny                        licences, duplicates and origins of dependencies, and advisories
  fuzz <target> [--secs N]    one fuzz target (60 seconds unless told)
  fuzz-smoke                  every fuzz target for 20 seconds
  loom                        the locks of the broadcaster, in every order that threads can take them
  miri                        tests in an interpreter that sees undefined behaviour (nightly)
  sanitizers                  tests under ThreadSanitizer and AddressSanitizer (nightly)
  nodes [--port N]            serves the chat on three nodes behind nginx, at port 8080 unless told, until Ctrl-C
  browser                     the live examples in a real browser
  clients                     the examples that speak an API, asked by its released clients
  matrix                      released clients, browsers among them, against the servers of all adapters
  mutants [ARGS]              changes the core's code, one place at a time: a change that no test notices is a failure
  proxies [--deep]            the matrix's servers behind nginx, HAProxy and Caddy; --deep waits for their default time-outs
  bench [--only PART]         measures, and writes docs/BENCHMARKS.md; PART is encode, decode, broadcast, load or nodes
  bench --gate [--write]      what ours costs, in instructions and allocations, is what benches/gate.txt says; or writes it there

What cannot run here is SKIPPED and says why; with CI=true in the environment that is a failure.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if matches!(args.as_slice(), [] | ["help" | "--help" | "-h"]) {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let workspace = match Workspace::load() {
        Ok(workspace) => workspace,
        Err(why) => {
            println!("xtask: {why}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new();
    if run(&args, &workspace, &mut report).is_none() {
        println!("xtask: no such command: {}\n\n{HELP}", args.join(" "));
        return ExitCode::FAILURE;
    }
    report.finish()
}

/// `None` when the arguments name no command.
fn run(args: &[&str], workspace: &Workspace, report: &mut Report) -> Option<()> {
    match args {
        ["test"] => test::run(workspace, report),
        ["test", "--deep"] => deep::run(workspace, report),
        ["ci"] => {
            checks(workspace, report);
            test::run(workspace, report);
            fuzz::smoke(workspace, report);
        }
        ["ci", "--without-test"] => {
            checks(workspace, report);
            fuzz::smoke(workspace, report);
        }
        ["lint"] => lint::run(workspace, report),
        ["tidy"] => tidy::run(workspace, report),
        ["parity"] => tidy::write_parity(workspace, report),
        ["docs"] => docs::run(workspace, report),
        ["docs", "--open"] => docs::open(workspace, report),
        ["no-std"] => no_std::run(workspace, report),
        ["msrv"] => msrv::run(workspace, report),
        ["features"] => features::run(workspace, report),
        ["features", "--powerset"] => features::powerset(workspace, report),
        ["minimal-versions"] => minimal_versions::run(workspace, report),
        ["minimal-versions", "--test"] => minimal_versions::run_with_tests(workspace, report),
        ["public-api"] => public_api::run(workspace, report),
        ["public-api", "--write"] => public_api::write(workspace, report),
        ["deny"] => deny::run(workspace, report),
        ["fuzz", target] => fuzz::one(workspace, report, target, "60"),
        ["fuzz", target, "--secs", seconds] => fuzz::one(workspace, report, target, seconds),
        ["fuzz-smoke"] => fuzz::smoke(workspace, report),
        ["loom"] => loom::run(workspace, report),
        ["miri"] => miri::run(workspace, report),
        ["sanitizers"] => sanitizers::run(workspace, report),
        ["nodes"] => nodes::run(workspace, report, "8080"),
        ["nodes", "--port", port] => nodes::run(workspace, report, port),
        ["browser"] => browser::run(workspace, report),
        ["clients"] => clients::run(workspace, report),
        ["matrix"] => matrix::run(workspace, report),
        ["mutants", rest @ ..] => mutants::run(workspace, report, rest),
        ["proxies"] => proxies::run(workspace, report),
        ["proxies", "--deep"] => proxies::deep(workspace, report),
        ["bench"] => bench::run(workspace, report, None),
        ["bench", "--only", part] => bench::run(workspace, report, Some(part)),
        ["bench", "--gate"] => gate::run(workspace, report),
        ["bench", "--gate", "--write"] => gate::write(workspace, report),
        _ => return None,
    }
    Some(())
}

/// What `ci` asks besides the tests; the quick ones first.
fn checks(workspace: &Workspace, report: &mut Report) {
    tidy::run(workspace, report);
    lint::run(workspace, report);
    docs::run(workspace, report);
    no_std::run(workspace, report);
    msrv::run(workspace, report);
    features::run(workspace, report);
    minimal_versions::run(workspace, report);
    loom::run(workspace, report);
    gate::run(workspace, report);
}
