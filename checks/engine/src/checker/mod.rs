//! Checks for a `#[test]`: explore a closure, and panic with a counterexample that a person can
//! read and replay.
//!
//! A [`Checker`] explores by DPOR, or with [`Checker::preemptions`] up to a bound, keeps the order
//! of locks, and with [`Checker::crash`] cuts the power in every execution. What it finds becomes a
//! trace file.
//!
//! # Replay
//! A failing check names a command of the form `CUTPOINT_REPLAY=path cargo test name`. With the
//! variable set, the check of that name runs the recorded schedule alone, by what its events are,
//! so it can be run on changed code. Checks of other names run as ever.

mod place;
mod report;
mod session;

#[cfg(test)]
mod tests;

pub use report::Report;

use crate::crash::{CrashChecker, CrashFinding, CrashOptions, Cut, LazyDisk, MemoryBase};
use crate::crash::{Observations, Recover};
use crate::disk::{Disk, Promise};
use crate::explore::Options;
use cutpoint_event::pending::Granularity;
use cutpoint_event::{Log, What};
use session::{Cuts, Session};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of each task's stack, unless said otherwise.
const STACK_SIZE: usize = 1 << 18;

/// Explores every interleaving of `scenario` and panics on a violation, with the race in columns
/// and the command that replays it.
///
/// What the scenario does through [`crate::rt`] (or through plain shuttle types) is explored; a
/// panic in it, a deadlock, a livelock, an [`crate::rt::finding`] and a cycle in the order of locks
/// are violations. It must do the same whenever it is run, but for those operations and choices,
/// and should spawn its tasks from one task.
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
    traces_in: Option<PathBuf>,
    replay: Option<PathBuf>,
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
            traces_in: None,
            replay: None,
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
        DiskChecker {
            checker: self,
            base,
            options: CrashOptions::default(),
            recover,
        }
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

/// A check with power cuts: see [`Checker::crash`].
#[derive(Clone, Debug)]
pub struct DiskChecker<R> {
    checker: Checker,
    base: MemoryBase,
    options: CrashOptions,
    recover: R,
}

impl<R> DiskChecker<R>
where
    R: Fn(&Disk, &[Promise]) -> Result<(), String>,
{
    /// How power cuts are explored: tearing, depth of cuts in recoveries, bounds.
    pub fn options(mut self, options: CrashOptions) -> DiskChecker<R> {
        self.options = options;
        self
    }

    /// Runs the check and reports, whatever comes of it.
    pub fn run(&self, scenario: impl Fn(Disk) + Send + Sync + 'static) -> Report {
        let mut checker = CrashChecker::new(self.options, self.base.clone());
        let recovery = Recovery(&self.recover);
        let mut check = |log: &Log| {
            let result = checker.check(log, &recovery);
            (result, checker.stats().clone())
        };
        let cuts = Cuts {
            mode: self.options.mode,
            base: &self.base,
            check: &mut check,
        };
        let base = self.base.clone();
        let body = move || scenario(Disk::new(base.clone()));
        Session::new(&self.checker, Some(cuts)).run(Arc::new(body))
    }

    /// Runs the check; a violation is a panic.
    ///
    /// # Panics
    /// If there is a violation, or if the check can not be made.
    #[track_caller]
    pub fn check(&self, scenario: impl Fn(Disk) + Send + Sync + 'static) -> Report {
        self.run(scenario).expect_holds()
    }
}

/// A closure as the crash engine wants it.
struct Recovery<'a, R>(&'a R);

impl<R> Recover for Recovery<'_, R>
where
    R: Fn(&Disk, &[Promise]) -> Result<(), String>,
{
    type Promise = Promise;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Promise> {
        let acknowledged = cut.acknowledged.iter();
        let promise = |event: &usize| match &log.events.get(*event)?.what {
            What::Acknowledged { name, args } => Some(Promise { name, args: *args }),
            _ => None,
        };
        let mut promises: Vec<Promise> = acknowledged.filter_map(promise).collect();
        promises.sort();
        promises
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Promise],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let judged = (self.0)(&Disk::after_power_cut(disk.clone()), promises);
        judged.map_err(|observed| CrashFinding {
            invariant: "recovery",
            expected: "what was acknowledged is there after recovery, and nothing is torn".into(),
            observed,
        })?;
        Ok(Observations::default())
    }
}
