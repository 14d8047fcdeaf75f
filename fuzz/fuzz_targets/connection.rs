#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sse_fuzz::connection(input));

#[cfg(not(fuzzing))]
fn main() {}
