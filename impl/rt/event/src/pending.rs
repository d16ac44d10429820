//! What each task is about to do, for schedulers that run on the same OS thread.
//!
//! A runtime *announces* an operation before it lets the scheduler decide, so that the scheduler
//! knows every task's next operation and whether that operation could run now. An announced
//! operation that is not enabled keeps its task from being scheduled; a task that never announces
//! (plain types of the underlying scheduler) counts as making [`Op::Unannounced`] operations.

use crate::event::TaskId;
use crate::log;
use crate::object::ObjectId;
use crate::op::Op;
use std::cell::{Cell, RefCell};

/// How finely operations are scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// A lock acquisition is one operation; the lock's own atomics run inside it, unseen.
    #[default]
    Lock,
    /// Every atomic access of the lock code is an operation of its own.
    Atomic,
}

/// A task's next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing that another task could notice: commutes with everything.
    Local,
    /// An operation that nobody announced.
    Unannounced,
    /// An announced operation.
    Op {
        /// Its kind.
        op: Op,
        /// What it acts on.
        object: ObjectId,
    },
}

type Enabled = *const (dyn Fn() -> bool + 'static);

struct Slot {
    pending: Pending,
    enabled: Option<Enabled>,
}

thread_local! {
    static SLOTS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
    static CHOICE: Cell<Option<(&'static str, u64)>> = const { Cell::new(None) };
    static ABANDONED: Cell<bool> = const { Cell::new(false) };
    static GRANULARITY: Cell<Granularity> = const { Cell::new(Granularity::Lock) };
}

/// Forgets every announcement, for a new execution.
pub fn reset() {
    SLOTS.with_borrow_mut(Vec::clear);
    ABANDONED.set(false);
}

/// The granularity of executions on this OS thread.
pub fn granularity() -> Granularity {
    GRANULARITY.get()
}

/// Sets the granularity. Takes effect for objects created afterwards.
pub fn set_granularity(granularity: Granularity) {
    GRANULARITY.set(granularity);
}

/// Tells every task to unwind at its next scheduling point: the execution is of no more use. The
/// log takes no further event.
pub fn abandon() {
    ABANDONED.set(true);
    log::seal();
}

/// Whether the execution is being abandoned.
pub fn is_abandoned() -> bool {
    ABANDONED.get()
}

/// Sets a task's next operation to one that can always run.
pub fn set(task: TaskId, pending: Pending) {
    put(
        task,
        Slot {
            pending,
            enabled: None,
        },
    );
}

/// Announces an operation that can run when `enabled` says so, for as long as `while_pending`
/// runs; then the task counts as [`Pending::Unannounced`] again.
pub fn announce<R>(
    task: TaskId,
    pending: Pending,
    enabled: &dyn Fn() -> bool,
    while_pending: impl FnOnce() -> R,
) -> R {
    /// Takes the announcement back even when the task unwinds.
    struct Retract(TaskId);
    impl Drop for Retract {
        fn drop(&mut self) {
            set(self.0, Pending::Unannounced);
        }
    }
    // SAFETY: only the lifetime is erased. `Retract` replaces the slot before `enabled` can go out
    // of scope, also on unwinding, and `is_enabled` calls it only while the slot holds it. A task
    // whose stack is leaked instead of unwound keeps `enabled` alive for ever.
    let enabled: Enabled = unsafe {
        std::mem::transmute::<*const (dyn Fn() -> bool + '_), Enabled>(std::ptr::from_ref(enabled))
    };
    put(
        task,
        Slot {
            pending,
            enabled: Some(enabled),
        },
    );
    let _retract = Retract(task);
    while_pending()
}

/// A task's next operation. A task that has not announced anything yet is about to begin.
pub fn get(task: TaskId) -> Pending {
    SLOTS.with_borrow(|slots| {
        slots
            .get(usize::from(task.0))
            .map_or(Pending::Local, |slot| slot.pending)
    })
}

/// Whether a task's next operation could run now.
pub fn is_enabled(task: TaskId) -> bool {
    let enabled =
        SLOTS.with_borrow(|slots| slots.get(usize::from(task.0)).and_then(|slot| slot.enabled));
    match enabled {
        None => true,
        // SAFETY: the slot holds the pointer only while the announcing frame is alive (see
        // `announce`), and that frame belongs to a suspended task of this OS thread.
        Some(enabled) => unsafe { (*enabled)() },
    }
}

/// Makes a choice known to the scheduler while `ask` asks it for a number: what for, and out of how
/// many alternatives.
pub fn choosing(name: &'static str, of: u64, ask: impl FnOnce() -> u64) -> u64 {
    CHOICE.set(Some((name, of)));
    let value = ask();
    CHOICE.set(None);
    value
}

/// The choice that the scheduler is being asked for: its name and the number of alternatives.
/// `None` if the number is wanted by someone else, like a random generator of the scheduler's own.
pub fn choice() -> Option<(&'static str, u64)> {
    CHOICE.get()
}

fn put(task: TaskId, slot: Slot) {
    SLOTS.with_borrow_mut(|slots| {
        let index = usize::from(task.0);
        while slots.len() <= index {
            slots.push(Slot {
                pending: Pending::Local,
                enabled: None,
            });
        }
        slots[index] = slot;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_lasts_as_long_as_it_is_pending() {
        reset();
        let task = TaskId(2);
        let pending = Pending::Op {
            op: Op::AcquireExclusive,
            object: ObjectId(7),
        };
        let free = Cell::new(false);
        announce(task, pending, &|| free.get(), || {
            assert_eq!(get(task), pending);
            assert!(!is_enabled(task));
            free.set(true);
            assert!(is_enabled(task));
        });
        assert_eq!(get(task), Pending::Unannounced);
        assert!(is_enabled(task));
        assert_eq!(get(TaskId(1)), Pending::Local);
    }
}
