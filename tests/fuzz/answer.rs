//! The answer's decoder and what is made of it, on whatever the vendor sends.
#![no_main]

#[path = "../invariants/answer.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::hold(input));
