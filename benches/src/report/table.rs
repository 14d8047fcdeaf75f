use super::{Row, Table};
use crate::callgrind::Cost;
use crate::cases::Reference;
use std::fmt::Write as _;

/// Of one corpus.
pub(super) fn markdown(table: &Table) -> String {
    let timed = table.rows.iter().any(|row| row.nanoseconds.is_some());
    let mut text = format!("| {} | instructions ", table.corpus);
    let titles: String =
        table.references.iter().map(|reference| format!("| ÷ {} ", title(*reference))).collect();
    text += &format!("{titles}| allocations + reallocations ");
    if timed {
        text += &format!("| ns, median (least to most) {titles}");
    }
    let columns = 2 + table.references.len() * (1 + usize::from(timed)) + usize::from(timed);
    text += &format!("|\n|---{}|\n", "|--:".repeat(columns));
    for row in &table.rows {
        let Cost { instructions, allocations, reallocations } = row.cost;
        let _ = write!(text, "| {} | {} ", row.engine, shown(instructions));
        text += &ratios(table, instructions, |row| Some(row.cost.instructions));
        let _ = write!(text, "| {} + {} ", rounded(allocations), rounded(reallocations));
        if let Some(spread) = row.nanoseconds {
            let decimals = decimals(spread.median);
            let _ = write!(text, "| {:.decimals$} ", spread.median);
            let _ = write!(text, "({:.decimals$} to {:.decimals$}) ", spread.least, spread.most);
            text += &ratios(table, spread.median, Row::median);
        }
        text += "|\n";
    }
    for (engine, _) in &table.left_out {
        let _ = writeln!(text, "| {engine} {}|", "| - ".repeat(columns));
    }
    for (engine, why) in &table.left_out {
        let _ = write!(text, "\nNot measured: {engine} {}.\n", why.replace('\n', " "));
    }
    text + "\n"
}

fn title(reference: Reference) -> &'static str {
    match reference {
        Reference::Engine(name) => name,
        Reference::BestPeer => "best peer",
    }
}

fn ratios(table: &Table, value: f64, of: impl Fn(&Row) -> Option<f64>) -> String {
    let ratio = |reference: &Reference| match denominator(table, *reference, &of) {
        Some(denominator) => format!("| {:.2} ", value / denominator),
        None => "| - ".to_owned(),
    };
    table.references.iter().map(ratio).collect()
}

fn denominator(table: &Table, reference: Reference, of: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    match reference {
        Reference::Engine(name) => of(table.rows.iter().find(|row| row.engine == name)?),
        Reference::BestPeer => {
            table.rows.iter().filter(|row| row.is_peer()).filter_map(of).min_by(f64::total_cmp)
        }
    }
}

fn decimals(value: f64) -> usize {
    match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    }
}

pub(super) fn shown(value: f64) -> String {
    format!("{value:.*}", decimals(value))
}

fn rounded(count: f64) -> f64 {
    // Adding zero makes a positive zero of a negative one.
    (count * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::super::Spread;
    use super::*;
    use crate::engines::Kind;

    #[test]
    fn rows_are_divided_by_their_references() {
        let row = |engine, is_ours, instructions, median| Row {
            engine,
            kind: Kind::Decoded,
            is_ours,
            cost: Cost { instructions, allocations: 1.0, reallocations: 0.004 },
            nanoseconds: Some(Spread { median, least: median - 1.0, most: median + 1.0 }),
        };
        let table = Table {
            corpus: "c",
            references: &[Reference::Engine("p"), Reference::BestPeer],
            rows: vec![
                row("ours", true, 500.0, 30.0),
                row("p", false, 1000.0, 20.0),
                row("q", false, 250.0, 60.0),
            ],
            left_out: vec![("w", "does this corpus wrong: 1 instead of 2".to_owned())],
        };
        let text = markdown(&table);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "| ours | 500 | 0.50 | 2.00 | 1 + 0 | 30.0 (29.0 to 31.0) | 1.50 | 1.50 |");
        assert_eq!(lines[5], "| w | - | - | - | - | - | - | - |");
        assert_eq!(lines[7], "Not measured: w does this corpus wrong: 1 instead of 2.");
        assert_eq!(lines[0].matches('|').count(), lines[1].matches('|').count());
    }
}
