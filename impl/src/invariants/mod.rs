//! The invariants, by id, as predicates on the state of a mounted file system.
//!
//! Instant ones hold whenever the lock they name is free, and are evaluated when it is released, in
//! checked builds. Quiescent ones hold while no call is in flight. What must hold after a crash is
//! judged on the recovered file system, with the same functions and those of whoever knows what
//! was written.

pub mod context;
mod counters;
pub mod instant;
pub mod quiescent;
pub mod writeback;

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's id.
    pub invariant: &'static str,
    /// What it demands here.
    pub expected: String,
    /// What there is.
    pub observed: String,
}
