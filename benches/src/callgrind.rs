//! Counts instructions and calls of the allocator by running this program under `valgrind --tool=callgrind`.

use std::hint::black_box;
use std::io;
use std::process::{Command, Stdio};

/// What a run, or one event, costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub instructions: f64,
    pub allocations: f64,
    pub reallocations: f64,
}

impl Cost {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            instructions: self.instructions + other.instructions,
            allocations: self.allocations + other.allocations,
            reallocations: self.reallocations + other.reallocations,
        }
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.plus(other.divided_by(-1.0))
    }

    #[must_use]
    pub fn divided_by(self, parts: f64) -> Self {
        Self {
            instructions: self.instructions / parts,
            allocations: self.allocations / parts,
            reallocations: self.reallocations / parts,
        }
    }
}

/// What counts. Not inlined, since callgrind knows it by its name; not generic, so that it is one function.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // Something to come back for: callgrind sees no return of a function that ends in a jump.
    black_box(());
}

/// Does `work`; under [`count`] this is what is counted, one [`Cost`] for each call.
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    let (mut work, mut result) = (Some(work), None);
    counted(&mut || result = work.take().map(|work| work()));
    result.expect("work that was done")
}

/// How large data is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// As glibc does, depending on sizes and addresses: with vectors, or with `rep movsb`, which counts one for each byte.
    AsEver,
    /// With vectors, so that a count does not move with an address.
    WithVectors,
}

/// Runs this program with each of these lists of arguments, on all cores, and counts every call of [`measured`], in their order.
///
/// Processes of their own, so that no figure depends on what ran before in the same heap.
///
/// # Errors
///
/// When valgrind does not run, or the program fails.
pub fn count(runs: &[Vec<&str>], copies: Copies) -> io::Result<Vec<Vec<Cost>>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let shares = runs.chunks(runs.len().div_ceil(workers).max(1)).enumerate();
    let all = |(worker, share): (usize, &[Vec<&str>])| -> io::Result<Vec<Vec<Cost>>> {
        share.iter().map(|arguments| count_one(arguments, worker, copies)).collect()
    };
    let counted: io::Result<Vec<_>> = std::thread::scope(|scope| {
        let workers: Vec<_> = shares.map(|share| scope.spawn(move || all(share))).collect();
        let died = |_| Err(io::Error::other("a thread died"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(died)).collect()
    });
    Ok(counted?.concat())
}

fn count_one(arguments: &[&str], worker: usize, copies: Copies) -> io::Result<Vec<Cost>> {
    let mut valgrind = Command::new("valgrind");
    if copies == Copies::WithVectors {
        valgrind.env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff");
    }
    let out = std::env::temp_dir().join(format!("callgrind.out.sse-benches.{}.{worker}", std::process::id()));
    let status = valgrind
        .args(["--quiet", "--tool=callgrind", "--combine-dumps=yes", "--compress-strings=no"])
        // One part of the profile for what is outside, one for what is inside, and so on. Two patterns, since of two options for
        // the same one callgrind heeds the first.
        .args(["--dump-before=*callgrind::counted*", "--dump-after=*benches::callgrind::counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("valgrind failed on {arguments:?}: {status}")));
    }
    let profile = std::fs::read_to_string(&out)?;
    std::fs::remove_file(&out)?;
    Ok(read(&profile))
}

/// Reads, for each part from inside, the total and how often the functions of the allocator were called, by whomever.
fn read(profile: &str) -> Vec<Cost> {
    let mut costs = Vec::new();
    let mut cost = Cost::default();
    let mut inside = false;
    let mut callee = "";
    for line in profile.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key {
            "part" => cost = Cost::default(),
            "desc" => inside |= value.contains("--dump-after"),
            "cfn" => callee = value,
            "calls" => {
                let count = value.split(' ').next().and_then(|count| count.parse::<f64>().ok());
                match callee {
                    "malloc" | "calloc" | "aligned_alloc" | "posix_memalign" => {
                        cost.allocations += count.unwrap_or_default();
                    }
                    "realloc" => cost.reallocations += count.unwrap_or_default(),
                    _ => {}
                }
            }
            "totals" => {
                cost.instructions = value.trim().parse().unwrap_or_default();
                if std::mem::take(&mut inside) {
                    costs.push(cost);
                }
            }
            _ => {}
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_added_up_by_callee_in_the_parts_from_inside() {
        let outside = "part: 1\ndesc: Trigger: --dump-before=x\nfn=main\n0 5\ncfn=malloc\ncalls=9 0\n0 60\ntotals: 700\n";
        let inside = "part: 2\ndesc: Trigger: --dump-after=x\nfn=main\n0 5\ncfn=malloc\ncalls=3 0\n0 60\n\
                      cfn=realloc\ncalls=1 0\n0 9\nfn=other\ncfn=malloc\ncalls=2 0\n0 40\nfn=malloc\n0 100\ntotals: 123\n";
        let end = "part: 3\ndesc: Trigger: Program termination\nfn=main\n0 5\ntotals: 8\n";
        assert_eq!(
            read(&[outside, inside, outside, inside, end].concat()),
            [Cost { instructions: 123.0, allocations: 5.0, reallocations: 1.0 }; 2]
        );
    }
}
