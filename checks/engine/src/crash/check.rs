//! Crash checking of executions: cuts, cases, recoveries, findings.
//!
//! A [`CrashChecker`] is fed the log of every finished execution. It visits the cuts of the log,
//! drops the crash cases that it has judged before, in this execution or an earlier one, and runs
//! recovery and the oracle on every distinguishable image of the rest; and, as deep as asked for,
//! on the crash cases of recovery itself.

use super::candidates::{Base, CrashCase, Ground, Tear};
use super::frontier::{Cut, CutMode, LogError, Persistence};
use super::images::{Stopped, explore_images};
use super::lazy::LazyDisk;
use super::memory::{Fingerprint, Memory};
use super::outcome::{
    CrashFailure, CrashFinding, CrashStats, CrashViolation, Observations, RecoveryCrash,
};
use super::state::{CaseCounts, Ledger};
use cutpoint_event::Log;
use std::any::Any;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What to explore of power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashOptions {
    /// Which cuts, in executions and in recoveries.
    pub mode: CutMode,
    /// How writes tear.
    pub tear: Tear,
    /// How many times recovery itself is cut off: 0 for never.
    pub recovery_crashes: u32,
    /// At most this many writes are uncertain at a cut; older ones are taken to have reached the
    /// medium. A bound: see [`CrashStats::cases_bounded`].
    pub in_flight_max: Option<usize>,
    /// At most this many recoveries per crash case. A bound as well.
    pub recoveries_per_case_max: Option<u64>,
    /// How many cases are remembered.
    pub memory_entries_max: usize,
}

impl Default for CrashOptions {
    /// Every frontier, whole blocks, recovery cut off once, no bounds, a million cases remembered.
    fn default() -> CrashOptions {
        CrashOptions {
            mode: CutMode::Frontier,
            tear: Tear::Block,
            recovery_crashes: 1,
            in_flight_max: None,
            recoveries_per_case_max: None,
            memory_entries_max: 1_000_000,
        }
    }
}

/// What the checker needs to know about the code under test.
pub trait Recover {
    /// Something that must hold after recovery, like "file 3 has these bytes".
    type Promise: Hash + Clone;

    /// The promises at a cut, usually from its [`Cut::acknowledged`] events. They must follow from
    /// what is in the cut, be in an order that does not depend on the interleaving (or cases are
    /// judged more than once), and say everything about the history that the oracle needs.
    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Self::Promise>;

    /// Recovers the disk, calls [`LazyDisk::seal`], and judges what is there. `depth` is 0 for the
    /// first recovery and 1 for the one after a power cut in it. Must be a deterministic function
    /// of what it reads; a panic becomes a finding.
    ///
    /// # Errors
    /// What is wrong.
    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Self::Promise],
        depth: u32,
    ) -> Result<Observations, CrashFinding>;

    /// Checks, on the image that an execution left without any power cut, that the harness works,
    /// by means as independent of the code under test as can be had. If this fails, nobody is
    /// accused. There is none unless it is written: code that loses data even without a power cut
    /// fails whatever looks for the data, and that is its fault.
    ///
    /// # Errors
    /// What is wrong with the harness.
    fn control(&self, _disk: &LazyDisk, _log: &Log) -> Result<(), String> {
        Ok(())
    }

    /// Checks, on the base image that nobody has written to and with the promises of an execution
    /// in which nothing has happened, that the harness works. If this fails, nobody is accused.
    /// Recovers and judges, unless written otherwise. See "Controls" in the documentation of
    /// [`crate::crash`].
    ///
    /// # Errors
    /// What is wrong with the harness.
    fn control_of_base(&self, disk: &LazyDisk, promises: &[Self::Promise]) -> Result<(), String> {
        match self.recover_and_judge(disk, promises, 0) {
            Ok(_) => Ok(()),
            Err(finding) => Err(finding.to_string()),
        }
    }
}

/// Checks executions for power cuts, and remembers what it judged.
#[derive(Debug)]
pub struct CrashChecker {
    options: CrashOptions,
    ground: Ground,
    pub(super) memory: Memory,
    pub(super) controls: Memory,
    pub(super) is_base_controlled: bool,
    pub(super) stats: CrashStats,
    pub(super) ledger: Option<Ledger>,
    /// The counts of the case that is judged, and of those that led to it.
    open: Vec<CaseCounts>,
}

/// A crash case on its way through the checker.
pub(super) struct Visit<'a, P> {
    pub case: Arc<CrashCase>,
    pub promises: &'a [P],
    pub cut: &'a Cut,
}

impl CrashChecker {
    /// A checker of executions that start with `base` on the device, durably.
    pub fn new(options: CrashOptions, base: impl Base) -> CrashChecker {
        CrashChecker::on(options, Ground::new(Arc::new(base), options.tear))
    }

    /// A checker of the same executions, with other options, that knows no case yet.
    pub fn anew(&self, options: CrashOptions) -> CrashChecker {
        CrashChecker {
            is_base_controlled: self.is_base_controlled,
            ..CrashChecker::on(options, self.ground.torn_at(options.tear))
        }
    }

    fn on(options: CrashOptions, ground: Ground) -> CrashChecker {
        CrashChecker {
            options,
            ground,
            memory: Memory::new(options.memory_entries_max),
            controls: Memory::new(options.memory_entries_max),
            is_base_controlled: false,
            stats: CrashStats::default(),
            ledger: None,
            open: Vec::new(),
        }
    }

    /// What was explored so far.
    pub fn stats(&self) -> &CrashStats {
        &self.stats
    }

    /// The options.
    pub fn options(&self) -> &CrashOptions {
        &self.options
    }

    /// Checks one finished execution: every crash case that is not known yet.
    ///
    /// # Errors
    /// The first finding, or that the harness is broken.
    pub fn check<R: Recover>(&mut self, log: &Log, recover: &R) -> Result<(), CrashFailure> {
        if self.options.mode == CutMode::Off {
            return Ok(());
        }
        self.control_of_base(recover)?;
        let persistence = Persistence::of(log)?;
        let versions = self.ground.versions(&persistence, 0)?;
        let ground = CrashCase::untouched(&self.ground);
        self.control(ground.without_crash(&persistence, &versions), log, recover)?;
        let in_flight_max = self.options.in_flight_max;
        let mut result = Ok(());
        let _ = persistence.cuts(self.options.mode, |cut| {
            let case = Arc::new(ground.after(&persistence, &versions, &cut, in_flight_max));
            let promises = recover.promises(log, &cut);
            let visit = Visit {
                case,
                promises: &promises,
                cut: &cut,
            };
            let is_bounded = self.is_bounded(&cut);
            result = self.case(&visit, is_bounded, &mut Vec::new(), recover);
            flow(&result)
        });
        result
    }

    /// Controls the harness by an execution that the caller knows to be right: its image with
    /// nothing lost must be recovered and pass, and the base image, on which all that it promised
    /// is lost, must not. Call it before [`CrashChecker::check`], with an execution that does not
    /// come from the code under suspicion, and that promises something.
    ///
    /// # Errors
    /// That the harness is broken; never a violation.
    pub fn control_by<R: Recover>(&mut self, log: &Log, recover: &R) -> Result<(), CrashFailure> {
        self.control_of_base(recover)?;
        let persistence = Persistence::of(log)?;
        let versions = self.ground.versions(&persistence, 0)?;
        let promises = recover.promises(log, &persistence.everything());
        let base = CrashCase::untouched(&self.ground);
        let kept = base.without_crash(&persistence, &versions);
        self.stats.controls_run += 2;
        let judge = |case| run(recover, &LazyDisk::new(Arc::new(case)), &promises, 0);
        if let Err(finding) = judge(kept) {
            let why = format!("the known-good execution fails although nothing is lost: {finding}");
            return Err(CrashFailure::HarnessBroken(why));
        }
        match judge(base) {
            Err(_) => Ok(()),
            Ok(_) => Err(CrashFailure::HarnessBroken(
                "the oracle accepts the base image, on which everything is lost that the \
                 known-good execution promised"
                    .into(),
            )),
        }
    }

    /// Runs the control on the base image, once.
    fn control_of_base<R: Recover>(&mut self, recover: &R) -> Result<(), CrashFailure> {
        if std::mem::replace(&mut self.is_base_controlled, true) {
            return Ok(());
        }
        let disk = LazyDisk::new(Arc::new(CrashCase::untouched(&self.ground)));
        let nothing = Log::default();
        let cut = Persistence::of(&nothing)?.everything();
        let control = || recover.control_of_base(&disk, &recover.promises(&nothing, &cut));
        self.run_control("on the base image, to which nothing was written,", control)
    }

    /// The crash case of a cut.
    pub(super) fn case_after(
        &self,
        persistence: &Persistence,
        cut: &Cut,
    ) -> Result<CrashCase, LogError> {
        let versions = self.ground.versions(persistence, 0)?;
        let ground = CrashCase::untouched(&self.ground);
        Ok(ground.after(persistence, &versions, cut, self.options.in_flight_max))
    }

    /// Judges all images of a case, whatever was judged before.
    pub(super) fn judge_alone<R: Recover>(
        &mut self,
        visit: &Visit<'_, R::Promise>,
        recover: &R,
    ) -> Result<(), CrashFailure> {
        self.memory = Memory::new(self.options.memory_entries_max);
        self.case(visit, false, &mut Vec::new(), recover)
    }

    /// Runs the control on the image of an execution without a power cut, once per image.
    fn control<R: Recover>(
        &mut self,
        case: CrashCase,
        log: &Log,
        recover: &R,
    ) -> Result<(), CrashFailure> {
        if !self.controls.is_new(case.fingerprint()) {
            return Ok(());
        }
        let disk = LazyDisk::new(Arc::new(case));
        self.run_control("without a power cut", || recover.control(&disk, log))
    }

    fn run_control(
        &mut self,
        which: &str,
        control: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), CrashFailure> {
        self.stats.controls_run += 1;
        let result = catch_unwind(AssertUnwindSafe(control));
        let result = result.unwrap_or_else(|panic| Err(panic_message(&*panic)));
        result.map_err(|reason| {
            CrashFailure::HarnessBroken(format!("the control {which} fails: {reason}"))
        })
    }

    /// Judges all images of a case unless it is known; `crashes` are the power cuts in recoveries
    /// that led to it.
    fn case<R: Recover>(
        &mut self,
        visit: &Visit<'_, R::Promise>,
        is_bounded: bool,
        crashes: &mut Vec<RecoveryCrash>,
        recover: &R,
    ) -> Result<(), CrashFailure> {
        self.stats.crash_frontiers += 1;
        if let Some(outer) = self.open.last_mut() {
            outer.cuts += 1;
        }
        let depth = crashes.len() as u32;
        let mut fingerprint = Fingerprint::new();
        fingerprint.write_u128(visit.case.fingerprint());
        visit.promises.hash(&mut fingerprint);
        fingerprint.write_u32(depth);
        if !self.memory.is_new(fingerprint.value()) {
            return Ok(());
        }
        self.stats.cases_forgotten = self.memory.forgotten();
        self.stats.crash_cases += 1;
        let states = &mut self.stats.crash_states_covered;
        *states = states.saturating_add(visit.case.states());
        self.open.push(CaseCounts {
            states: visit.case.states(),
            ..CaseCounts::default()
        });
        let runs_max = self.options.recoveries_per_case_max;
        let explored = explore_images(&visit.case, runs_max, |disk| {
            self.stats.recoveries_run += 1;
            let observations = run(recover, disk, visit.promises, depth);
            let observations = observations.map_err(|finding| {
                CrashFailure::Violated(violation(finding, visit, disk, crashes))
            })?;
            self.stats.observations.add(&observations);
            if let Some(counts) = self.open.last_mut() {
                counts.recoveries += 1;
                counts.observations.add(&observations);
            }
            if depth < self.options.recovery_crashes {
                self.crash_recovery(visit, disk, crashes, recover)?;
            }
            Ok(())
        });
        let counts = self.open.pop();
        match explored {
            Ok(explored) => {
                let is_bounded = is_bounded || !explored.is_complete;
                self.stats.cases_bounded += u64::from(is_bounded);
                if let (Some(ledger), Some(mut counts)) = (&mut self.ledger, counts) {
                    counts.is_bounded = is_bounded;
                    ledger.0.insert(fingerprint.value(), counts);
                }
                Ok(())
            }
            Err(Stopped::Error(failure)) => Err(failure),
            Err(Stopped::Diverged(message)) => Err(CrashFailure::HarnessBroken(message)),
        }
    }

    /// Cuts off the recovery that ran on `disk`, wherever it matters.
    fn crash_recovery<R: Recover>(
        &mut self,
        outer: &Visit<'_, R::Promise>,
        disk: &LazyDisk,
        crashes: &mut Vec<RecoveryCrash>,
        recover: &R,
    ) -> Result<(), CrashFailure> {
        let log = disk.recovery_log();
        let persistence = Persistence::of(&log)?;
        let level = crashes.len() as u32 + 1;
        let versions = self.ground.versions(&persistence, level)?;
        let mut result = Ok(());
        let _ = persistence.cuts(self.options.mode, |cut| {
            if cut.must.is_empty() && cut.may.is_empty() {
                // Nothing was written: the same case as the outer one.
                return ControlFlow::Continue(());
            }
            let prefix = cut.prefix[0] as usize;
            let beneath = disk.decided_before(prefix);
            let case = beneath.after(&persistence, &versions, &cut, self.options.in_flight_max);
            crashes.push(RecoveryCrash {
                events: log.events.clone(),
                prefix,
                frontier: cut.frontier.clone(),
            });
            let visit = Visit {
                case: Arc::new(case),
                ..*outer
            };
            let is_bounded = self.is_bounded(&cut);
            result = self.case(&visit, is_bounded, crashes, recover);
            crashes.pop();
            flow(&result)
        });
        result
    }

    fn is_bounded(&self, cut: &Cut) -> bool {
        let max = self.options.in_flight_max;
        max.is_some_and(|max| cut.may.len() > max)
    }
}

fn flow(result: &Result<(), CrashFailure>) -> ControlFlow<()> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

pub(super) fn violation<P>(
    finding: CrashFinding,
    visit: &Visit<'_, P>,
    disk: &LazyDisk,
    crashes: &[RecoveryCrash],
) -> Box<CrashViolation> {
    Box::new(CrashViolation {
        finding,
        cut: visit.cut.clone(),
        recovery_crashes: crashes.to_vec(),
        kept: disk.kept(),
        image: disk.crash_image(),
        recovery: disk.recovery_log().events,
        case: visit.case.clone(),
    })
}

/// Runs one recovery; a panic is a finding.
pub(super) fn run<R: Recover>(
    recover: &R,
    disk: &LazyDisk,
    promises: &[R::Promise],
    depth: u32,
) -> Result<Observations, CrashFinding> {
    let run = || recover.recover_and_judge(disk, promises, depth);
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(CrashFinding {
            invariant: "recovery-returns",
            expected: "recovery and the oracle return".into(),
            observed: format!("a panic: {}", panic_message(&*panic)),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".into())
}
