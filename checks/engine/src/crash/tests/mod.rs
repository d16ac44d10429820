//! Tests of the crash engine.
//!
//! - `build`: logs by hand and by generation.
//! - `journal`: a tiny write-ahead log to check, with every mistake such a log can make.
//! - `brute`: the definition of a crash state, enumerated.
//! - `differential`: the engine against `brute`.
//! - `weak_spots`: each mistake is found and its corrected twin holds.
//! - `minimal`: the smallest power cut that shows a violation.
//! - `engine`: counters, bounds, harness failures, memory.

mod build;

mod journal;

mod brute;

mod differential;

mod weak_spots;

mod minimal;

mod engine;
