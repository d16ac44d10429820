//! Scheduling points.

use crate::Object;
use cutpoint_event::pending::{self, Granularity, Pending};
use cutpoint_event::{Op, TaskId, What, log};
use shuttle_engine::runtime::execution::ExecutionState;
use std::cell::Cell;

thread_local! {
    /// How many operations enclose the running code. Tasks switch only at depth 0, so one counter
    /// serves them all.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// The payload with which a task unwinds when its execution is abandoned. Raised without the panic
/// hook and caught where the task began.
#[derive(Debug)]
pub struct Abandoned;

/// Runs one operation on `object`: announces it, lets the scheduler decide, and once `enabled` and
/// scheduled runs `body` without another scheduling point.
///
/// At atomic granularity the body runs at once, and its atomics are the operations; the operation
/// is still recorded, when it ends.
pub fn op<R>(object: &Object, op: Op, enabled: impl Fn() -> bool, body: impl FnOnce() -> R) -> R {
    if DEPTH.get() > 0 || !is_controlled() {
        return body();
    }
    if pending::granularity() == Granularity::Lock {
        point(
            Pending::Op {
                op,
                object: object.id(),
            },
            &enabled,
        );
        let result = inside(body);
        log::record(What::Op {
            op,
            object: object.id(),
        });
        result
    } else {
        let result = body();
        log::record(What::Op {
            op,
            object: object.id(),
        });
        result
    }
}

/// Runs one operation that is a scheduling point at either granularity: an atomic access, parking.
pub fn always_op<R>(
    object: &Object,
    op: Op,
    enabled: impl Fn() -> bool,
    body: impl FnOnce() -> R,
) -> R {
    if DEPTH.get() > 0 || !is_controlled() {
        return body();
    }
    point(
        Pending::Op {
            op,
            object: object.id(),
        },
        &enabled,
    );
    let result = inside(body);
    log::record(What::Op {
        op,
        object: object.id(),
    });
    result
}

/// Whether the caller runs in a recorded execution and is not unwinding.
fn is_controlled() -> bool {
    log::is_recording() && !std::thread::panicking()
}

/// Whether the running code is part of an operation.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Runs `body` with scheduling points turned off.
pub(crate) fn inside<R>(body: impl FnOnce() -> R) -> R {
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

/// Announces `pending` and lets the scheduler decide. Skipped while no other task exists and the
/// operation is enabled: then there is nothing to decide.
pub(crate) fn point(pending: Pending, enabled: &dyn Fn() -> bool) {
    if log::has_finding() {
        pending::abandon();
    }
    unwind_if_abandoned();
    if crate::thread::is_alone() && enabled() {
        return;
    }
    let task = log::current_task();
    pending::announce(
        task,
        pending,
        enabled,
        shuttle_engine::runtime::thread::switch,
    );
    log::set_current_task(task);
    unwind_if_abandoned();
    debug_assert!(
        enabled(),
        "scheduled an operation that is not enabled: {pending:?}"
    );
}

/// Lets the scheduler decide with nothing announced that anyone could notice.
pub(crate) fn local<R>(section: impl FnOnce() -> R) -> R {
    let task = log::current_task();
    pending::set(task, Pending::Local);
    let result = section();
    log::set_current_task(task);
    result
}

pub(crate) fn unwind_if_abandoned() {
    if pending::is_abandoned() && !std::thread::panicking() {
        std::panic::resume_unwind(Box::new(Abandoned));
    }
}

/// Whether shuttle has a task of this number, ended or not.
pub(crate) fn exists(task: TaskId) -> bool {
    let task = shuttle_engine::scheduler::TaskId::from(usize::from(task.0));
    ExecutionState::with(|state| state.try_get(task).is_some())
}

/// The shuttle task that runs now.
pub(crate) fn running_task() -> TaskId {
    TaskId(usize::from(ExecutionState::me()) as u16)
}

/// A number from the scheduler, without a scheduling point.
pub(crate) fn random() -> u64 {
    ExecutionState::next_u64()
}
