//! Checks with power cuts.

use super::session::{Body, CheckCuts, Cuts, Session};
use super::{Checker, Report};
use crate::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, CrashStats, CrashViolation, Cut,
    LazyDisk, MemoryBase, Observations, Recover,
};
use crate::disk::{Disk, Faults, Promise};
use crate::explore::{Options, Outcome, dpor};
use cutpoint_event::{Log, What};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A check with power cuts: see [`Checker::crash`].
#[derive(Clone, Debug)]
pub struct DiskChecker<R> {
    setup: Setup,
    recover: R,
    known_good: Option<Scenario<Disk>>,
}

/// What checks with power cuts have in common.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub checker: Checker,
    pub base: MemoryBase,
    pub options: CrashOptions,
    pub faults: Faults,
}

/// A scenario that is kept for later.
pub(super) struct Scenario<T>(Arc<dyn Fn(T) + Send + Sync>);

impl<T> Scenario<T> {
    pub fn new(scenario: impl Fn(T) + Send + Sync + 'static) -> Scenario<T> {
        Scenario(Arc::new(scenario))
    }

    pub fn run(&self, with: T) {
        (self.0)(with);
    }
}

impl<T> Clone for Scenario<T> {
    fn clone(&self) -> Scenario<T> {
        Scenario(self.0.clone())
    }
}

impl<T> fmt::Debug for Scenario<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scenario")
    }
}

impl Setup {
    pub fn new(checker: Checker, base: MemoryBase) -> Setup {
        Setup {
            checker,
            base,
            options: CrashOptions::default(),
            faults: Faults::default(),
        }
    }

    /// A disk for an execution of the scenario.
    pub fn disk(&self) -> Disk {
        Disk::with_faults(self.base.clone(), self.faults)
    }

    /// Runs the control if there is one, and then the check.
    pub fn run<R: Recover>(&self, recovery: &R, known_good: Option<Body>, body: Body) -> Report {
        let mut cuts = CrashChecker::new(self.options, self.base.clone());
        if let Some(known_good) = known_good
            && let Err(why) = self.control(&mut cuts, recovery, known_good)
        {
            return Session::new(&self.checker, None).broken(why, cuts.stats().clone());
        }
        let mut check = ByRecovery { cuts, recovery };
        let cuts = Cuts {
            mode: self.options.mode,
            base: &self.base,
            check: &mut check,
        };
        Session::new(&self.checker, Some(cuts)).run(body)
    }

    /// Runs a known-good scenario once, and controls the harness by it.
    fn control<R: Recover>(
        &self,
        cuts: &mut CrashChecker,
        recovery: &R,
        known_good: Body,
    ) -> Result<(), String> {
        let options = Options {
            executions: Some(1),
            ..self.checker.options.clone()
        };
        let mut result = Err("the known-good scenario does not run".into());
        let observe = &mut |execution: &crate::explore::Execution<'_>| {
            result = match execution.outcome {
                Outcome::Finished => {
                    cuts.control_by(execution.log, recovery)
                        .map_err(|failure| match failure {
                            CrashFailure::HarnessBroken(why) => why,
                            CrashFailure::Violated(violation) => violation.finding.to_string(),
                        })
                }
                _ => {
                    let finding = execution.log.findings.first();
                    let what = finding.map_or("it deadlocks", |finding| &finding.observed);
                    Err(format!("the known-good scenario does not end well: {what}"))
                }
            };
            ControlFlow::Break(())
        };
        dpor::explore(&options, move || known_good(), observe);
        result
    }
}

/// The crash engine with a recovery.
struct ByRecovery<'a, R> {
    cuts: CrashChecker,
    recovery: &'a R,
}

impl<R: Recover> CheckCuts for ByRecovery<'_, R> {
    fn check(&mut self, log: &Log) -> (Result<(), CrashFailure>, CrashStats) {
        let result = self.cuts.check(log, self.recovery);
        (result, self.cuts.stats().clone())
    }

    fn begin_again(&mut self) {
        self.cuts = self.cuts.anew(*self.cuts.options());
    }

    fn minimal(&self, log: &Log, invariant: &str) -> Option<CrashViolation> {
        // A cut that can not be made smaller is kept as it was found.
        let minimal = self.cuts.minimal(log, self.recovery, invariant);
        minimal.ok().flatten()
    }
}

impl<R> DiskChecker<R>
where
    R: Fn(&Disk, &[Promise]) -> Result<(), String>,
{
    pub(super) fn new(checker: Checker, base: MemoryBase, recover: R) -> DiskChecker<R> {
        DiskChecker {
            setup: Setup::new(checker, base),
            recover,
            known_good: None,
        }
    }

    /// How power cuts are explored: tearing, depth of cuts in recoveries, bounds.
    pub fn options(mut self, options: CrashOptions) -> DiskChecker<R> {
        self.setup.options = options;
        self
    }

    /// Lets requests fail: the explorer chooses which. None fails unless this is said. Requests of
    /// recoveries never fail.
    pub fn faults(mut self, faults: Faults) -> DiskChecker<R> {
        self.setup.faults = faults;
        self
    }

    /// Controls the check by a scenario that is known to be right and that acknowledges something.
    /// It is run once, on a disk that does not fail. With nothing lost, `recover` must find no
    /// fault; and with everything lost, so that it sees the base image and all that was
    /// acknowledged, it must find one. If not, the verdict is that the harness is broken, and
    /// nobody is accused.
    ///
    /// The scenario should not share with the code under test what is in doubt: with one that
    /// loses data even without a power cut, a real bug would pass for a broken harness.
    pub fn known_good(mut self, scenario: impl Fn(Disk) + Send + Sync + 'static) -> Self {
        self.known_good = Some(Scenario::new(scenario));
        self
    }

    /// Runs the check and reports, whatever comes of it.
    pub fn run(&self, scenario: impl Fn(Disk) + Send + Sync + 'static) -> Report {
        let setup = self.setup.clone();
        let base = self.setup.base.clone();
        let known_good = self.known_good.clone().map(|known_good| -> Body {
            Arc::new(move || known_good.run(Disk::new(base.clone())))
        });
        let body = Arc::new(move || scenario(setup.disk()));
        let recovery = Recovery(&self.recover);
        self.setup.run(&recovery, known_good, body)
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
