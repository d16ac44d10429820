//! The runtime façade on loom.
//!
//! The API is that of `rt_std`. loom has no scheduler that could be told which operation a task is
//! about to make, so at lock granularity every object carries a loom mutex and condition variable:
//! an operation takes the mutex, waits on the condition until it is enabled, runs its body with
//! loom's own types out of sight, and wakes the waiters. At atomic granularity the operation steps
//! aside, and loom explores the lock code's atomics under the C11 memory model.
//!
//! A finding unwinds out of loom with [`Abandoned`] as the payload.

pub mod cell;
pub mod device;
pub mod object;
pub mod sync;
pub mod thread;

// The locks know nothing of the scheduler below, so the two controlled runtimes share them.
#[path = "../../shuttle/src/lock.rs"]
mod lock;
mod switch;

pub use cutpoint_event::{Arg, Args, Class, Key, Memory, Op, Use, Value};
pub use object::Object;
pub use switch::{Abandoned, op};

use cutpoint_event::log;

/// The name of this runtime.
pub const RUNTIME: &str = "loom";

/// Whether run-time assertions that only a controlled execution can afford are compiled in.
pub const CHECKED: bool = true;

/// Names a step of the protocol.
#[inline]
pub fn step(name: &'static str, args: impl FnOnce() -> Args) {
    if log::is_recording() {
        log::step(name, args());
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

/// Says that a call returns with a promise.
#[inline]
pub fn acknowledged(name: &'static str, args: impl FnOnce() -> Args) {
    if log::is_recording() {
        log::acknowledged(name, args());
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

/// Lets the explorer choose a number below `of`. loom can not enumerate values: always 0, which
/// scenarios keep for "nothing goes wrong".
pub fn choose(_name: &'static str, _of: u64) -> u64 {
    0
}

/// Whether this part of a scenario takes part: here always, since only the explorer leaves parts
/// out.
#[inline(always)]
pub fn part(_name: &'static str) -> bool {
    true
}
