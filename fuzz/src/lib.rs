//! What every fuzz target of the workspace checks, apart from the fuzzer.

pub mod checks;
