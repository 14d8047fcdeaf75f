//! Every engine does its work right, and ours allocates what the documentation says.

use sse_benches::corpora;
use sse_benches::engines::{Decode, Encode};

#[test]
fn every_encoder_gives_the_message_on_every_corpus() {
    for corpus in &*corpora::ENCODE {
        for engine in Encode::ALL {
            engine.check(&corpus.message);
        }
    }
}

#[test]
fn every_decoder_agrees_with_the_standard_on_every_corpus() {
    for corpus in &*corpora::DECODE {
        for engine in Decode::ALL {
            engine.check(corpus);
        }
    }
}

#[test]
fn every_subscriber_gets_every_event() {
    for case in sse_benches::broadcast::Case::ALL {
        case.run(2);
    }
}
