//! Tests of the oracles.
//!
//! - `brute`: the definitions, by all subsets and permutations.
//! - `differential`: the search against `brute`, on generated histories.
//! - `known`: histories known to be linearizable or not.
//! - `recorder`: what an execution records.

mod brute;

mod differential;

mod known;

mod recorder;
