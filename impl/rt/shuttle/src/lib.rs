//! The runtime façade on shuttle: every operation is announced, then scheduled, then recorded.
//!
//! The API is that of `rt_std`. An operation is announced to [`cutpoint_event::pending`] before
//! the scheduler decides, so a scheduler sees every task's next operation and whether it is
//! enabled. At lock granularity the code inside [`op`] runs without further scheduling points; at
//! atomic granularity `op` steps aside and the atomics inside are the operations.
//!
//! Schedulers that know nothing of enabledness (shuttle's own) are wrapped by the explorer, which
//! offers them only tasks whose operation is enabled.

pub mod cell;
pub mod device;
pub mod object;
pub mod sync;
pub mod thread;

mod lock;
mod switch;

pub use cutpoint_event::{Arg, Args, Class, Key, Memory, Op, Use, Value};
pub use object::Object;
pub use switch::{Abandoned, always_op, op};

use cutpoint_event::{log, pending};

/// The name of this runtime.
pub const RUNTIME: &str = "shuttle";

/// Whether run-time assertions that only a controlled execution can afford are compiled in.
pub const CHECKED: bool = true;

/// Names a step of the protocol.
#[inline]
pub fn step(name: &'static str, args: impl FnOnce() -> Args) {
    if log::is_recording() {
        log::step(name, args());
    }
}

/// Says that a call returns with a promise.
#[inline]
pub fn acknowledged(name: &'static str, args: impl FnOnce() -> Args) {
    if log::is_recording() {
        log::acknowledged(name, args());
    }
}

/// Says that some bytes of memory that tasks share are used, under the lock that protects them.
/// While there is only one task that is of no interest. Judged where locks are the operations, and
/// not their atomics.
pub fn access(kind: Use, memory: Memory, bytes: std::ops::Range<usize>) {
    if log::is_recording() && !thread::is_alone() {
        log::access(kind, memory, bytes, switch::is_inside());
    }
}

/// Reports that an invariant does not hold. The execution ends at its next scheduling point.
pub fn finding(
    invariant: &'static str,
    expected: impl FnOnce() -> String,
    observed: impl FnOnce() -> String,
) {
    log::finding(invariant, expected(), observed());
}

/// Lets the explorer choose a number below `of`, exhaustively where the scheduler enumerates.
///
/// # Panics
/// If `of` is 0.
pub fn choose(name: &'static str, of: u64) -> u64 {
    assert!(of > 0, "a choice needs at least one alternative");
    if of == 1 || std::thread::panicking() {
        return 0;
    }
    let value = pending::choosing(name, of, switch::random) % of;
    log::record(cutpoint_event::What::Chosen { name, of, value });
    value
}

/// Whether this part of a scenario takes part. It does, unless a minimiser has found that a
/// counterexample does not need it. What is left must still be right: without a part, the scenario
/// must come to its end, and its oracles must hold of correct code.
#[inline]
pub fn part(name: &'static str) -> bool {
    cutpoint_event::part::is_in(name)
}
