//! Who holds what when somebody waits: one pass over a log.

use crate::clock::{Clocks, DECLARED};
use cutpoint_event::{Log, ObjectId, Op, TaskId, What};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a lock is held, or what a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// With others: excludes only exclusive holds.
    Shared,
    /// Alone.
    Exclusive,
}

impl Mode {
    /// Whether a wait for this has to wait for a hold of that mode.
    pub fn is_blocked_by(self, hold: Mode) -> bool {
        self == Mode::Exclusive || hold == Mode::Exclusive
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Shared => "shared",
            Mode::Exclusive => "exclusive",
        })
    }
}

/// A lock that a task holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub object: ObjectId,
    pub mode: Mode,
    /// The event that took it.
    pub since: usize,
    pub kind: Kind,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A lock: the hold keeps others out.
    Lock,
    /// A gate: a place inside, or the right to open it again. Neither keeps the other out.
    Gate,
    /// The duty to clear a flag or a count.
    Duty,
}

/// A wait that came to its end.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    pub task: TaskId,
    pub event: usize,
    pub object: ObjectId,
    pub mode: Mode,
    /// Whether the task then holds the object exclusively.
    pub keeps_exclusively: bool,
    /// What the task held while it waited.
    pub holds: &'a [Hold],
}

/// A flag or a count that a task will clear: held by it from where it may have been raised.
#[derive(Clone, Copy, Debug)]
struct Promise {
    task: TaskId,
    hold: Hold,
    /// The task's events after this number of them, and before that one.
    after: u32,
    before: u32,
}

/// Something raised that nobody has cleared yet.
#[derive(Clone, Copy, Debug)]
struct Raised {
    object: ObjectId,
    task: TaskId,
    event: usize,
}

/// The state of the pass. Keeps its memory from one log to the next.
#[derive(Debug)]
pub(super) struct Sweep {
    clocks: Clocks,
    /// Per task, how many events it has made.
    counts: Vec<u32>,
    held: Vec<Vec<Hold>>,
    promises: Vec<Promise>,
    raised: Vec<Raised>,
    /// Tries that took their lock, by event, in descending order.
    taken: Vec<usize>,
    scratch: Vec<Hold>,
}

impl Default for Sweep {
    fn default() -> Sweep {
        Sweep {
            clocks: Clocks::new(DECLARED),
            counts: Vec::new(),
            held: Vec::new(),
            promises: Vec::new(),
            raised: Vec::new(),
            taken: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Sweep {
    /// Hands every wait of a log to `visit`, with what was held meanwhile.
    pub fn run(&mut self, log: &Log, mut visit: impl FnMut(&Wait<'_>)) {
        let tasks = log.events.iter().map(|event| usize::from(event.task.0) + 1);
        let tasks = tasks.max().unwrap_or(0);
        self.find_promises(log, tasks);
        self.find_tries(log);
        self.counts.clear();
        self.counts.resize(tasks, 0);
        self.held.iter_mut().for_each(Vec::clear);
        if self.held.len() < tasks {
            self.held.resize_with(tasks, Vec::new);
        }
        for (index, event) in log.events.iter().enumerate() {
            self.counts[usize::from(event.task.0)] += 1;
            if let What::Op { op, object } = event.what {
                self.operation(index, event.task, op, object, &mut visit);
            }
        }
    }

    fn operation(
        &mut self,
        event: usize,
        task: TaskId,
        op: Op,
        object: ObjectId,
        visit: &mut impl FnMut(&Wait<'_>),
    ) {
        use Mode::{Exclusive, Shared};
        let (wait, hold) = match op {
            Op::AcquireShared => (Some(Shared), Some(Shared)),
            Op::AcquireExclusive => (Some(Exclusive), Some(Exclusive)),
            Op::TryAcquireShared | Op::TryAcquireExclusive => {
                let is_taken = self.taken.last() == Some(&event);
                if is_taken {
                    self.taken.pop();
                }
                let is_shared = op == Op::TryAcquireShared;
                let mode = if is_shared { Shared } else { Exclusive };
                (None, is_taken.then_some(mode))
            }
            // Who closed a gate holds it alone against newcomers and other closers, who do not
            // wait for those inside.
            Op::GateEnter => (Some(Shared), Some(Shared)),
            Op::GateClose => (Some(Shared), Some(Exclusive)),
            Op::GateDrain | Op::FlagAwait | Op::CountAwaitZero => (Some(Exclusive), None),
            Op::ReleaseShared | Op::GateExit => return self.give_back(task, object, Shared),
            Op::ReleaseExclusive | Op::GateOpen => return self.give_back(task, object, Exclusive),
            Op::Downgrade => return self.downgrade(task, object),
            _ => return,
        };
        if let Some(mode) = wait {
            self.gather(task);
            visit(&Wait {
                task,
                event,
                object,
                mode,
                keeps_exclusively: hold == Some(Exclusive),
                holds: &self.scratch,
            });
        }
        if let Some(mode) = hold {
            self.held[usize::from(task.0)].push(Hold {
                object,
                mode,
                since: event,
                kind: match op {
                    Op::GateEnter | Op::GateClose => Kind::Gate,
                    _ => Kind::Lock,
                },
            });
        }
    }

    /// Collects what a task holds now.
    fn gather(&mut self, task: TaskId) {
        self.scratch.clear();
        self.scratch
            .extend_from_slice(&self.held[usize::from(task.0)]);
        let now = self.counts[usize::from(task.0)];
        let theirs = self.promises.iter().filter(|promise| promise.task == task);
        let open = theirs.filter(|promise| promise.after < now && now < promise.before);
        self.scratch.extend(open.map(|promise| promise.hold));
    }

    /// Takes away the newest hold of its kind: the task's own, or one that was handed to it.
    fn give_back(&mut self, task: TaskId, object: ObjectId, mode: Mode) {
        let is_it = |hold: &Hold| hold.object == object && hold.mode == mode;
        let own = usize::from(task.0);
        let others = (0..self.held.len()).filter(|other| *other != own);
        for of in std::iter::once(own).chain(others) {
            if let Some(at) = self.held[of].iter().rposition(is_it) {
                self.held[of].remove(at);
                return;
            }
        }
    }

    fn downgrade(&mut self, task: TaskId, object: ObjectId) {
        let mut holds = self.held[usize::from(task.0)].iter_mut().rev();
        if let Some(hold) = holds.find(|hold| hold.object == object) {
            hold.mode = Mode::Shared;
        }
    }

    /// Finds who clears what: a raised flag is the next clearer's from where its raising does not
    /// come after the clearer's event any more.
    fn find_promises(&mut self, log: &Log, tasks: usize) {
        self.promises.clear();
        self.raised.clear();
        let is_raise = |what: &What| match what {
            What::Op { op, .. } => matches!(op, Op::FlagRaise | Op::CountUp),
            _ => false,
        };
        if !log.events.iter().any(|event| is_raise(&event.what)) {
            return;
        }
        self.clocks.clear();
        self.counts.clear();
        self.counts.resize(tasks, 0);
        for (index, event) in log.events.iter().enumerate() {
            let task = event.task;
            let What::Op { op, object } = event.what else {
                self.counts[usize::from(task.0)] = self.clocks.event(task);
                continue;
            };
            self.counts[usize::from(task.0)] = self.clocks.operation(task, op, object);
            match op {
                Op::FlagRaise | Op::CountUp => self.raised.push(Raised {
                    object,
                    task,
                    event: index,
                }),
                Op::FlagClear | Op::CountDown => self.clear(task, object),
                _ => {}
            }
        }
    }

    /// Pairs a clearing with its raising: the task's own newest, else the oldest.
    fn clear(&mut self, task: TaskId, object: ObjectId) {
        let own = |raised: &Raised| raised.object == object && raised.task == task;
        let any = |raised: &Raised| raised.object == object;
        let at = self.raised.iter().rposition(own);
        let Some(at) = at.or_else(|| self.raised.iter().position(any)) else {
            return;
        };
        let raised = self.raised.remove(at);
        let seen = self.clocks.of(raised.event).get(usize::from(task.0));
        self.promises.push(Promise {
            task,
            hold: Hold {
                object,
                mode: Mode::Exclusive,
                since: raised.event,
                kind: Kind::Duty,
            },
            after: seen.copied().unwrap_or(0),
            before: self.counts[usize::from(task.0)],
        });
    }

    /// Finds the tries that took their lock: the log tells by the release that follows.
    fn find_tries(&mut self, log: &Log) {
        self.taken.clear();
        let is_try = |op| matches!(op, Op::TryAcquireShared | Op::TryAcquireExclusive);
        let has_try = |what: &What| matches!(what, What::Op { op, .. } if is_try(*op));
        if !log.events.iter().any(|event| has_try(&event.what)) {
            return;
        }
        // Releases, seen from the end, of which the acquisition is still to be met.
        let mut open: Vec<(TaskId, ObjectId)> = Vec::new();
        for (index, event) in log.events.iter().enumerate().rev() {
            let What::Op { op, object } = event.what else {
                continue;
            };
            let key = (event.task, object);
            match op {
                Op::ReleaseShared | Op::ReleaseExclusive => open.push(key),
                Op::AcquireShared
                | Op::AcquireExclusive
                | Op::TryAcquireShared
                | Op::TryAcquireExclusive => {
                    if let Some(at) = open.iter().rposition(|other| *other == key) {
                        open.swap_remove(at);
                        if is_try(op) {
                            self.taken.push(index);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
