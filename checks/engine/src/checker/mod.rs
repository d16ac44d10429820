//! Checks for a `#[test]`: explore a closure, and panic with a counterexample that a person can
//! read and replay.
//!
//! A [`Checker`] explores by DPOR, or with [`Checker::preemptions`] up to a bound, keeps the order
//! of locks, and with [`Checker::crash`] cuts the power in every execution. What it finds becomes a
//! trace file.
//!
//! A check that takes longer than two seconds says on a terminal how far it has come.
//!
//! # Replay
//! A failing check names a command of the form `CUTPOINT_REPLAY=path cargo test name`. With the
//! variable set, the check of that name runs the recorded schedule alone, by what its events are,
//! so it can be run on changed code. Checks of other names run as ever.

mod disk_checker;
mod history;
mod place;
mod progress;
mod report;
mod session;
mod smaller;

#[cfg(test)]
mod tests;

pub use disk_checker::DiskChecker;
pub use history::{DurableChecker, LinearizableChecker};
pub use report::Report;

use crate::crash::MemoryBase;
use crate::disk::{Disk, Promise};
use crate::explore::Options;
use crate::oracle::Specification;
use cutpoint_event::Class;
use cutpoint_event::pending::Granularity;
use session::Session;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of each task's stack, unless said otherwise.
const STACK_SIZE: usize = 1 << 18;
/// Schedules tried to make a counterexample smaller, unless said otherwise.
const ATTEMPTS: u64 = 1_000;

/// Explores every interleaving of `scenario` and panics on a violation, with the race in columns
/// and the command that replays it.
///
/// What the scenario does through [`crate::rt`] (or through plain shuttle types) is explored. A
/// panic in it, a deadlock, a livelock, an [`crate::rt::finding`], a cycle in the order of locks,
/// and a data race in what it says of memory ([`crate::rt::access`]) are violations. It must do the
/// same whenever it is run, but for those operations and choices, and should spawn its tasks from
/// one task.
///
/// # Panics
/// If there is a violation, or if the check can not be made.
#[track_caller]
pub fn check(name: &str, scenario: impl Fn() + Send + Sync + 'static) {
    Checker::new(name).check(scenario);
}

/// A check that is put together.
#[derive(Clone, Debug)]
pub struct Checker {
    name: String,
    options: Options,
    preemptions: Option<u32>,
    lock_order: bool,
    fair_locks: Vec<&'static str>,
    traces_in: Option<PathBuf>,
    replay: Option<PathBuf>,
    attempts: u64,
}

impl Checker {
    /// An exhaustive check. The name is the scenario's in traces, by which a replay finds it.
    pub fn new(name: impl Into<String>) -> Checker {
        Checker {
            name: name.into(),
            options: Options {
                stack_size: STACK_SIZE,
                ..Options::default()
            },
            preemptions: None,
            lock_order: true,
            fair_locks: Vec::new(),
            traces_in: None,
            replay: None,
            attempts: ATTEMPTS,
        }
    }

    /// Explores executions with no preemption first, then with one, up to this many; see
    /// [`crate::explore::bounded`]. The first counterexample then has as few preemptions as any
    /// has, and the check is complete for this bound, and exhaustive if nothing is beyond it.
    pub fn preemptions(mut self, most: u32) -> Checker {
        self.preemptions = Some(most);
        self
    }

    /// Stops after this many executions. The check is then not exhaustive.
    pub fn executions(mut self, most: u64) -> Checker {
        self.options.executions = Some(most);
        self
    }

    /// Stops after this time, looked at between executions. The check is then not exhaustive, and
    /// how far it comes depends on the machine.
    pub fn time(mut self, most: Duration) -> Checker {
        self.options.time = Some(most);
        self
    }

    /// How many scheduling points make an execution a livelock.
    pub fn max_steps(mut self, most: u64) -> Checker {
        self.options.max_steps = most;
        self
    }

    /// Whether the atomics inside locks that announce themselves are operations of their own.
    pub fn granularity(mut self, granularity: Granularity) -> Checker {
        self.options.granularity = granularity;
        self
    }

    /// The bytes of each task's stack.
    pub fn stack_size(mut self, bytes: usize) -> Checker {
        self.options.stack_size = bytes;
        self
    }

    /// Whether a cycle in the order of locks is a violation although no execution deadlocks. It is,
    /// unless this says no.
    pub fn lock_order(mut self, is_checked: bool) -> Checker {
        self.lock_order = is_checked;
        self
    }

    /// Says that the reader-writer locks of these classes are fair where the code really runs, so
    /// that a reader waits behind a writer that waits: a share taken under another, or twice, is
    /// then part of the order of locks too. Those of [`crate::rt`] are not fair themselves.
    pub fn fair_locks(mut self, classes: &[&'static Class]) -> Checker {
        self.fair_locks
            .extend(classes.iter().map(|class| class.name));
        self
    }

    /// Where trace files go. Unless said here, `CUTPOINT_TRACE_DIR` says so, or else they go to
    /// `cutpoint` in the build's target directory.
    pub fn traces_in(mut self, directory: impl Into<PathBuf>) -> Checker {
        self.traces_in = Some(directory.into());
        self
    }

    /// Runs the schedule of this trace alone, as `CUTPOINT_REPLAY` does for a trace of this
    /// check's name.
    pub fn replay(mut self, trace: impl Into<PathBuf>) -> Checker {
        self.replay = Some(trace.into());
        self
    }

    /// Also cuts the power, wherever it makes a difference, in every execution: the scenario gets
    /// a [`Disk`] that holds `base`, and `recover` must cope with every image that a power cut may
    /// leave of it.
    ///
    /// `recover` opens the disk as the code under test does after a crash, and judges what it finds
    /// by the promises given: what the scenario had acknowledged ([`crate::rt::acknowledged`]) when
    /// the power went, sorted. It runs on one thread, outside of any execution, so it spawns no
    /// tasks. It is called for every distinguishable image, and must do the same whenever the disk
    /// holds the same. A panic in it is a violation like an `Err`, whose text says what was
    /// observed. Promises must not be withdrawn by later ones: see [`crate::crash`].
    pub fn crash<R>(self, base: MemoryBase, recover: R) -> DiskChecker<R>
    where
        R: Fn(&Disk, &[Promise]) -> Result<(), String>,
    {
        DiskChecker::new(self, base, recover)
    }

    /// Also judges what calls returned: the scenario gets a [`Recorder`](crate::oracle::Recorder)
    /// to make its calls through, and in every execution some order of them must explain all
    /// returns by `spec`. See [`crate::oracle`].
    ///
    /// ```
    /// use cutpoint::oracle::{Recorder, Specification};
    /// use cutpoint::rt::sync::{Arc, atomic::{AtomicU32, Ordering::SeqCst}};
    ///
    /// /// Hands out 0, 1, 2, …
    /// struct Tickets;
    ///
    /// impl Specification for Tickets {
    ///     type State = u32;
    ///     type Call = ();
    ///     type Return = u32;
    ///
    ///     fn initial(&self) -> u32 {
    ///         0
    ///     }
    ///
    ///     fn apply(&self, next: &mut u32, _take: &()) -> u32 {
    ///         *next += 1;
    ///         *next - 1
    ///     }
    /// }
    ///
    /// fn two_tasks(calls: Recorder<Tickets>, take: fn(&AtomicU32) -> u32) {
    ///     let next = Arc::new(AtomicU32::new(0));
    ///     let (theirs, their_calls) = (next.clone(), calls.clone());
    ///     let other = move || their_calls.call((), || take(&theirs));
    ///     let other = cutpoint::rt::thread::spawn("other", other);
    ///     calls.call((), || take(&next));
    ///     other.join();
    /// }
    ///
    /// let checker = cutpoint::Checker::new("tickets").linearizable(Tickets);
    /// checker.check(|calls| two_tasks(calls, |next| next.fetch_add(1, SeqCst)));
    /// # let directory = std::env::temp_dir().join("cutpoint-doctest");
    /// # let checker = cutpoint::Checker::new("tickets").traces_in(&directory);
    /// # let checker = checker.linearizable(Tickets);
    /// let torn = |next: &AtomicU32| {
    ///     let ticket = next.load(SeqCst);
    ///     next.store(ticket + 1, SeqCst);
    ///     ticket
    /// };
    /// let report = checker.run(move |calls| two_tasks(calls, torn));
    /// assert!(report.to_string().contains("violates linearizability"));
    /// ```
    pub fn linearizable<S: Specification>(self, spec: S) -> LinearizableChecker<S> {
        LinearizableChecker::new(self, spec)
    }

    /// Also judges what calls returned, and what power cuts leave of their effects: the scenario
    /// gets a [`Disk`] that holds `base` and a [`Recorder`](crate::oracle::Recorder) to make its
    /// calls through. `recover` opens the disk as the code under test does after a crash and
    /// returns the state that it finds, which must be one that `spec` allows: with every call that
    /// was acknowledged durable, and perhaps others that were invoked. See [`crate::oracle`] for
    /// the rule, and [`Checker::crash`] for what `recover` must be like; an `Err` of it is a
    /// violation.
    pub fn durably_linearizable<S, R>(
        self,
        spec: S,
        base: MemoryBase,
        recover: R,
    ) -> DurableChecker<S, R>
    where
        S: Specification,
        R: Fn(&Disk) -> Result<S::State, String>,
    {
        DurableChecker::new(self, spec, base, recover)
    }

    /// Runs the check and reports, whatever comes of it.
    pub fn run(&self, scenario: impl Fn() + Send + Sync + 'static) -> Report {
        Session::new(self, None).run(Arc::new(scenario))
    }

    /// Runs the check; a violation is a panic.
    ///
    /// # Panics
    /// If there is a violation, or if the check can not be made.
    #[track_caller]
    pub fn check(&self, scenario: impl Fn() + Send + Sync + 'static) -> Report {
        self.run(scenario).expect_holds()
    }
}
