//! Who waits for whom.

use super::program::{Condition, Op};
use super::{LockOrder, State, Task};

/// The tasks that `task` waits for before its next operation; none if it can go on. A task that
/// waits for work, or has finished, waits for nobody.
pub(super) fn blockers(model: &LockOrder, state: &State, task: usize) -> Vec<usize> {
    let Some(op) = model.next_op(state, task) else {
        return Vec::new();
    };
    match op {
        Op::Exclusive(lock) => model.holders(state, lock, |_| true),
        Op::Shared(lock) => {
            let holders = model.holders(state, lock, |is_exclusive| is_exclusive);
            if !holders.is_empty() {
                return holders;
            }
            // A fair lock makes readers wait behind a writer that waits.
            let waits = |other: &usize| {
                *other != task
                    && model.next_op(state, *other) == Some(Op::Exclusive(lock))
                    && !model.holders(state, lock, |_| true).is_empty()
            };
            (0..model.tasks()).filter(waits).collect()
        }
        Op::StartHandle if state.locked || (state.full && state.committing) => {
            of_kind(model, Task::Commit)
        }
        Op::StartHandle if state.full => Vec::new(),
        Op::Wait(condition) => waited_for(model, state, condition),
        _ => Vec::new(),
    }
}

fn of_kind(model: &LockOrder, kind: Task) -> Vec<usize> {
    let is_kind = |task: &usize| model.config.tasks[*task] == kind;
    (0..model.tasks()).filter(is_kind).collect()
}

/// Who makes an end of the condition. Whoever has to do so next is named, so that a chain of
/// waits leads to the task that it ends with.
fn waited_for(model: &LockOrder, state: &State, condition: Condition) -> Vec<usize> {
    let unless = |done: bool, tasks: Vec<usize>| if done { Vec::new() } else { tasks };
    match condition {
        Condition::Writeback => {
            let next = if state.ioend {
                Task::Completion
            } else {
                Task::Writeback
            };
            unless(!state.writeback, of_kind(model, next))
        }
        Condition::Dio => {
            let next = if state.dio_done {
                Task::DirectCompletion
            } else {
                Task::DirectWrite
            };
            unless(state.dio == 0, of_kind(model, next))
        }
        Condition::Handles => {
            let has_handle = |task: &usize| model.has_handle(state, *task);
            (0..model.tasks()).filter(has_handle).collect()
        }
        Condition::Commit => unfinished(model, state, Task::Commit),
        Condition::Dirty => unfinished(model, state, Task::Writeback),
    }
}

fn unfinished(model: &LockOrder, state: &State, kind: Task) -> Vec<usize> {
    let mut tasks = of_kind(model, kind);
    tasks.retain(|task| model.next_op(state, *task).is_some());
    tasks
}

/// I34: no task waits for itself through others.
pub(super) fn has_cycle(model: &LockOrder, state: &State) -> bool {
    let count = model.tasks();
    let waits: Vec<_> = (0..count).map(|t| blockers(model, state, t)).collect();
    // The tasks that can be reached from a task by following waits, as bits.
    let mut reach: Vec<u32> = waits
        .iter()
        .map(|others| others.iter().fold(0, |set, other| set | 1 << other))
        .collect();
    for through in 0..count {
        for from in 0..count {
            if reach[from] & (1 << through) != 0 {
                reach[from] |= reach[through];
            }
        }
    }
    (0..count).any(|task| reach[task] & (1 << task) != 0)
}
