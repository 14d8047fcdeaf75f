//! Where ours is not the best: read off the tables, not judged.

use super::{Row, Table, table};

/// A rival of the same kind that is ahead.
#[derive(Debug, PartialEq)]
struct Loss {
    corpus: &'static str,
    ours: &'static str,
    measure: &'static str,
    figure: f64,
    best: f64,
    rival: &'static str,
}

pub(super) fn markdown(tables: &[Table]) -> String {
    let losses: Vec<Loss> = tables.iter().flat_map(losses).collect();
    let mut text = "### Where ours is not the best\n\n".to_owned();
    if losses.is_empty() {
        return text + "Nowhere.\n\n";
    }
    text += "Against the best of the same kind: bytes of its own for each event, bytes in a reused buffer, a response's body, \
             one more copy of what is shared, decoded events. Hand-written code counts, floors do not; what rounds to 1.00 is a draw.\n\n\
             | corpus | ours | measure | ours | best | ratio | whose |\n|---|---|---|--:|--:|--:|---|\n";
    for Loss { corpus, ours, measure, figure, best, rival } in losses {
        let ratio = if best > 0.005 { format!("{:.2}", figure / best) } else { "-".to_owned() };
        let [figure, best] = [figure, best].map(table::shown);
        text += &format!("| {corpus} | {ours} | {measure} | {figure} | {best} | {ratio} | {rival} |\n");
    }
    text + "\n"
}

fn losses(table: &Table) -> Vec<Loss> {
    type Measure = (&'static str, fn(&Row) -> Option<f64>);
    const MEASURES: [Measure; 3] = [
        ("instructions", |row| Some(row.cost.instructions)),
        ("allocations + reallocations", |row| Some(row.cost.allocations + row.cost.reallocations)),
        ("ns", Row::median),
    ];
    let mut losses = Vec::new();
    for ours in table.rows.iter().filter(|row| row.is_ours) {
        for (measure, of) in MEASURES {
            let rivals = table.rows.iter().filter(|row| row.is_peer() && row.kind == ours.kind);
            let best =
                rivals.filter_map(|row| Some((of(row)?, row.engine))).min_by(|a, b| a.0.total_cmp(&b.0));
            if let (Some(figure), Some((best, rival))) = (of(ours), best)
                && figure > best * 1.005 + 0.005
            {
                losses.push(Loss { corpus: table.corpus, ours: ours.engine, measure, figure, best, rival });
            }
        }
    }
    losses
}

#[cfg(test)]
mod tests {
    use super::super::Spread;
    use super::*;
    use crate::callgrind::Cost;
    use crate::engines::Kind;

    fn row(engine: &'static str, kind: Kind, instructions: f64, allocations: f64, median: f64) -> Row {
        let nanoseconds = Some(Spread { median, least: median, most: median });
        let cost = Cost { instructions, allocations, reallocations: 0.0 };
        Row { engine, kind, is_ours: engine.starts_with("ours"), cost, nanoseconds }
    }

    #[test]
    fn only_who_is_ahead_in_its_kind_is_listed() {
        let rows = vec![
            row("ours", Kind::New, 100.0, 1.0, 10.0),
            row("equal", Kind::New, 99.9, 1.0, 10.0),
            row("ahead by the clock", Kind::New, 200.0, 2.0, 8.0),
            row("other kind", Kind::Body, 1.0, 0.0, 1.0),
            row("floor", Kind::Floor, 1.0, 0.0, 1.0),
        ];
        let table = Table { corpus: "c", references: &[], rows, left_out: Vec::new() };
        let rival = "ahead by the clock";
        let expected = Loss { corpus: "c", ours: "ours", measure: "ns", figure: 10.0, best: 8.0, rival };
        assert_eq!(losses(&table), [expected]);
        assert!(markdown(&[table]).contains("| c | ours | ns | 10.0 | 8.00 | 1.25 | ahead by the clock |\n"));
    }

    #[test]
    fn none_is_said_too() {
        let rows = vec![row("ours", Kind::New, 1.0, 1.0, 1.0), row("peer", Kind::New, 2.0, 2.0, 2.0)];
        let table = Table { corpus: "c", references: &[], rows, left_out: Vec::new() };
        assert!(markdown(&[table]).ends_with("Nowhere.\n\n"));
    }
}
