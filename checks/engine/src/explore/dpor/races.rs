//! The operations of the execution so far, and the races between them.
//!
//! Two operations race if they conflict, are not ordered by anything between them, and the later
//! one could go first. For each such race the turn of the earlier one must explore some task that
//! leads to the other order: one of the *initials* of what follows it (JACM 2017).

use super::{Dpor, Level, Mistake, Tasks, Turn, index, lowest, only};
use crate::clock::Clocks;
use crate::explore::turns::Move;
use cutpoint_event::{ObjectId, Op, Relation, TaskId};

const NOTHING: u32 = u32::MAX;

/// For every kind of operation, the kinds that race with it when they come before it, as bits.
const RACING: [u64; Op::COUNT] = {
    let mut table = [0; Op::COUNT];
    let mut later = 0;
    while later < Op::COUNT {
        let mut earlier = 0;
        while earlier < Op::COUNT {
            let relation = Op::ALL[earlier].before(Op::ALL[later]);
            if matches!(relation, Relation::Racing) {
                table[later] |= 1 << earlier;
            }
            earlier += 1;
        }
        later += 1;
    }
    table
};

/// One operation that had a turn.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The level of its turn.
    level: u32,
    task: TaskId,
    op: Op,
    object: ObjectId,
    /// Its place among its task's operations, counting from 1.
    index: u32,
    /// The operation before it on the same object.
    previous: u32,
}

/// The operations of the execution so far.
#[derive(Debug)]
pub(super) struct History {
    pub(super) clocks: Clocks,
    steps: Vec<Step>,
    /// The last operation on each object.
    last: Vec<u32>,
    /// Who has used each object.
    users: Vec<Tasks>,
    /// Operations that come before the pending one, or before one that it can be put before.
    covered: Vec<u32>,
    /// The first operation of each task after the one that a race is reversed at.
    first: Vec<u32>,
}

impl History {
    pub(super) fn new(clocks: Clocks) -> History {
        History {
            clocks,
            steps: Vec::new(),
            last: Vec::new(),
            users: Vec::new(),
            covered: Vec::new(),
            first: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.clocks.clear();
        self.steps.clear();
        self.last.clear();
        self.users.clear();
    }

    /// Adds an operation whose turn is at `level`.
    pub(super) fn take(&mut self, taken: &Move, level: u32) {
        let object = index(taken);
        if object >= self.last.len() {
            self.last.resize(object + 1, NOTHING);
            self.users.resize(object + 1, 0);
        }
        let index = self.clocks.operation(taken.task, taken.op, taken.object);
        self.steps.push(Step {
            level,
            task: taken.task,
            op: taken.op,
            object: taken.object,
            index,
            previous: self.last[object],
        });
        self.last[object] = self.steps.len() as u32 - 1;
        self.users[object] |= only(taken.task);
    }
}

/// What follows an operation without depending on it, and then the pending operation.
struct Suffix {
    /// Tasks that have an operation in it.
    tasks: Tasks,
    /// Tasks whose first operation in it depends on no other in it.
    initials: Tasks,
    /// Whether the pending operation depends on another in it.
    pending_depends: bool,
}

impl Dpor {
    /// For every operation that races with `pending`, which is about to run or waits for ever, sees
    /// to it that the other order is explored.
    pub(super) fn reverse_races(&mut self, pending: &Move) {
        let object = index(pending);
        let Some(&last) = self.history.last.get(object) else {
            return;
        };
        let others = self.history.users[object] & !only(pending.task);
        let mut covered = std::mem::take(&mut self.history.covered);
        covered.clear();
        covered.extend_from_slice(self.history.clocks.now(pending.task));
        // Tasks none of whose operations on the object is left to look at.
        let mut done: Tasks = 0;
        let mut next = last;
        while next != NOTHING && done & others != others {
            let number = next as usize;
            let step = self.history.steps[number];
            next = step.previous;
            if step.task == pending.task || done & only(step.task) != 0 {
                continue;
            }
            if component(&covered, step.task) >= step.index {
                done |= only(step.task);
            } else if RACING[pending.op as usize] & (1 << step.op as usize) != 0
                && self.reverse(number, pending)
            {
                let clock = self.history.clocks.of(number);
                covered.resize(covered.len().max(clock.len()), 0);
                for (ours, theirs) in covered.iter_mut().zip(clock) {
                    *ours = (*ours).max(*theirs);
                }
            }
        }
        self.history.covered = covered;
    }

    /// Sees to it that `pending` is explored before the operation number `number`, if it can go
    /// there. Whether it surely can, so that races with what precedes that operation are found
    /// there.
    fn reverse(&mut self, number: usize, pending: &Move) -> bool {
        let step = self.history.steps[number];
        let suffix = self.suffix(number, pending);
        let Level::Turn(turn) = self.levels[step.level as usize] else {
            unreachable!("operations have turns");
        };
        let was_pending = suffix.tasks & only(pending.task) == 0;
        let was_enabled = turn.enabled & only(pending.task) != 0;
        if was_pending && pending.op.may_block() && !was_enabled && !suffix.pending_depends {
            // It waited then, and nothing that could be put before this step lets it go on.
            return false;
        }
        let wanted = match self.mistake {
            Mistake::BacktrackSets => racing_task(&turn, pending.task),
            _ => one_of(&turn, suffix.initials, pending.task),
        };
        if let Level::Turn(turn) = &mut self.levels[step.level as usize] {
            turn.backtrack |= wanted;
        }
        !pending.op.may_block() || (was_pending && was_enabled)
    }

    /// What follows operation `number` without depending on it.
    fn suffix(&mut self, number: usize, pending: &Move) -> Suffix {
        let history = &mut self.history;
        let step = history.steps[number];
        let before = pending.op.predecessors();
        let mut suffix = Suffix {
            tasks: 0,
            initials: 0,
            pending_depends: false,
        };
        history.first.clear();
        history.first.resize(super::TASKS_MAX, 0);
        for (later, other) in history.steps.iter().enumerate().skip(number + 1) {
            let clock = history.clocks.of(later);
            if component(clock, step.task) >= step.index {
                continue;
            }
            if suffix.tasks & only(other.task) == 0 {
                if !follows(clock, suffix.tasks, &history.first) {
                    suffix.initials |= only(other.task);
                }
                suffix.tasks |= only(other.task);
                history.first[usize::from(other.task.0)] = other.index;
            }
            if other.object == pending.object && before & (1 << other.op as usize) != 0 {
                suffix.pending_depends |= other.task != pending.task;
            }
        }
        if suffix.tasks & only(pending.task) == 0 {
            let clock = history.clocks.now(pending.task);
            suffix.pending_depends |= follows(clock, suffix.tasks, &history.first);
            if !suffix.pending_depends {
                suffix.initials |= only(pending.task);
            }
        }
        suffix
    }
}

/// Whether an event with this clock happens after the first operation of one of `tasks`.
fn follows(clock: &[u32], tasks: Tasks, first: &[u32]) -> bool {
    let mut left = tasks;
    while left != 0 {
        let task = lowest(left);
        left &= left - 1;
        if component(clock, task) >= first[usize::from(task.0)] {
            return true;
        }
    }
    false
}

/// A component of a clock; those beyond its end are 0.
fn component(clock: &[u32], task: TaskId) -> u32 {
    clock.get(usize::from(task.0)).copied().unwrap_or(0)
}

/// One of the initials that is enabled, unless one of them is to be explored anyway. The pending
/// task is preferred: it leads to the other order at once.
fn one_of(turn: &Turn, initials: Tasks, pending: TaskId) -> Tasks {
    let able = initials & turn.enabled;
    if able == 0 || initials & turn.backtrack != 0 {
        0
    } else if able & only(pending) != 0 {
        only(pending)
    } else {
        only(lowest(able))
    }
}

/// What Flanagan and Godefroid add: the racing task, or all where it can not go.
fn racing_task(turn: &Turn, pending: TaskId) -> Tasks {
    match turn.enabled & only(pending) {
        0 => turn.enabled,
        task => task,
    }
}
