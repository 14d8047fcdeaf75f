//! What programs say that they looked at, in the lines they print.

use std::fmt;

/// How many cases there were, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    /// The reasons, of lines `SKIPPED: why`.
    pub(crate) skipped: Vec<String>,
}

impl Tally {
    /// Takes up one line of a program's output; most say nothing.
    pub(crate) fn line(&mut self, line: &str) {
        self.cases += cases(line);
        if let Some((_, why)) = line.split_once("SKIPPED: ") {
            self.skipped.push(why.trim().to_owned());
        }
    }

    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.cases += other.cases;
        self.skipped.extend(other.skipped);
        self
    }
}

/// The number, in groups of three digits.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.cases.to_string();
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        f.pad(&grouped)
    }
}

/// The closing lines of libtest, of our scripts and of libFuzzer.
fn cases(line: &str) -> u64 {
    let line = line.trim();
    let number = |text: &str| text.parse().unwrap_or(0);
    if let Some(rest) = line.strip_prefix("test result: ok. ") {
        rest.split_once(" passed; ").map_or(0, |(count, _)| number(count))
    } else if let Some((count, "0 failed")) = line.split_once(" passed, ") {
        number(count)
    } else if let Some(rest) = line.strip_prefix("Done ") {
        rest.split_once(" runs in ").map_or(0, |(count, _)| number(count))
    } else {
        line.strip_suffix(" checks passed").map_or(0, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.line(line));
        tally
    }

    #[test]
    fn closing_lines_of_test_programs_scripts_and_fuzzers_are_summed() {
        let said = "\
running 3 tests
test a_line_that_is_done ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s
12 passed, 0 failed
7 checks passed
Done 1000 runs in 21 second(s)";
        assert_eq!(tally(said).cases, 3 + 12 + 7 + 1000);
    }

    #[test]
    fn other_lines_count_nothing() {
        let said = "Done with 3 runs in the park\npassed, 0 failed\n1 passed, 2 failed\nx checks passed\n";
        assert_eq!(tally(said), Tally::default());
    }

    #[test]
    fn what_is_skipped_keeps_its_reason() {
        assert_eq!(tally("SKIPPED: no browser\n").skipped, ["no browser"]);
        let both = tally("1 checks passed").and(tally("test x ... SKIPPED: not root"));
        assert_eq!((both.cases, both.skipped), (1, vec!["not root".to_owned()]));
    }

    #[test]
    fn numbers_are_grouped() {
        for (cases, shown) in [(7, "7"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(Tally { cases, ..Tally::default() }.to_string(), shown);
        }
        assert_eq!(format!("{:>5}", Tally { cases: 12, ..Tally::default() }), "   12");
    }
}
