//! Counts instructions and calls of the allocator by running this program under `valgrind --tool=callgrind`.

use std::collections::HashMap;
use std::io;
use std::process::{Command, Stdio};

/// What a run, or one event, costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub instructions: f64,
    pub allocations: f64,
    pub reallocations: f64,
}

/// What one event costs: the difference of two runs, the second with twice as many events.
pub fn per_event(arguments: &[&str], repetitions: u64, events: u64) -> io::Result<Cost> {
    difference(&[], arguments, repetitions, events)
}

/// The instructions of one event within the function of this name. Calls are counted elsewhere, too, and so are no figure.
pub fn instructions_within(
    function: &str,
    arguments: &[&str],
    repetitions: u64,
    events: u64,
) -> io::Result<f64> {
    let option = format!("--toggle-collect={function}");
    difference(&[&option], arguments, repetitions, events).map(|cost| cost.instructions)
}

fn difference(options: &[&str], arguments: &[&str], repetitions: u64, events: u64) -> io::Result<Cost> {
    let once = run(options, arguments, repetitions)?;
    let twice = run(options, arguments, 2 * repetitions)?;
    let each = |once: f64, twice: f64| (twice - once) / events as f64;
    Ok(Cost {
        instructions: each(once.instructions, twice.instructions),
        allocations: each(once.allocations, twice.allocations),
        reallocations: each(once.reallocations, twice.reallocations),
    })
}

fn run(options: &[&str], arguments: &[&str], repetitions: u64) -> io::Result<Cost> {
    let out = std::env::temp_dir().join(format!("callgrind.out.sse-benches.{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .args(options)
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .args(["--n", &repetitions.to_string()])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("valgrind failed on {arguments:?}: {status}")));
    }
    let profile = std::fs::read_to_string(&out)?;
    std::fs::remove_file(&out)?;
    Ok(read(&profile))
}

/// Reads the total, and how often the functions of the allocator were called, by whomever.
fn read(profile: &str) -> Cost {
    let mut cost = Cost::default();
    // A name is spelled out at its first use, `(7) malloc`, and is `(7)` from then on.
    let mut names = HashMap::new();
    let mut callee = "";
    for line in profile.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key {
            "fn" | "cfn" => {
                let (id, name) = value.split_once(' ').unwrap_or((value, ""));
                if !name.is_empty() {
                    names.insert(id, name);
                }
                callee = names.get(id).copied().unwrap_or_default();
            }
            "calls" => {
                let count: f64 =
                    value.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
                match callee {
                    "malloc" | "calloc" | "aligned_alloc" | "posix_memalign" => cost.allocations += count,
                    "realloc" => cost.reallocations += count,
                    _ => {}
                }
            }
            "totals" => cost.instructions = value.trim().parse().unwrap_or_default(),
            _ => {}
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_added_up_by_callee() {
        let profile = "fn=(1) main\n1 5\ncfn=(2) malloc\ncalls=3 0\n1 60\ncfn=(3) realloc\ncalls=1 0\n1 9\n\
                       fn=(4) other\ncfn=(2)\ncalls=2 0\n1 40\nfn=(2)\n0 100\ntotals: 123\n";
        assert_eq!(read(profile), Cost { instructions: 123.0, allocations: 5.0, reallocations: 1.0 });
    }
}
