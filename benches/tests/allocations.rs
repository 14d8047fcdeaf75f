//! What encoding allocates. Its own binary, because the counting allocator is global.

use allocation_counter::measure;
use sse_benches::corpora;
use sse_benches::engines::Encode;

#[test]
fn a_frame_is_one_allocation_and_the_rest_is_none() {
    for (name, per_event) in
        [("ours, to_frame", 1), ("ours, chunks (no copy)", 0), ("ours, clone of a Frame", 0)]
    {
        let engine = Encode::ALL.iter().find(|engine| engine.name == name).expect("an engine of that name");
        for corpus in &*corpora::ENCODE {
            let count = |events| measure(|| engine.run(&corpus.message, events)).count_total;
            assert_eq!(count(9) - count(4), 5 * per_event, "{name} on {}", corpus.name);
        }
    }
}
