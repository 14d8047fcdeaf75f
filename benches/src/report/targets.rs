//! What the project wants of itself, and whether it is so.

use super::{Row, Table, table};
use crate::cases::Part;
use crate::engines::{AXUM, AXUM_JSON, HAND_WRITTEN, PEER_DECODER};

const TO_FRAME: &str = "ours, to_frame";
const CHUNKS: &str = "ours, chunks (no copy)";
const BODY: &str = "ours, sse-axum body";
const JSON: &str = "ours, Event::json, to_frame";
const JSON_BODY: &str = "ours, Event::json, sse-axum body";
const BORROWED: &str = "ours, borrowed events";
const SCAN: &str = "floor: memchr2 over the data";
const COPY: &str = "floor: copy of the encoded bytes";

/// At most so much.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Instructions(f64),
    Allocations(f64),
    /// Of what these need together, in instructions and in time.
    Of(f64, &'static [&'static str]),
    /// Of the peer that needs least, in instructions and in time.
    OfBestPeer(f64),
}

struct Target {
    corpus: &'static str,
    ours: &'static str,
    limit: Limit,
}

const fn target(corpus: &'static str, ours: &'static str, limit: Limit) -> Target {
    Target { corpus, ours, limit }
}

const ENCODE: &[Target] = &[
    target("20B", TO_FRAME, Limit::Instructions(371.0)),
    target("20B", TO_FRAME, Limit::Allocations(1.0)),
    target("20B", TO_FRAME, Limit::Of(1.0, &[HAND_WRITTEN])),
    target("20B", TO_FRAME, Limit::Of(0.25, &[AXUM])),
    target("200B", TO_FRAME, Limit::Instructions(775.0)),
    target("200B", TO_FRAME, Limit::Allocations(1.0)),
    target("200B", TO_FRAME, Limit::Of(1.0, &[HAND_WRITTEN])),
    target("200B", TO_FRAME, Limit::Of(0.25, &[AXUM])),
    target("64KiB-lines", TO_FRAME, Limit::Of(0.6, &[AXUM])),
    target("64KiB-lines", BODY, Limit::Of(0.6, &[AXUM])),
    target("1MiB-line", CHUNKS, Limit::Allocations(0.0)),
    target("1MiB-line", TO_FRAME, Limit::Of(1.15, &[SCAN, COPY])),
    target("json-190B", JSON, Limit::Allocations(1.0)),
    target("json-190B", JSON, Limit::Of(1.0 / 1.5, &[AXUM_JSON])),
    target("json-190B", JSON_BODY, Limit::Of(1.0 / 1.5, &[AXUM_JSON])),
    target("json-10KiB", JSON, Limit::Allocations(1.0)),
    target("json-10KiB", JSON, Limit::Of(1.0 / 1.5, &[AXUM_JSON])),
    target("json-10KiB", JSON_BODY, Limit::Of(1.0 / 1.5, &[AXUM_JSON])),
];

const DECODE: &[Target] = &[
    target("tokens", BORROWED, Limit::Instructions(450.0)),
    target("tokens", BORROWED, Limit::Allocations(0.0)),
    target("tokens", BORROWED, Limit::Of(0.5, &[PEER_DECODER])),
    target("20B", BORROWED, Limit::Of(1.0 / 2.5, &[PEER_DECODER])),
    target("1MiB-line, chunks of 1460 B", BORROWED, Limit::OfBestPeer(1.0 / 1.1)),
];

pub(super) fn markdown(part: Part, tables: &[Table]) -> String {
    let targets = match part {
        Part::Encode => ENCODE.iter(),
        Part::Decode => DECODE.iter(),
        Part::Broadcast => return String::new(),
    };
    let mut text =
        "### Targets\n\n| corpus | engine | at most | it is | so |\n|---|---|---|---|---|\n".to_owned();
    for Target { corpus, ours, limit } in targets {
        let table = tables.iter().find(|table| table.corpus == *corpus);
        let judged = table.and_then(|table| judge(table, ours, *limit));
        text += &format!(
            "| {corpus} | {ours} | {} |\n",
            judged.unwrap_or_else(|| "- | - | not measured".to_owned())
        );
    }
    if part == Part::Decode {
        // Wherever a peer stands, too.
        for table in tables {
            let judged = judge(table, BORROWED, Limit::OfBestPeer(1.0));
            let judged = judged.unwrap_or_else(|| "- | - | not measured".to_owned());
            text += &format!("| {} | {BORROWED} | {judged} |\n", table.corpus);
        }
    }
    text + "\n"
}

/// The last three columns.
fn judge(table: &Table, ours: &str, limit: Limit) -> Option<String> {
    let row = |name: &str| table.rows.iter().find(|row| row.engine == name);
    let ours = row(ours)?;
    let absolute = |unit: &str, figure: f64, limit: f64| {
        let verdict = if figure <= limit { "met" } else { "**missed**" };
        format!("{limit:.0} {unit} | {} | {verdict}", table::shown(figure))
    };
    let ratios = |limit: f64, of: &str, instructions: f64, time: f64| {
        let verdict = match (instructions <= limit, time <= limit) {
            (true, true) => "met",
            (true, false) => "met in instructions, **missed** in time",
            (false, true) => "**missed** in instructions, met in time",
            (false, false) => "**missed**",
        };
        format!("{limit:.2} × {of} | {instructions:.2} in instructions, {time:.2} in time | {verdict}")
    };
    let instructions = |row: &Row| row.cost.instructions;
    Some(match limit {
        Limit::Instructions(limit) => absolute("instructions", ours.cost.instructions, limit),
        Limit::Allocations(limit) => {
            absolute("allocations + reallocations", ours.cost.allocations + ours.cost.reallocations, limit)
        }
        Limit::Of(limit, names) => {
            let rows = names.iter().map(|name| row(name)).collect::<Option<Vec<&Row>>>()?;
            let time = rows.iter().map(|row| row.median()).sum::<Option<f64>>()?;
            let counted: f64 = rows.iter().map(|row| instructions(row)).sum();
            ratios(limit, &names.join(" + "), instructions(ours) / counted, ours.median()? / time)
        }
        Limit::OfBestPeer(limit) => {
            let peers = || table.rows.iter().filter(|row| row.is_peer());
            let counted = peers().map(instructions).min_by(f64::total_cmp)?;
            let (time, name) = peers()
                .filter_map(|row| Some((row.median()?, row.engine)))
                .min_by(|a, b| a.0.total_cmp(&b.0))?;
            let of = format!("best peer (in time {name})");
            ratios(limit, &of, instructions(ours) / counted, ours.median()? / time)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::Spread;
    use super::*;
    use crate::callgrind::Cost;
    use crate::cases::groups;
    use crate::engines::Kind;

    fn row(engine: &'static str, instructions: f64, median: f64) -> Row {
        let cost = Cost { instructions, allocations: 1.0, reallocations: 1.0 };
        let nanoseconds = Some(Spread { median, least: median, most: median });
        Row { engine, kind: Kind::New, is_ours: engine.starts_with("ours"), cost, nanoseconds }
    }

    #[test]
    fn each_limit_is_held_against_its_figures() {
        let rows = vec![row("ours", 90.0, 11.0), row("a", 100.0, 10.0), row("b", 300.0, 30.0)];
        let table = Table { corpus: "c", references: &[], rows, left_out: Vec::new() };
        let verdict = |limit| judge(&table, "ours", limit).unwrap().rsplit_once(" | ").unwrap().1.to_owned();
        assert_eq!(verdict(Limit::Instructions(90.0)), "met");
        assert_eq!(verdict(Limit::Instructions(89.0)), "**missed**");
        assert_eq!(verdict(Limit::Allocations(1.0)), "**missed**");
        assert_eq!(verdict(Limit::Of(0.3, &["a", "b"])), "met");
        assert_eq!(verdict(Limit::Of(0.25, &["a", "b"])), "met in instructions, **missed** in time");
        assert_eq!(verdict(Limit::OfBestPeer(1.0)), "met in instructions, **missed** in time");
        assert_eq!(verdict(Limit::OfBestPeer(0.5)), "**missed**");
        assert!(judge(&table, "ours", Limit::Of(1.0, &["nobody"])).is_none());
    }

    #[test]
    fn targets_name_engines_and_corpora_that_are_there() {
        for (part, targets) in [(Part::Encode, ENCODE), (Part::Decode, DECODE)] {
            let groups = groups(part);
            for Target { corpus, ours, limit } in targets {
                let group = groups.iter().find(|group| group.corpus == *corpus).expect(corpus);
                let of: &[&str] = if let Limit::Of(_, names) = limit { names } else { &[] };
                for name in of.iter().chain([ours]) {
                    assert!(group.cases.iter().any(|case| case.engine == *name), "{name} on {corpus}");
                }
            }
        }
    }
}
