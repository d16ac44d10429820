//! The events of the execution so far, and which of them race.
//!
//! Two operations race if they conflict, are not ordered by anything between them, and the later
//! one could go first. Races are noticed when the later operation is about to run, or waits at the
//! end; the other order is planned when the execution is over (see [`super::races`]).

use super::limits::Limits;
use super::wakeup::{Action, Event, mix, name_of};
use super::{Tasks, only};
use crate::clock::{Clocks, Precedence, place};
use crate::explore::turns::Move;
use cutpoint_event::{ObjectId, Op, Relation, TaskId, log};

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

/// An event of the execution. The event number n has the level number n.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) event: Event,
    /// Its place among its task's events, counting from 1.
    pub(super) index: u32,
    /// Stands for the event with everything that happens before it.
    hash: u64,
    /// The event before it on the same object.
    previous: u32,
}

/// Two operations that could be taken in the other order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Race {
    /// The number of the earlier one.
    pub(super) first: u32,
    /// The number of the later one; that of the event after the last, if it waits for ever.
    second: u32,
    /// The later one.
    pub(super) later: Event,
}

/// The events of the execution so far, and their races. What is common to one execution and the
/// next is kept.
#[derive(Debug)]
pub(super) struct History {
    pub(super) clocks: Clocks,
    pub(super) steps: Vec<Step>,
    /// In order of their later operations.
    pub(super) races: Vec<Race>,
    /// The number of events taken in this execution.
    taken: usize,
    /// What each task has done so far: the hash of its last event.
    pasts: Vec<u64>,
    /// The number of the last event of each task's parent before it created the task, plus one.
    spawners: Vec<u32>,
    /// The number of each task's last event, plus one.
    latest: Vec<u32>,
    /// The last operation on each object.
    last: Vec<u32>,
    /// Who has used each object.
    users: Vec<Tasks>,
    /// What stands for each object's class and key, as far as it was asked for, or else 0.
    names: Vec<u64>,
    /// Operations that come before the pending one, or before one that it can be put before.
    covered: Vec<u32>,
}

impl History {
    pub(super) fn new(precedence: Precedence) -> History {
        History {
            clocks: Clocks::new(precedence),
            steps: Vec::new(),
            races: Vec::new(),
            taken: 0,
            pasts: vec![0],
            spawners: vec![0],
            latest: Vec::new(),
            last: Vec::new(),
            users: Vec::new(),
            names: Vec::new(),
            covered: Vec::new(),
        }
    }

    /// Prepares for an execution whose first `kept` events are those of the one before.
    pub(super) fn begin(&mut self, kept: usize) {
        self.clocks.clear();
        self.steps.truncate(kept);
        let kept_races = self.races.partition_point(|race| race.second < kept as u32);
        self.races.truncate(kept_races);
        self.taken = 0;
        self.pasts.clear();
        self.pasts.push(0);
        self.spawners.clear();
        self.spawners.push(0);
        self.latest.clear();
        self.last.clear();
        self.users.clear();
        self.names.clear();
    }

    /// What stands for an object's class and key.
    fn name(&mut self, object: ObjectId) -> u64 {
        let place = place(object);
        if place >= self.names.len() {
            self.names.resize(place + 1, 0);
        }
        if self.names[place] == 0 {
            self.names[place] =
                log::with(|log| log.objects.get(object.0 as usize).map_or(0, name_of));
        }
        self.names[place]
    }

    /// Lets a task start where its parent is now.
    pub(super) fn inherit(&mut self, task: TaskId, parent: TaskId) {
        self.clocks.inherit(task, parent);
        let past = self.pasts[usize::from(parent.0)];
        self.pasts.resize(usize::from(task.0) + 1, 0);
        self.pasts[usize::from(task.0)] = mix(past, u64::from(task.0));
        let latest = self.latest.get(usize::from(parent.0));
        self.spawners.resize(usize::from(task.0) + 1, 0);
        self.spawners[usize::from(task.0)] = latest.copied().unwrap_or(0);
    }

    /// Adds an operation.
    pub(super) fn take(&mut self, taken: &Move) {
        let object = place(taken.object);
        let is_new = self.taken == self.steps.len();
        if object >= self.last.len() {
            self.last.resize(object + 1, NOTHING);
            self.users.resize(object + 1, 0);
        }
        let index = self.clocks.operation(taken.task, taken.op, taken.object);
        if is_new {
            let event = Event::of(taken, self.name(taken.object));
            let causes = self.state(&event, |number| self.steps[number].event.causes(&event));
            self.steps.push(Step {
                event,
                index,
                hash: mix(self.pasts[usize::from(taken.task.0)], causes),
                previous: self.last[object],
            });
        }
        self.last[object] = self.taken as u32;
        self.users[object] |= only(taken.task);
        self.count(taken.task);
    }

    /// Adds a choice.
    pub(super) fn choose(&mut self, task: TaskId, value: u64) {
        let index = self.clocks.event(task);
        if self.taken == self.steps.len() {
            self.steps.push(Step {
                event: Event {
                    task,
                    action: Action::Choice { value },
                },
                index,
                hash: mix(self.pasts[usize::from(task.0)], value),
                previous: NOTHING,
            });
        }
        self.count(task);
    }

    fn count(&mut self, task: TaskId) {
        let task = usize::from(task.0);
        self.pasts[task] = self.steps[self.taken].hash;
        self.taken += 1;
        if task >= self.latest.len() {
            self.latest.resize(task + 1, 0);
        }
        self.latest[task] = self.taken as u32;
    }

    /// Stands for an operation and for what those events that are `included` made of its object;
    /// 0 if none of them touched it. Whether the operation is enabled is decided by this number,
    /// but for accidents of hashing: the state of an object follows from what was done to it, each
    /// time with the past of who did it, and whether an operation may go on follows from that
    /// state, its kind, and its task.
    pub(super) fn state(&self, later: &Event, included: impl Fn(usize) -> bool) -> u64 {
        let Action::Turn { op, object, .. } = later.action else {
            return 0;
        };
        let mut sum = 0_u64;
        let mut next = self.last.get(place(object)).copied().unwrap_or(NOTHING);
        while next != NOTHING {
            let step = &self.steps[next as usize];
            if included(next as usize) {
                sum = sum.wrapping_add(mix(step.hash, 1));
            }
            next = step.previous;
        }
        match sum {
            0 => 0,
            _ => mix(sum, u64::from(later.task.0) << 8 | op as u64),
        }
    }

    /// What [`History::state`] is, after all events so far, for an operation that waits. `None` if
    /// it was the same one event earlier.
    pub(super) fn new_state(&self, waiting: &Move) -> Option<u64> {
        let last = &self.steps[self.taken.checked_sub(1)?].event;
        let is_new = last.task == waiting.task
            || matches!(last.action, Action::Turn { object, .. } if object == waiting.object);
        is_new.then(|| {
            // The name of the object does not matter for its state.
            self.state(&Event::of(waiting, 0), |_| true)
        })
    }

    /// Whether a task has done nothing since before the event with this number.
    fn rests_since(&self, task: TaskId, event: u32) -> bool {
        let latest = self.latest.get(usize::from(task.0));
        latest.is_none_or(|latest| *latest <= event)
    }

    /// Notices the operations that race with `pending`, which is about to run or waits for ever.
    /// `was_enabled` says whether it could have run at an event at which it waited already.
    pub(super) fn find_races(
        &mut self,
        pending: &Move,
        limits: &Limits,
        was_enabled: impl Fn(u32) -> bool,
    ) {
        let object = place(pending.object);
        let Some(&last) = self.last.get(object) else {
            return;
        };
        let later = Event::of(pending, self.name(pending.object));
        let others = self.users[object] & !only(pending.task);
        let is_limited = limits.concern(pending.task, pending.op, pending.object);
        let may_wait = is_limited || pending.op.may_block();
        let mut covered = std::mem::take(&mut self.covered);
        covered.clear();
        covered.extend_from_slice(self.clocks.now(pending.task));
        // Tasks none of whose operations on the object is left to look at.
        let mut done: Tasks = 0;
        let mut next = last;
        while next != NOTHING && done & others != others {
            let number = next;
            let step = &self.steps[number as usize];
            let task = step.event.task;
            next = step.previous;
            if task == pending.task || done & only(task) != 0 {
                continue;
            }
            let Action::Turn { op, .. } = step.event.action else {
                unreachable!("choices have no object");
            };
            if component(&covered, task) >= step.index {
                done |= only(task);
                continue;
            }
            if RACING[pending.op as usize] & (1 << op as usize) == 0 {
                continue;
            }
            // Where the later operation surely can go, races with what precedes the earlier one
            // are found once it went there. Else they have to be found here. What precedes an
            // operation that has to come first can not come later than this one either.
            let is_first = is_limited && limits.order(number, pending);
            let covers = is_first
                || !may_wait
                || (self.rests_since(pending.task, number) && was_enabled(number));
            if !is_first {
                self.races.push(Race {
                    first: number,
                    second: self.taken as u32,
                    later,
                });
            }
            if covers {
                let clock = self.clocks.of(number as usize);
                covered.resize(covered.len().max(clock.len()), 0);
                for (ours, theirs) in covered.iter_mut().zip(clock) {
                    *ours = (*ours).max(*theirs);
                }
            }
        }
        self.covered = covered;
    }

    /// The numbers of the events that follow event `number` and do not depend on it.
    pub(super) fn independent_of(&self, number: usize) -> impl Iterator<Item = usize> {
        (number + 1..self.taken).filter(move |later| !self.depends(*later, number))
    }

    /// Whether the event with this number is a direct cause of a later one.
    pub(super) fn causes(&self, number: usize, later: &Event) -> bool {
        self.spawned(number, later.task) || self.steps[number].event.causes(later)
    }

    /// Whether the event with this number is the last before its task created another.
    pub(super) fn spawned(&self, number: usize, task: TaskId) -> bool {
        self.spawners[usize::from(task.0)] as usize == number + 1
    }

    /// How the operation with this number relates to a later one.
    pub(super) fn relation(&self, number: usize, later: &Event) -> Relation {
        match (self.steps[number].event.action, later.action) {
            (
                Action::Turn { op, object, .. },
                Action::Turn {
                    op: later_op,
                    object: later_object,
                    ..
                },
            ) if object == later_object => op.before(later_op),
            _ => Relation::Independent,
        }
    }

    /// Whether event `later` depends on event `number` before it.
    pub(super) fn depends(&self, later: usize, number: usize) -> bool {
        let step = &self.steps[number];
        component(self.clocks.of(later), step.event.task) >= step.index
    }
}

/// A component of a clock; those beyond its end are 0.
fn component(clock: &[u32], task: TaskId) -> u32 {
    clock.get(usize::from(task.0)).copied().unwrap_or(0)
}
