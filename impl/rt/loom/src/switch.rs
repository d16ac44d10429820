//! Scheduling points.

use crate::Object;
use cutpoint_event::pending::{self, Granularity, Pending};
use cutpoint_event::{Op, What, log};
use std::cell::Cell;
use std::mem::ManuallyDrop;

thread_local! {
    /// How many operations enclose the running code. Tasks switch only at depth 0, so one counter
    /// serves them all.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// The payload with which an execution unwinds once a finding has been recorded.
#[derive(Debug)]
pub struct Abandoned;

/// Forgets what an execution that ended in a panic left behind. Called by the explorer.
pub(crate) fn reset() {
    DEPTH.set(0);
}

/// Runs one operation on `object` once `enabled`, without a scheduling point inside `body`.
///
/// At atomic granularity the body runs at once, and its atomics are the operations; the operation
/// is still recorded, when it ends.
pub fn op<R>(object: &Object, op: Op, enabled: impl Fn() -> bool, body: impl FnOnce() -> R) -> R {
    if !is_controlled() {
        return body();
    }
    let result = if pending::granularity() == Granularity::Lock {
        companion_op(object, op, &enabled, body)
    } else {
        body()
    };
    log::record(What::Op {
        op,
        object: object.id(),
    });
    result
}

/// Runs one operation that is a scheduling point at either granularity.
pub(crate) fn always_op<R>(
    object: &Object,
    op: Op,
    enabled: impl Fn() -> bool,
    body: impl FnOnce() -> R,
) -> R {
    if !is_controlled() {
        return body();
    }
    let result = companion_op(object, op, &enabled, body);
    log::record(What::Op {
        op,
        object: object.id(),
    });
    result
}

/// Whether the caller is at a scheduling point of a recorded execution and is not unwinding.
pub(crate) fn is_controlled() -> bool {
    DEPTH.get() == 0 && log::is_recording() && !std::thread::panicking()
}

/// Whether the running code is part of an operation.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Runs `body` with scheduling points turned off.
fn inside<R>(body: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _leave = Leave;
    body()
}

fn companion_op<R>(
    object: &Object,
    op: Op,
    enabled: &dyn Fn() -> bool,
    body: impl FnOnce() -> R,
) -> R {
    unwind_on_finding();
    if crate::thread::is_alone() && enabled() {
        return inside(body);
    }
    let task = log::current_task();
    let companion = object.companion();
    // Unwinding must not touch loom again: a guard dropped after a panic can abort the process.
    let lock = || ManuallyDrop::new(companion.mutex.lock().expect("no poison: see above"));
    let mut guard = lock();
    while !enabled() {
        // Only so that a deadlock can be told in the scenario's own words.
        pending::set(
            task,
            Pending::Op {
                op,
                object: object.id(),
            },
        );
        companion.waiters.set(companion.waiters.get() + 1);
        let inner = ManuallyDrop::into_inner(guard);
        guard = ManuallyDrop::new(companion.changed.wait(inner).expect("no poison: see above"));
        companion.waiters.set(companion.waiters.get() - 1);
        pending::set(task, Pending::Local);
    }
    log::set_current_task(task);
    let result = inside(body);
    if companion.waiters.get() > 0 {
        companion.changed.notify_all();
    }
    drop(ManuallyDrop::into_inner(guard));
    log::set_current_task(task);
    unwind_on_finding();
    result
}

fn unwind_on_finding() {
    if log::has_finding() && !std::thread::panicking() {
        std::panic::resume_unwind(Box::new(Abandoned));
    }
}
