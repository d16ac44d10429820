//! The runtime façade on std: real threads, real atomics, no scheduler.
//!
//! The three façades (`rt_std`, `rt_loom`, `rt_shuttle`) have one API, so that the checked code is
//! one source tree without a `cfg`. Here every announcement compiles to nothing: [`op`] is its
//! body, [`step`] is empty. Only the device hooks record, and only while a recorder runs on the
//! calling thread, because recovery's own writes are the next thing to crash.

pub mod cell;
pub mod device;
pub mod object;
pub mod sync;
pub mod thread;

mod lock;

pub use cutpoint_event::{Arg, Args, Class, Key, Memory, Op, Use, Value};
pub use object::Object;

/// The name of this runtime.
pub const RUNTIME: &str = "std";

/// Whether run-time assertions that only a controlled execution can afford are compiled in.
pub const CHECKED: bool = false;

/// Runs one operation on `object`. On this runtime the body is the operation: the lock's own
/// atomics and parking do the waiting that `enabled` describes.
#[inline(always)]
pub fn op<R>(
    _object: &Object,
    _op: Op,
    _enabled: impl Fn() -> bool,
    body: impl FnOnce() -> R,
) -> R {
    body()
}

/// Names a step of the protocol.
#[inline(always)]
pub fn step(_name: &'static str, _args: impl FnOnce() -> Args) {}

/// Says that a call returns with a promise.
#[inline(always)]
pub fn acknowledged(name: &'static str, args: impl FnOnce() -> Args) {
    if cutpoint_event::log::is_recording() {
        cutpoint_event::log::acknowledged(name, args());
    }
}

/// Says that some bytes of memory that tasks share are used, under the lock that protects them.
#[inline(always)]
pub fn access(_kind: Use, _memory: Memory, _bytes: std::ops::Range<usize>) {}

/// Reports that an invariant does not hold.
#[inline]
pub fn finding(
    invariant: &'static str,
    expected: impl FnOnce() -> String,
    observed: impl FnOnce() -> String,
) {
    cutpoint_event::log::finding(invariant, expected(), observed());
}

/// Lets the explorer choose a number below `of`. There is none here: always 0, which scenarios
/// keep for "nothing goes wrong".
#[inline(always)]
pub fn choose(_name: &'static str, _of: u64) -> u64 {
    0
}

/// Whether this part of a scenario takes part: here always, since only the explorer leaves parts
/// out.
#[inline(always)]
pub fn part(_name: &'static str) -> bool {
    true
}
