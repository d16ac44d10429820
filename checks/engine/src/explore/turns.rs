//! The layer between shuttle and a search strategy.
//!
//! shuttle asks for the next task at every switch. Most switches need no decision: a task whose
//! next operation nobody could notice just goes on, and a task whose operation is not enabled can
//! not be taken. What is left, at least one enabled announced operation, is a *turn*, and the
//! strategy ([`Policy`]) decides it. This layer also tells a deadlock and a livelock when it sees
//! one, keeps the list of decisions, and winds up executions that are abandoned.

use super::{Decision, StoppedBy};
use cutpoint_event::pending::{self, Pending};
use cutpoint_event::{Class, Key, Log, ObjectId, Op, TaskId, What, log};
use shuttle_engine::scheduler::{Schedule, Scheduler, Task};
use std::cell::Cell;
use std::fmt::Write;

/// Stands for everything that plain shuttle types do.
static PLAIN: Class = Class::new("plain shuttle operation");

/// What makes a scenario impossible to enumerate.
pub(super) const DRAWS_RANDOM: &str = "the scenario draws random numbers from shuttle";

/// What makes turns do more than their operations say.
pub(super) const PLAIN_TYPES: &str =
    "plain shuttle types show in some parts of the search only: say beforehand that they are used";

/// How many switches an abandoned execution may take to unwind: enough for every task to reach its
/// next operation, and a bound for tasks that never announce one.
const UNWINDING_STEPS: u32 = 2_000;

thread_local! {
    /// Whether the main task's body has ended, so that only its end remains.
    static MAIN_ENDED: Cell<bool> = const { Cell::new(false) };
}

/// Says that the main task has nothing left to do. Its end waits until all others have ended,
/// because shuttle drops tasks that are detached when the main task ends.
pub(super) fn main_ended(ended: bool) {
    MAIN_ENDED.set(ended);
}

/// A task that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) task: TaskId,
    pub(super) op: Op,
    pub(super) object: ObjectId,
    pub(super) enabled: bool,
}

/// A strategy's decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// The task goes on.
    Run(TaskId),
    /// The execution is of no more use: everything that could go on was explored elsewhere.
    Blocked,
    /// The strategy can not go on.
    Stop(StoppedBy),
}

/// A search strategy.
pub(super) trait Policy: 'static {
    /// Prepares the next execution. `false` if there is none.
    fn begin(&mut self) -> bool;

    /// Sees every task that can run, in order of their numbers, before anything else is asked: when
    /// a task appears here first, its parent has done nothing since it spawned it.
    fn meet(&mut self, tasks: &[&Task]) {
        let _ = tasks;
    }

    /// Whether the strategy relies on turns to do nothing that other tasks could notice besides
    /// their operations, so that it can not go on where plain shuttle types are used.
    fn reduces(&self) -> bool {
        false
    }

    /// Decides a turn. At least one of the moves is enabled; they are in order of their tasks.
    fn pick(&mut self, moves: &[Move], current: TaskId, tasks: &[&Task]) -> Pick;

    /// Decides a choice with this many alternatives.
    fn choose(&mut self, name: &'static str, of: u64) -> u64;

    /// Answers a request for random data that is no choice, if the strategy draws at random anyway.
    fn data(&mut self) -> Option<u64> {
        None
    }

    /// Nobody can go on. `moves` is empty unless somebody waits.
    fn ended(&mut self, moves: &[Move]) {
        let _ = moves;
    }

    /// The state to go on from, with the next execution prepared, if the strategy has such a thing.
    fn save(&self) -> Option<super::dpor::PathState> {
        None
    }

    /// Whether the execution that is over, and was not given up, is to be left to another part of
    /// the search. Asked once.
    fn is_elsewhere(&mut self) -> bool {
        false
    }

    /// An execution that was not given up is over; this is what it did.
    fn completed(&mut self, log: &Log) {
        let _ = log;
    }
}

/// A strategy as a shuttle scheduler.
#[derive(Debug)]
pub(super) struct Turns<P> {
    pub(super) policy: P,
    pub(super) schedule: Vec<Decision>,
    pub(super) steps: u64,
    /// Turns that went to another task although the one before could go on.
    pub(super) preemptions: u32,
    pub(super) blocked: bool,
    pub(super) deadlocked: bool,
    pub(super) stop: Option<StoppedBy>,
    /// What the scenario did, in any execution so far, that the strategy can not enumerate.
    pub(super) unsupported: Option<&'static str>,
    /// Whether the strategy is to be told that the scenario uses plain shuttle types.
    pub(super) has_met_plain_types: bool,
    max_steps: u64,
    moves: Vec<Move>,
    current: TaskId,
    /// Whether the scenario is known to use plain shuttle types.
    has_plain_types: bool,
    /// The number of tasks seen in this execution.
    tasks: u16,
    /// Who had the last turn.
    last: Option<TaskId>,
    plain: Option<ObjectId>,
    unwinding: u32,
    /// State of the stream that answers requests for random data that are no choices.
    noise: u64,
}

impl<P: Policy> Turns<P> {
    pub(super) fn new(policy: P, max_steps: u64, has_plain_types: bool) -> Turns<P> {
        Turns {
            policy,
            schedule: Vec::new(),
            steps: 0,
            preemptions: 0,
            blocked: false,
            deadlocked: false,
            stop: None,
            unsupported: None,
            has_met_plain_types: false,
            max_steps,
            moves: Vec::new(),
            current: TaskId(0),
            has_plain_types,
            tasks: 0,
            last: None,
            plain: None,
            unwinding: 0,
            noise: 0,
        }
    }

    /// Prepares the next execution. `false` if there is none.
    pub(super) fn begin(&mut self) -> bool {
        self.clear();
        self.policy.begin()
    }

    /// Forgets the execution before.
    pub(super) fn clear(&mut self) {
        self.schedule.clear();
        self.steps = 0;
        self.preemptions = 0;
        self.tasks = 0;
        self.last = None;
        self.blocked = false;
        self.deadlocked = false;
        self.current = TaskId(0);
        self.plain = None;
        self.unwinding = 0;
        self.noise = 0;
        main_ended(false);
    }

    /// Collects the moves. Answers a task that needs no decision, if there is one.
    fn collect(&mut self, tasks: &[&Task]) -> Option<TaskId> {
        self.moves.clear();
        let mut local = None;
        for task in tasks {
            let task = TaskId(usize::from(task.id()) as u16);
            let (op, object) = match pending::get(task) {
                Pending::Local if task == self.current => return Some(task),
                Pending::Local => {
                    local = local.or(Some(task));
                    continue;
                }
                Pending::Op { op, object } => (op, object),
                Pending::Unannounced => (Op::Unannounced, self.plain()),
            };
            let enabled = pending::is_enabled(task);
            self.moves.push(Move {
                task,
                op,
                object,
                enabled,
            });
        }
        if local.is_none() && self.has_plain_types {
            self.collect_blocked();
        }
        local
    }

    /// The object that stands for everything that plain shuttle types do.
    fn plain(&mut self) -> ObjectId {
        *self
            .plain
            .get_or_insert_with(|| log::register(&PLAIN, Key::Only))
    }

    /// Whether one of the moves is inside a plain shuttle type, or the task that ran now waits
    /// there. Every use of one shows as either, but taking a wake-up token that is there already;
    /// to hand it out does.
    fn meets_plain_types(&self, tasks: &[&Task]) -> bool {
        let id = |task: &&Task| TaskId(usize::from(task.id()) as u16);
        self.moves.iter().any(|turn| turn.op == Op::Unannounced)
            || (pending::get(self.current) == Pending::Unannounced
                && !tasks.iter().any(|task| id(task) == self.current))
    }

    /// shuttle saw a deadlock before a turn could be decided: everybody waits inside plain shuttle
    /// types.
    pub(super) fn deadlock(&mut self) {
        self.deadlocked = true;
        if pending::is_abandoned() {
            return;
        }
        self.has_met_plain_types |= self.policy.reduces();
        self.moves.clear();
        self.collect_blocked();
        self.policy.ended(&self.moves);
    }

    /// Adds the tasks that wait inside plain shuttle types, of which shuttle says nothing, to the
    /// moves. Those that shuttle started and that have ended can not be told from them.
    fn collect_blocked(&mut self) {
        let object = self.plain();
        for task in (0..self.tasks).map(TaskId) {
            let is_there = self.moves.iter().any(|turn| turn.task == task);
            if !is_there && pending::get(task) == Pending::Unannounced {
                self.moves.push(Move {
                    task,
                    op: Op::Unannounced,
                    object,
                    enabled: false,
                });
            }
        }
        self.moves.sort_by_key(|turn| turn.task);
    }

    /// Whether a turn of this task keeps the last one from going on.
    fn preempts(&self, task: TaskId) -> bool {
        let leaves = self.last.filter(|last| *last != task);
        let mut moves = self.moves.iter();
        leaves.is_some_and(|last| moves.any(|turn| turn.task == last && turn.enabled))
    }

    /// Lets `task` go on.
    fn run(&mut self, task: TaskId) -> Option<shuttle_engine::scheduler::TaskId> {
        self.current = task;
        log::set_current_task(task);
        if pending::get(task) == Pending::Local {
            // Unless it announces something, what it does next is anyone's guess.
            pending::set(task, Pending::Unannounced);
        }
        Some(usize::from(task.0).into())
    }

    /// Ends the execution: from now on tasks only unwind.
    fn give_up(&mut self, tasks: &[&Task]) -> Option<shuttle_engine::scheduler::TaskId> {
        pending::abandon();
        self.unwind(tasks)
    }

    /// Lets a task unwind: one that will, before one that may not notice; the main task last, since
    /// its end is everyone's.
    fn unwind(&mut self, tasks: &[&Task]) -> Option<shuttle_engine::scheduler::TaskId> {
        self.unwinding += 1;
        if self.unwinding > UNWINDING_STEPS {
            return None;
        }
        let ids = tasks
            .iter()
            .rev()
            .map(|task| TaskId(usize::from(task.id()) as u16));
        let will_unwind = |task: &TaskId| pending::get(*task) != Pending::Unannounced;
        let next = ids
            .clone()
            .filter(|task| task.0 != 0)
            .find(will_unwind)
            .or_else(|| {
                // In turn, because one of them may wait for another.
                let others = ids.clone().filter(|task| task.0 != 0);
                others
                    .clone()
                    .find(|task| *task < self.current)
                    .or_else(|| others.clone().next())
            })
            .or_else(|| ids.clone().next())?;
        self.run(next)
    }
}

impl<P: Policy> Scheduler for Turns<P> {
    fn new_execution(&mut self) -> Option<Schedule> {
        // The driver makes executions itself and never asks.
        None
    }

    fn next_task(
        &mut self,
        tasks: &[&Task],
        _current: Option<shuttle_engine::scheduler::TaskId>,
        _is_yielding: bool,
    ) -> Option<shuttle_engine::scheduler::TaskId> {
        if pending::is_abandoned() {
            return self.unwind(tasks);
        }
        self.steps += 1;
        if self.steps > self.max_steps {
            let expected = "the execution ends".to_owned();
            log::finding("livelock", expected, running(self.max_steps, tasks));
            return self.give_up(tasks);
        }
        let main_waits = MAIN_ENDED.get() && tasks.len() > 1 && usize::from(tasks[0].id()) == 0;
        let tasks = if main_waits { &tasks[1..] } else { tasks };
        self.policy.meet(tasks);
        let known = tasks.last().map_or(0, |task| usize::from(task.id()) + 1);
        self.tasks = self.tasks.max(known as u16);
        let local = self.collect(tasks);
        if self.policy.reduces() && self.meets_plain_types(tasks) {
            self.has_met_plain_types = true;
            return self.give_up(tasks);
        }
        if let Some(task) = local {
            return self.run(task);
        }
        if !self.moves.iter().any(|turn| turn.enabled) {
            self.policy.ended(&self.moves);
            self.deadlocked = true;
            let expected = "every task ends".to_owned();
            log::finding("deadlock", expected, waiting(&self.moves));
            return self.give_up(tasks);
        }
        match self.policy.pick(&self.moves, self.current, tasks) {
            Pick::Run(task) => {
                self.schedule.push(Decision::Task(task));
                self.preemptions += u32::from(self.preempts(task));
                self.last = Some(task);
                let is_plain = pending::get(task) == Pending::Unannounced;
                let next = self.run(task);
                if is_plain {
                    let object = self.plain();
                    log::record(What::Op {
                        op: Op::Unannounced,
                        object,
                    });
                }
                next
            }
            Pick::Blocked => {
                self.blocked = true;
                self.give_up(tasks)
            }
            Pick::Stop(stop) => {
                self.stop = Some(stop);
                self.give_up(tasks)
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        match pending::choice() {
            Some((name, of)) => {
                let value = self.policy.choose(name, of);
                self.schedule.push(Decision::Choice { name, value });
                value
            }
            None => self.policy.data().unwrap_or_else(|| {
                // Random data has no number of alternatives that one could enumerate.
                self.unsupported = Some(DRAWS_RANDOM);
                self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
                self.noise.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7
            }),
        }
    }
}

/// Says who waits for what.
fn waiting(moves: &[Move]) -> String {
    log::with(|log| {
        let mut text = String::new();
        for (i, turn) in moves.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            let task = log.tasks.get(usize::from(turn.task.0));
            let task = task.map_or("a task", String::as_str);
            let op = turn.op;
            // Writing to a string can not fail.
            let _ = match log.objects.get(turn.object.0 as usize) {
                Some(object) => write!(text, "{separator}{task} waits: {op:?} of {object}"),
                None => write!(text, "{separator}{task} waits: {op:?}"),
            };
        }
        text
    })
}

fn running(steps: u64, tasks: &[&Task]) -> String {
    log::with(|log| {
        let name = |task: &&Task| match log.tasks.get(usize::from(task.id())) {
            Some(name) => name.clone(),
            None => format!("task {}", usize::from(task.id())),
        };
        let names: Vec<String> = tasks.iter().map(name).collect();
        format!("{steps} steps, and still running: {}", names.join(", "))
    })
}
