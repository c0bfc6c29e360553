#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_fuzz::checks::sealed_open(data));
