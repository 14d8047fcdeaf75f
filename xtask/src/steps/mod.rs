//! One file per command.

pub(crate) mod bench;
pub(crate) mod browser;
pub(crate) mod clients;
pub(crate) mod deep;
pub(crate) mod deny;
pub(crate) mod docs;
pub(crate) mod features;
pub(crate) mod fuzz;
pub(crate) mod gate;
pub(crate) mod lint;
pub(crate) mod loom;
pub(crate) mod matrix;
pub(crate) mod minimal_versions;
pub(crate) mod miri;
pub(crate) mod msrv;
pub(crate) mod mutants;
pub(crate) mod no_std;
pub(crate) mod nodes;
pub(crate) mod proxies;
pub(crate) mod public_api;
pub(crate) mod sanitizers;
pub(crate) mod test;

/// Workspaces of their own, beside the main one.
const SATELLITES: [&str; 3] = ["fuzz/Cargo.toml", "benches/Cargo.toml", no_std::PROOF];

/// Not pinned, since nothing that it prints is compared: the newest Miri and sanitizers see the most, and a nightly that is there is
/// taken as it is. What fails with another one fails for a reason that is worth a look.
const NIGHTLY: &str = "nightly";
