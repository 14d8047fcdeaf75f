//! What is measured: every engine on every corpus, in groups that are tables of the report.

use crate::broadcast;
use crate::callgrind::{self, Copies, Cost};
use crate::corpora::{self, EncodeCorpus};
use crate::engines::{
    AXUM, AXUM_JSON, Decode, Encodable, Encode, HAND_WRITTEN, HAND_WRITTEN_JSON, Kind, PEER_DECODER,
};
use std::io;

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Encode,
    Decode,
    Broadcast,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Encode, Self::Decode, Self::Broadcast];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Broadcast => "broadcast",
        }
    }
}

/// What a table divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Engine(&'static str),
    BestPeer,
}

/// The engines on one corpus.
pub struct Group {
    pub part: Part,
    pub corpus: &'static str,
    pub references: &'static [Reference],
    pub cases: Vec<Case>,
}

/// One engine on one corpus.
pub struct Case {
    pub part: Part,
    pub corpus: &'static str,
    pub engine: &'static str,
    pub kind: Kind,
    /// Says why what it does is wrong.
    pub check: Box<dyn Fn() -> Result<(), String>>,
    /// Repeats the work.
    pub run: Box<dyn Fn(u64)>,
    pub counted: Counted,
    /// How many events, or comments, or deliveries a repetition is.
    pub units: f64,
}

/// How callgrind counts a case.
#[derive(Clone, Copy, Debug)]
pub enum Counted {
    /// So many repetitions, and then twice as many: the difference is what they cost, without beginning and end.
    Difference(u64),
    /// So many rounds that the case itself marks, since each has a part that does not count. The first is for warmth.
    Rounds(u64),
}

impl Case {
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.engine.starts_with("ours")
    }

    /// Does what callgrind counts.
    pub fn count(&self) {
        match self.counted {
            Counted::Difference(times) => {
                // So that both find the heap in the same state.
                (self.run)(times);
                callgrind::measured(|| (self.run)(times));
                callgrind::measured(|| (self.run)(2 * times));
            }
            Counted::Rounds(rounds) => (self.run)(rounds),
        }
    }

    /// What a unit costs, by what callgrind counted. `None` when that is not what [`count`](Self::count) does.
    #[must_use]
    pub fn cost(&self, counted: &[Cost]) -> Option<Cost> {
        match (self.counted, counted) {
            (Counted::Difference(times), [once, twice]) => {
                Some(twice.minus(*once).divided_by(times as f64 * self.units))
            }
            (Counted::Rounds(rounds), [_, rest @ ..]) if counted.len() as u64 == rounds => {
                let all = rest.iter().copied().fold(Cost::default(), Cost::plus);
                Some(all.divided_by(rest.len() as f64 * self.units))
            }
            _ => None,
        }
    }
}

/// Counts them under callgrind.
///
/// # Errors
///
/// When valgrind does not run.
pub fn costs(cases: &[&Case], copies: Copies) -> io::Result<Vec<Cost>> {
    let run =
        |case: &&Case| vec!["count", case.part.name(), "--corpus", case.corpus, "--engine", case.engine];
    let counted = callgrind::count(&cases.iter().map(run).collect::<Vec<_>>(), copies)?;
    let missing = |case: &Case| io::Error::other(format!("{}: figures are missing", case.engine));
    cases
        .iter()
        .zip(counted)
        .map(|(case, counted)| case.cost(&counted).ok_or_else(|| missing(case)))
        .collect()
}

/// Every group of a part.
#[must_use]
pub fn groups(part: Part) -> Vec<Group> {
    match part {
        Part::Encode => encode(),
        Part::Decode => decode(),
        Part::Broadcast => broadcast::groups(),
    }
}

fn encode() -> Vec<Group> {
    const REFERENCES: &[Reference] = &[Reference::Engine(HAND_WRITTEN), Reference::Engine(AXUM)];
    const OF_JSON: &[Reference] = &[Reference::Engine(HAND_WRITTEN_JSON), Reference::Engine(AXUM_JSON)];
    let messages = corpora::ENCODE.iter().map(|corpus| encode_group(corpus, Encode::ALL, REFERENCES));
    let documents = corpora::JSON.iter().map(|corpus| encode_group(corpus, Encode::OF_JSON, OF_JSON));
    messages.chain(documents).collect()
}

fn encode_group<M: Encodable>(
    corpus: &'static EncodeCorpus<M>,
    engines: &'static [Encode<M>],
    references: &'static [Reference],
) -> Group {
    let cases = engines.iter().map(|engine| Case {
        part: Part::Encode,
        corpus: corpus.name,
        engine: engine.name,
        kind: engine.kind,
        check: Box::new(|| engine.check(&corpus.message)),
        run: Box::new(|events| engine.run(&corpus.message, events)),
        counted: Counted::Difference(corpus.events),
        units: 1.0,
    });
    Group { part: Part::Encode, corpus: corpus.name, references, cases: cases.collect() }
}

fn decode() -> Vec<Group> {
    const REFERENCES: &[Reference] = &[Reference::Engine(PEER_DECODER), Reference::BestPeer];
    let group = |corpus: &'static corpora::DecodeCorpus| {
        let cases = Decode::ALL.iter().map(|engine| Case {
            part: Part::Decode,
            corpus: corpus.name,
            engine: engine.name,
            kind: engine.kind,
            check: Box::new(|| engine.check(corpus)),
            run: Box::new(|times| engine.run(&corpus.chunks, times)),
            counted: Counted::Difference(1),
            units: corpus.units as f64,
        });
        Group { part: Part::Decode, corpus: corpus.name, references: REFERENCES, cases: cases.collect() }
    };
    corpora::DECODE.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(counted: Counted, units: f64) -> Case {
        Case {
            part: Part::Encode,
            corpus: "c",
            engine: "ours",
            kind: Kind::New,
            check: Box::new(|| Ok(())),
            run: Box::new(|_| ()),
            counted,
            units,
        }
    }

    fn cost(counted: Counted, units: f64, instructions: &[f64]) -> Option<f64> {
        let cost = |instructions: &f64| Cost { instructions: *instructions, ..Cost::default() };
        let counts: Vec<Cost> = instructions.iter().map(cost).collect();
        case(counted, units).cost(&counts).map(|cost| cost.instructions)
    }

    #[test]
    fn what_comes_before_and_after_the_repetitions_does_not_count() {
        assert_eq!(cost(Counted::Difference(3), 100.0, &[1_000.0, 1_900.0]), Some(3.0));
    }

    #[test]
    fn the_first_round_does_not_count() {
        assert_eq!(cost(Counted::Rounds(3), 10.0, &[5_000.0, 200.0, 400.0]), Some(30.0));
    }

    #[test]
    fn another_number_of_counts_is_no_figure() {
        assert_eq!(cost(Counted::Difference(3), 1.0, &[1.0]), None);
        assert_eq!(cost(Counted::Difference(3), 1.0, &[1.0; 3]), None);
        assert_eq!(cost(Counted::Rounds(3), 1.0, &[1.0; 4]), None);
    }

    #[test]
    fn references_are_engines_of_their_group() {
        if cfg!(feature = "peers") {
            for group in Part::ALL.into_iter().flat_map(groups) {
                for reference in group.references {
                    let Reference::Engine(name) = reference else { continue };
                    assert!(
                        group.cases.iter().any(|case| case.engine == *name),
                        "{name} on {}",
                        group.corpus
                    );
                }
            }
        }
    }

    #[test]
    fn the_regression_gate_has_no_engine_of_others() {
        if cfg!(not(feature = "peers")) {
            let kinds = Part::ALL.into_iter().flat_map(groups).flat_map(|group| group.cases);
            assert!(
                kinds
                    .map(|case| case.engine)
                    .all(|name| !name.contains("axum 0.8") && !name.contains("tokio"))
            );
        }
    }
}
