//! Decoding and classifying arbitrary responses.
#![no_main]

#[path = "../invariants/answer.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::hold(input));
