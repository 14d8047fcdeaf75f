//! How many cases the property tests of all crates try.

use proptest::test_runner::Config;

/// So many, unless the environment variable `PROPTEST_CASES` says how many: more for a long look, few where each is slow.
pub(crate) fn cases(usually: u32) -> Config {
    // The default reads the variable, and a number that is given beside it would silently win.
    let config = Config::default();
    let is_told = std::env::var_os("PROPTEST_CASES").is_some();
    Config { cases: if is_told { config.cases } else { usually }, ..config }
}
