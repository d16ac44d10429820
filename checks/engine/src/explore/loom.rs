//! loom as the explorer: an independent judge of the other strategies, and the only one that knows
//! the C11 memory model (at atomic granularity).
//!
//! loom's search calls the closure in a loop of its own and can only be left by unwinding. So it
//! runs on a thread of its own and hands each completed execution's log to the calling thread,
//! where the observer runs, outside of loom and with the caller's stack.
//!
//! # Limits
//! - Five tasks, the main task and ended ones included.
//! - loom's main coroutine has a stack of 32 KiB, of which an overflow would look like a panic of
//!   the body. So the body gets a larger one inside that coroutine, as spawned tasks have.
//! - Choices always get 0, so a scenario that makes any is covered only for these.
//! - A finding ends the search, whatever the options say.
//! - With a preemption bound, loom leaves executions within the bound out at three tasks and more,
//!   so a bounded search is never called complete.

use super::{Execution, Explored, Found, Observer, Options, Outcome, StoppedBy};
use crate::trace_hash::TraceHasher;
use cutpoint_event::pending::{self, Pending};
use cutpoint_event::{Event, Log, TaskId, What, log};
use rt_loom::Abandoned;
use rt_shuttle::thread::panic_text;
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The decisions that loom makes room for in one execution.
const BRANCHES_MAX: usize = 20_000;

/// The stack of the body.
const STACK_BYTES: usize = 512 * 1024;

/// The payload with which a search is left before its end.
struct Leave;

/// Explores `body`, written on `rt_loom`, with at most `preemptions` preemptions in each execution
/// if a bound is given.
///
/// # Panics
/// If the system can not start a thread.
pub fn explore(
    preemptions: Option<usize>,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    // Of size 0, so that the search goes on only once the observer has answered.
    let (logs, completed) = sync_channel(0);
    let (answers, answered) = sync_channel(0);
    let granularity = options.granularity;
    let search = std::thread::Builder::new()
        .name("loom".into())
        .spawn(move || {
            pending::set_granularity(granularity);
            run(preemptions, body, Link { logs, answered })
        })
        .expect("the system starts a thread");
    let mut watch = Watch::new(options);
    let stopped = watch.attend(&completed, &answers, observe);
    // The search sees that nobody listens and ends.
    drop((completed, answers));
    let finished = search.join().is_ok_and(|exhausted| exhausted);
    watch.explored(stopped, finished && preemptions.is_none())
}

/// The search's ends of the channels.
struct Link {
    logs: SyncSender<Log>,
    answered: Receiver<Log>,
}

impl Link {
    /// Hands a log out and takes one back to write the next execution into. `false` if the search
    /// is to end.
    fn deliver(&self) -> bool {
        if self.logs.send(log::finish()).is_err() {
            return false;
        }
        match self.answered.recv() {
            Ok(spare) => {
                log::recycle(spare);
                true
            }
            Err(_) => false,
        }
    }
}

/// Runs loom on this thread. Whether it came to its end.
fn run(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static, link: Link) -> bool {
    thread_local! {
        static RUNNING: Cell<bool> = const { Cell::new(false) };
    }
    let link = std::sync::Arc::new(Mutex::new(link));
    let deliver = {
        let link = link.clone();
        move || {
            link.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .deliver()
        }
    };
    let again = deliver.clone();
    let search = catch_unwind(AssertUnwindSafe(|| {
        builder(preemptions).check(move || {
            // An execution is over when the next begins: tasks may outlive the body.
            if RUNNING.replace(true) && !again() {
                RUNNING.set(false);
                resume_unwind(Box::new(Leave));
            }
            log::start();
            pending::reset();
            rt_loom::thread::reset();
            log::set_current_task(TaskId(0));
            stacker::grow(STACK_BYTES, &body);
            pending::set(TaskId(0), Pending::Local);
        });
    }));
    if let Err(payload) = &search {
        if payload.is::<Leave>() {
            return false;
        }
        note(payload.as_ref());
    }
    if RUNNING.get() {
        deliver();
    }
    search.is_ok()
}

fn builder(preemptions: Option<usize>) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = 5;
    builder.max_branches = BRANCHES_MAX;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = preemptions;
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;
    builder.location = false;
    builder.log = false;
    builder
}

/// Makes a finding of a panic.
fn note(payload: &(dyn Any + Send)) {
    if payload.is::<Abandoned>() {
        return;
    }
    let text = panic_text(payload);
    if text.starts_with("deadlock") {
        log::finding("deadlock", "every task ends".into(), waiting());
    } else {
        log::finding("panic", "no panic".into(), text);
    }
}

/// Says who waits for what.
fn waiting() -> String {
    log::with(|log| {
        let mut text = String::new();
        for (number, name) in log.tasks.iter().enumerate() {
            if let Pending::Op { op, object } = pending::get(TaskId(number as u16)) {
                let separator = if text.is_empty() { "" } else { "; " };
                // Writing to a string can not fail.
                let _ = match log.objects.get(object.0 as usize) {
                    Some(object) => write!(text, "{separator}{name} waits: {op:?} of {object}"),
                    None => write!(text, "{separator}{name} waits: {op:?}"),
                };
            }
        }
        text
    })
}

/// The caller's side of a search.
struct Watch<'a> {
    options: &'a Options,
    started: Instant,
    executions: u64,
    steps: u64,
    hasher: TraceHasher,
    traces: BTreeSet<u128>,
    finding: Option<Found>,
}

impl<'a> Watch<'a> {
    fn new(options: &'a Options) -> Watch<'a> {
        Watch {
            options,
            started: Instant::now(),
            executions: 0,
            steps: 0,
            hasher: TraceHasher::default(),
            traces: BTreeSet::new(),
            finding: None,
        }
    }

    /// Takes logs until the search ends or is to end. Why it is to end, if so.
    fn attend(
        &mut self,
        completed: &Receiver<Log>,
        answers: &SyncSender<Log>,
        observe: Observer<'_>,
    ) -> Option<StoppedBy> {
        while let Ok(log) = completed.recv() {
            if let Some(stop) = self.take(&log, observe) {
                return Some(stop);
            }
            if answers.send(log).is_err() {
                break;
            }
        }
        None
    }

    /// Counts and shows one execution.
    fn take(&mut self, log: &Log, observe: Observer<'_>) -> Option<StoppedBy> {
        self.executions += 1;
        let is_op = |event: &&Event| matches!(event.what, What::Op { .. });
        self.steps += log.events.iter().filter(is_op).count() as u64;
        if self.options.count_traces {
            self.traces.insert(self.hasher.hash(log));
        }
        let outcome = match log.findings.first() {
            None => Outcome::Finished,
            Some(finding) if finding.invariant == "deadlock" => Outcome::Deadlock,
            Some(_) => Outcome::Finding,
        };
        let seen = observe(&Execution {
            number: self.executions,
            log,
            schedule: &[],
            outcome,
            preemptions: None,
        });
        if outcome != Outcome::Finished {
            self.finding = Some(Found {
                findings: log.findings.clone(),
                log: log.clone(),
                schedule: Vec::new(),
                preemptions: None,
            });
            return Some(StoppedBy::Finding);
        }
        if seen.is_break() {
            return Some(StoppedBy::Observer);
        }
        if (self.options.executions).is_some_and(|most| self.executions >= most) {
            return Some(StoppedBy::Executions);
        }
        let time = self.options.time?;
        (self.started.elapsed() >= time).then_some(StoppedBy::Time)
    }

    fn explored(self, stopped: Option<StoppedBy>, finished: bool) -> Explored {
        let counted = self.options.count_traces;
        let complete = finished && stopped.is_none();
        Explored {
            executions: self.executions,
            sleep_blocked: 0,
            traces_distinct: counted.then_some(self.traces.len() as u64),
            steps: self.steps,
            complete,
            preemptions_covered: None,
            stopped_by: stopped.unwrap_or(StoppedBy::Exhaustion),
            finding: self.finding,
            plain_types: false,
        }
    }
}
