//! A page of parts, each between two comments, so that one can be put in without the others.

use super::PARTS;
use std::path::Path;
use std::{fs, io};

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo xtask bench`, each part by itself (`--only encode`): what stands here was printed by it. How it is measured, and
what the engines do, is in [Benchmarking](BENCHMARKING.md). Every part says when and where it was measured, and how busy the machine was then:
instructions and allocations do not depend on that, time does.
";

/// Puts a part in the place of the one before.
pub(super) fn put(page: &Path, part: &str, text: &str) -> io::Result<()> {
    let before = match fs::read_to_string(page) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    fs::write(page, with(&before, part, text))
}

fn with(page: &str, part: &str, text: &str) -> String {
    let parts = PARTS.into_iter().filter_map(|known| {
        let text = if known == part { text } else { part_of(page, known)? };
        Some(format!("\n{}\n{}\n{}\n", begin(known), text.trim(), end(known)))
    });
    INTRODUCTION.to_owned() + &parts.collect::<String>()
}

fn part_of<'a>(page: &'a str, part: &str) -> Option<&'a str> {
    Some(page.split_once(&begin(part))?.1.split_once(&end(part))?.0)
}

fn begin(part: &str) -> String {
    format!("<!-- {part} -->")
}

fn end(part: &str) -> String {
    format!("<!-- end of {part} -->")
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn a_part_takes_the_place_of_its_old_self_and_of_nothing_else() {
        let page = with("", "decode", "decoded");
        let page = with(&page, "encode", "encoded");
        let page = with(&page, "decode", "again\n\n");
        assert!(page.starts_with("# Benchmarks\n"));
        let encode = "<!-- encode -->\nencoded\n<!-- end of encode -->\n";
        let decode = "<!-- decode -->\nagain\n<!-- end of decode -->\n";
        assert!(page.ends_with(&format!("\n{encode}\n{decode}")), "{page}");
        assert_eq!(page.matches("<!--").count(), 4);
        assert_eq!(with(&page, "decode", "again"), page);
    }
}
