//! The events of the execution so far, and which of them race.
//!
//! Two operations race if they conflict, are not ordered by anything between them, and the later
//! one could go first. Races are noticed when the later operation is about to run, or waits at the
//! end; the other order is planned when the execution is over (see [`super::races`]).

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
    /// The number of each task's last event, plus one.
    latest: Vec<u32>,
    /// The last operation on each object.
    last: Vec<u32>,
    /// Who has used each object.
    users: Vec<Tasks>,
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
            latest: Vec::new(),
            last: Vec::new(),
            users: Vec::new(),
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
        self.latest.clear();
        self.last.clear();
        self.users.clear();
    }

    /// Lets a task start where its parent is now.
    pub(super) fn inherit(&mut self, task: TaskId, parent: TaskId) {
        self.clocks.inherit(task, parent);
        let past = self.pasts[usize::from(parent.0)];
        self.pasts.resize(usize::from(task.0) + 1, 0);
        self.pasts[usize::from(task.0)] = mix(past, u64::from(task.0));
    }

    /// Adds an operation.
    pub(super) fn take(&mut self, taken: &Move) {
        let object = place(taken.object);
        if object >= self.last.len() {
            self.last.resize(object + 1, NOTHING);
            self.users.resize(object + 1, 0);
        }
        let index = self.clocks.operation(taken.task, taken.op, taken.object);
        if self.taken == self.steps.len() {
            let event = Event::of(taken, name(taken.object));
            let state = self.state_now(&event);
            self.steps.push(Step {
                event,
                index,
                hash: mix(self.pasts[usize::from(taken.task.0)], state),
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

    /// Stands for an operation and what some of the events made of its object. Whether it is
    /// enabled is decided by this number: the state of an object follows from what was done to
    /// it, each time with the past of who did it, and that an operation may go on follows from
    /// the state, its kind, and its task.
    pub(super) fn state_for(&self, later: &Event, events: impl Iterator<Item = usize>) -> u64 {
        let Action::Turn { op, object, name } = later.action else {
            return 0;
        };
        let on_object = |step: &&Step| {
            matches!(step.event.action, Action::Turn { object: other, .. } if other == object)
                && step.event.causes(later)
        };
        let steps = events.map(|number| &self.steps[number]);
        let sum = steps
            .filter(on_object)
            .fold(0_u64, |sum, step| sum.wrapping_add(mix(step.hash, 1)));
        mix(mix(sum, name), u64::from(later.task.0) << 8 | op as u64)
    }

    /// As [`History::state_for`], after all events so far.
    pub(super) fn state_now(&self, later: &Event) -> u64 {
        self.state_for(later, 0..self.taken)
    }

    /// Whether a task has done nothing since before the event with this number.
    fn rests_since(&self, task: TaskId, event: u32) -> bool {
        let latest = self.latest.get(usize::from(task.0));
        latest.is_none_or(|latest| *latest <= event)
    }

    /// Notices the operations that race with `pending`, which is about to run or waits for ever.
    /// `was_enabled` says whether it could have run at an event at which it waited already.
    pub(super) fn find_races(&mut self, pending: &Move, was_enabled: impl Fn(u32) -> bool) {
        let object = place(pending.object);
        let Some(&last) = self.last.get(object) else {
            return;
        };
        let later = Event::of(pending, name(pending.object));
        let others = self.users[object] & !only(pending.task);
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
            } else if RACING[pending.op as usize] & (1 << op as usize) != 0 {
                self.races.push(Race {
                    first: number,
                    second: self.taken as u32,
                    later,
                });
                // Where the later operation surely can go, races with what precedes the earlier one
                // are found once it went there. Else they have to be found here.
                let surely = !pending.op.may_block()
                    || (self.rests_since(pending.task, number) && was_enabled(number));
                if surely {
                    let clock = self.clocks.of(number as usize);
                    covered.resize(covered.len().max(clock.len()), 0);
                    for (ours, theirs) in covered.iter_mut().zip(clock) {
                        *ours = (*ours).max(*theirs);
                    }
                }
            }
        }
        self.covered = covered;
    }

    /// The numbers of the events that follow event `number` and do not depend on it.
    pub(super) fn independent_of(&self, number: usize) -> impl Iterator<Item = usize> {
        let step = &self.steps[number];
        (number + 1..self.taken)
            .filter(|later| component(self.clocks.of(*later), step.event.task) < step.index)
    }
}

fn name(object: ObjectId) -> u64 {
    log::with(|log| log.objects.get(object.0 as usize).map_or(0, name_of))
}

/// A component of a clock; those beyond its end are 0.
fn component(clock: &[u32], task: TaskId) -> u32 {
    clock.get(usize::from(task.0)).copied().unwrap_or(0)
}
