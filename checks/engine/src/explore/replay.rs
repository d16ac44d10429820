//! One execution, after a recorded one.
//!
//! [`by_events`] follows a recording by what its events *are*, so that it survives changes of the
//! code that leave the race itself alone; [`by_position`] follows a list of decisions, which means
//! something only to the very same code and options.

use super::drive::{Body, drive};
use super::turns::{Move, Pick, Policy};
use super::{Decision, Explored, Observer, Options, StoppedBy};
use cutpoint_event::{Log, TaskId, What, log};
use shuttle_engine::scheduler::Task;
use std::sync::Arc;

/// A recorded operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayEvent {
    /// The task's name.
    pub task: String,
    /// The kind of operation: the name of a [`cutpoint_event::Op`].
    pub op: String,
    /// The object's name, as it is displayed.
    pub object: String,
}

/// The operations of a log, and its choices, to be replayed by name.
pub fn recording(log: &Log) -> (Vec<ReplayEvent>, Vec<(String, u64)>) {
    let mut events = Vec::new();
    let mut choices = Vec::new();
    for event in &log.events {
        match &event.what {
            What::Op { op, object } => events.push(ReplayEvent {
                task: task_name(log, event.task).into(),
                op: format!("{op:?}"),
                object: object_name(log, object.0),
            }),
            What::Chosen { name, value, .. } => choices.push(((*name).into(), *value)),
            _ => {}
        }
    }
    (events, choices)
}

/// How a replay went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Recorded events and choices that did not happen again.
    pub skipped: usize,
    /// The number of the first recorded event that did not happen in its place, counting from 0.
    pub diverged_at: Option<usize>,
    /// How often a task that could have gone on was left for another.
    pub preemptions: usize,
}

/// Runs `body` once, at each turn letting a task go that brings the next recorded event closer.
///
/// Events are matched per task, in order. A recorded event that its task passes over, or whose task
/// is not there, is skipped; operations that were not recorded run when they stand in the way.
pub fn by_events(
    events: Vec<ReplayEvent>,
    choices: Vec<(String, u64)>,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> (Explored, Matched) {
    let body: Body = Arc::new(body);
    let (explored, mut follow) = drive(Follow::new(events, choices), false, options, body, observe);
    follow.finish();
    let matched = Matched {
        skipped: follow.skipped(),
        diverged_at: follow.diverged_at,
        preemptions: follow.preemptions,
    };
    (explored, matched)
}

/// Runs `body` once, by a list of decisions. `false` if they could not all be followed.
pub fn by_position(
    schedule: Vec<Decision>,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> (Explored, bool) {
    let body: Body = Arc::new(body);
    let script = Script {
        schedule,
        position: 0,
        followed: true,
        started: false,
    };
    let (explored, script) = drive(script, false, options, body, observe);
    let all = script.followed && script.position == script.schedule.len();
    (explored, all)
}

/// What became of a recorded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Happened,
    Skipped,
}

#[derive(Debug)]
struct Follow {
    events: Vec<ReplayEvent>,
    states: Vec<State>,
    choices: Vec<(String, u64)>,
    chosen: Vec<bool>,
    /// The first event that may still be waiting.
    first: usize,
    /// How much of the log has been matched.
    seen: usize,
    diverged_at: Option<usize>,
    preemptions: usize,
    started: bool,
}

impl Follow {
    fn new(events: Vec<ReplayEvent>, choices: Vec<(String, u64)>) -> Follow {
        Follow {
            states: vec![State::Waiting; events.len()],
            chosen: vec![false; choices.len()],
            events,
            choices,
            first: 0,
            seen: 0,
            diverged_at: None,
            preemptions: 0,
            started: false,
        }
    }

    /// Matches what has happened since the last turn. The log was not finished if it is empty.
    fn catch_up(&mut self, log: &Log) {
        while let Some(event) = log.events.get(self.seen) {
            self.seen += 1;
            let What::Op { op, object } = event.what else {
                continue;
            };
            let task = task_name(log, event.task);
            let (op, object) = (format!("{op:?}"), object_name(log, object.0));
            let waiting = |at: &usize| self.states[*at] == State::Waiting;
            let of_task = |at: &usize| self.events[*at].task == task;
            let same = |at: &usize| self.events[*at].op == op && self.events[*at].object == object;
            let all = self.first..self.events.len();
            let found = all.filter(waiting).filter(of_task).find(same);
            let Some(found) = found else {
                continue;
            };
            for at in self.first..found {
                if self.states[at] == State::Waiting && self.events[at].task == task {
                    self.skip(at);
                }
            }
            if (self.first..found).any(|at| self.states[at] == State::Waiting) {
                self.diverge(found);
            }
            self.states[found] = State::Happened;
            self.advance();
        }
    }

    fn advance(&mut self) {
        while self
            .states
            .get(self.first)
            .is_some_and(|state| *state != State::Waiting)
        {
            self.first += 1;
        }
    }

    fn skip(&mut self, at: usize) {
        self.states[at] = State::Skipped;
        self.diverge(at);
    }

    fn diverge(&mut self, at: usize) {
        self.diverged_at = Some(self.diverged_at.map_or(at, |first| first.min(at)));
    }

    /// The task that brings the next recorded event closer.
    fn next(&mut self, moves: &[Move], log: &Log) -> Option<TaskId> {
        let mut at = self.first;
        while at < self.events.len() {
            if self.states[at] == State::Waiting {
                let name = &self.events[at].task;
                let theirs = |turn: &&Move| task_name(log, turn.task) == name;
                match moves.iter().find(theirs) {
                    Some(turn) if turn.enabled => return Some(turn.task),
                    Some(_) => {}
                    // Its task has ended, unless it is still to be spawned.
                    None if log.tasks.iter().any(|task| task == name) => self.skip(at),
                    None => {}
                }
            }
            at += 1;
        }
        None
    }

    /// Settles what did not happen.
    fn finish(&mut self) {
        for at in 0..self.events.len() {
            if self.states[at] == State::Waiting {
                self.skip(at);
            }
        }
    }

    fn skipped(&self) -> usize {
        let events = self.states.iter().filter(|state| **state == State::Skipped);
        let choices = self.chosen.iter().filter(|chosen| !**chosen);
        events.count() + choices.count()
    }
}

impl Policy for Follow {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.started, true)
    }

    fn pick(&mut self, moves: &[Move], current: TaskId, _tasks: &[&Task]) -> Pick {
        let next = log::with(|log| {
            self.catch_up(log);
            self.advance();
            self.next(moves, log)
        });
        let able = |task: TaskId| moves.iter().any(|turn| turn.task == task && turn.enabled);
        let next = next
            .or_else(|| able(current).then_some(current))
            .or_else(|| moves.iter().find(|turn| turn.enabled).map(|turn| turn.task));
        if next != Some(current) && able(current) {
            self.preemptions += 1;
        }
        next.map_or(Pick::Blocked, Pick::Run)
    }

    fn choose(&mut self, name: &'static str, of: u64) -> u64 {
        let mut choices = self.choices.iter().zip(&mut self.chosen);
        match choices.find(|(choice, chosen)| choice.0 == name && !**chosen) {
            Some((choice, chosen)) => {
                *chosen = true;
                choice.1.min(of - 1)
            }
            None => 0,
        }
    }

    fn ended(&mut self, _moves: &[Move]) {
        log::with(|log| self.catch_up(log));
    }

    fn completed(&mut self, log: &Log) {
        self.catch_up(log);
    }
}

#[derive(Debug)]
struct Script {
    schedule: Vec<Decision>,
    position: usize,
    followed: bool,
    started: bool,
}

impl Policy for Script {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.started, true)
    }

    fn pick(&mut self, moves: &[Move], _current: TaskId, _tasks: &[&Task]) -> Pick {
        let decision = self.schedule.get(self.position).copied();
        self.position += 1;
        let able = |task: TaskId| moves.iter().any(|turn| turn.task == task && turn.enabled);
        match decision {
            Some(Decision::Task(task)) if able(task) => Pick::Run(task),
            _ => {
                self.followed = false;
                let why = "the recorded decisions do not fit the code";
                Pick::Stop(StoppedBy::Harness(why.into()))
            }
        }
    }

    fn choose(&mut self, name: &'static str, of: u64) -> u64 {
        let decision = self.schedule.get(self.position).copied();
        self.position += 1;
        match decision {
            Some(Decision::Choice {
                name: recorded,
                value,
            }) if recorded == name && value < of => value,
            _ => {
                self.followed = false;
                0
            }
        }
    }
}

fn task_name(log: &Log, task: TaskId) -> &str {
    let name = log.tasks.get(usize::from(task.0));
    name.map_or("", String::as_str)
}

fn object_name(log: &Log, object: u32) -> String {
    let name = log.objects.get(object as usize);
    name.map_or_else(String::new, ToString::to_string)
}
