use super::body::{Ready, for_each};
use super::{DecodeEngine, EventSink};
use eventsource_stream::EventStream;
use std::convert::Infallible;
use std::hint::black_box;

pub(super) struct Decoder;

impl DecodeEngine for Decoder {
    const NAME: &'static str = "eventsource-stream 0.2";

    fn run(chunks: &[&'static [u8]], times: u64, sink: &mut impl EventSink) {
        let chunks = (0..times).flat_map(|_| chunks).map(|chunk| Ok::<_, Infallible>(*black_box(chunk)));
        for_each(EventStream::new(Ready(chunks)), |event| {
            let event = event.expect("UTF-8");
            sink.take(&event.event, &event.data, &event.id);
        });
    }
}
