//! One run of a check: an exploration or a replay, and what is made of its executions.

use super::place;
use super::progress::Progress;
use super::{Checker, Report};
use crate::crash::candidates::SECTOR_SIZE;
use crate::crash::{Base, CrashFailure, CrashStats, CrashViolation, CutMode, MemoryBase};
use crate::data_race::data_race;
use crate::explore::bounded::{self, Bounds};
use crate::explore::replay::Matched;
use crate::explore::{Execution, Explored, Found, Outcome, dpor};
use crate::lockgraph::LockGraph;
use crate::minimise::{Schedule, run};
use crate::record::{self, BaseImage, Origin};
use crate::verdict::Verdict;
use cutpoint_event::pending::Granularity;
use cutpoint_event::{Finding, Log};
use cutpoint_traces::Trace;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) type Body = Arc<dyn Fn() + Send + Sync>;

/// Checks the power cuts of executions.
pub(super) trait CheckCuts {
    /// Checks one execution. Answers what was explored so far, too.
    fn check(&mut self, log: &Log) -> (Result<(), CrashFailure>, CrashStats);

    /// Forgets what was checked.
    fn begin_again(&mut self);

    /// The smallest power cut in an execution that violates an invariant.
    fn minimal(&self, log: &Log, invariant: &str) -> Option<CrashViolation>;
}

/// Power cuts, as a session sees them.
pub(super) struct Cuts<'a> {
    pub mode: CutMode,
    pub base: &'a MemoryBase,
    pub check: &'a mut dyn CheckCuts,
}

pub(super) struct Session<'a> {
    pub(super) checker: &'a Checker,
    pub(super) cuts: Option<Cuts<'a>>,
    pub(super) locks: LockGraph,
    pub(super) crash: CrashStats,
    pub(super) progress: Progress,
    broken: Option<String>,
    violation: Option<(Found, Box<CrashViolation>)>,
    /// A cycle in the order of locks, or a data race, of an execution in which nothing went wrong.
    latent: Option<Found>,
}

impl<'a> Session<'a> {
    pub fn new(checker: &'a Checker, cuts: Option<Cuts<'a>>) -> Session<'a> {
        Session {
            checker,
            cuts,
            locks: LockGraph::with_fair(checker.fair_locks.iter().copied()),
            crash: CrashStats::default(),
            progress: Progress::new(),
            broken: None,
            violation: None,
            latent: None,
        }
    }

    /// A report that the check itself is at fault.
    pub fn broken(mut self, why: String, crash: CrashStats) -> Report {
        self.crash = crash;
        self.report(Verdict::HarnessBroken(why), None, None)
    }

    pub fn run(mut self, body: Body) -> Report {
        let asked = self.checker.replay.clone();
        let is_asked = asked.is_some();
        let Some(path) = asked.or_else(place::replay) else {
            return self.explore(body);
        };
        match Trace::read(&path) {
            Ok(trace) if trace.scenario == self.checker.name => self.replay(&path, &trace, body),
            Ok(_) if !is_asked => self.explore(body),
            Ok(trace) => {
                let why = format!("the trace is of '{}', another check", trace.scenario);
                self.report(Verdict::NotMeasured(why), None, None)
            }
            Err(error) => self.report(Verdict::NotMeasured(error.to_string()), None, None),
        }
    }

    /// Forgets what earlier executions showed.
    pub(super) fn begin_again(&mut self) {
        self.locks = LockGraph::with_fair(self.checker.fair_locks.iter().copied());
        (self.broken, self.violation, self.latent) = (None, None, None);
        if let Some(cuts) = &mut self.cuts {
            cuts.check.begin_again();
        }
    }

    fn explore(&mut self, scenario: Body) -> Report {
        let options = self.checker.options.clone();
        let body = {
            let scenario = scenario.clone();
            move || scenario()
        };
        let bound = self.checker.preemptions;
        let observe = &mut |execution: &Execution<'_>| {
            self.tell(execution);
            self.observe(execution)
        };
        let explored = match bound {
            None => dpor::explore(&options, body, observe),
            Some(most) => {
                let bounds = Bounds::preemptions(most);
                bounded::explore(bounds, &options, body, observe).explored
            }
        };
        let path = place::trace_file(self.checker.traces_in.as_deref(), &self.checker.name);
        let (verdict, trace) = self.conclude(&explored, &path);
        let trace = trace.map(|trace| self.smaller(trace, &scenario, &path));
        let mut report = self.report(verdict, Some(&explored), trace);
        if let Some(trace) = &report.trace {
            match write(trace, &path) {
                Ok(()) => report.trace_file = Some(path),
                Err(why) => report.not_written = Some(why),
            }
        }
        report
    }

    fn replay(&mut self, path: &Path, recorded: &Trace, body: Body) -> Report {
        let options = self.checker.options.clone();
        let schedule = Schedule::of(recorded);
        let count = schedule.events.len();
        let body = move || body();
        let observe = &mut |execution: &Execution<'_>| self.observe(execution);
        let (explored, matched, _) = run(&schedule, &options, body, observe);
        let (mut verdict, trace) = self.conclude(&explored, path);
        if let Verdict::WithinBounds { .. } = verdict {
            verdict = gone(&matched, count, recorded);
        }
        let mut report = self.report(verdict, Some(&explored), trace);
        report.trace_file = Some(PathBuf::from(path));
        report
    }

    /// Says how far the exploration has come.
    fn tell(&mut self, execution: &Execution<'_>) {
        let (checker, crash) = (self.checker, &self.crash);
        self.progress.tick(|| {
            let recoveries = match crash.recoveries_run {
                0 => String::new(),
                recoveries => format!(", {recoveries} recoveries"),
            };
            format!(
                "{}: {} executions{recoveries}",
                checker.name, execution.number
            )
        });
    }

    /// Looks at one execution.
    pub(super) fn observe(&mut self, execution: &Execution<'_>) -> ControlFlow<()> {
        if execution.outcome != Outcome::Finished {
            return ControlFlow::Continue(());
        }
        if self.checker.lock_order {
            self.order_locks(execution);
        }
        self.order_accesses(execution);
        let Some(cuts) = &mut self.cuts else {
            return ControlFlow::Continue(());
        };
        let (result, stats) = cuts.check.check(execution.log);
        self.crash = stats;
        match result {
            Ok(()) => return ControlFlow::Continue(()),
            Err(CrashFailure::HarnessBroken(why)) => self.broken = Some(why),
            Err(CrashFailure::Violated(violation)) => {
                let finding = Finding {
                    invariant: violation.finding.invariant,
                    expected: violation.finding.expected.clone(),
                    observed: violation.finding.observed.clone(),
                };
                self.violation = Some((found(execution, finding), violation));
            }
        }
        ControlFlow::Break(())
    }

    /// Keeps the first cycle in the order of locks, with the execution that closed it.
    fn order_locks(&mut self, execution: &Execution<'_>) {
        let is_new = self.locks.add(execution.number, execution.log);
        if !is_new || self.latent.is_some() {
            return;
        }
        if let Some(cycle) = self.locks.cycles().first() {
            let finding = Finding {
                invariant: "lock-order",
                expected: "the order of locks and waits has no cycle".into(),
                observed: cycle.to_string(),
            };
            self.latent = Some(found(execution, finding));
        }
    }

    /// Keeps the first data race. At the granularity of atomics it is not known which accesses are
    /// part of one operation.
    fn order_accesses(&mut self, execution: &Execution<'_>) {
        if self.latent.is_some() || self.checker.options.granularity != Granularity::Lock {
            return;
        }
        if let Some(race) = data_race(execution.log) {
            let finding = Finding {
                invariant: "data-race",
                expected: "operations order those who use the same bytes of memory".into(),
                observed: race.in_words(&execution.log.tasks),
            };
            self.latent = Some(found(execution, finding));
        }
    }

    /// The verdict, and the counterexample if there is one.
    pub(super) fn conclude(
        &mut self,
        explored: &Explored,
        path: &Path,
    ) -> (Verdict, Option<Box<Trace>>) {
        if let Some(why) = self.broken.take() {
            return (Verdict::HarnessBroken(why), None);
        }
        let origin = self.origin(path);
        if let (Some((found, violation)), Some(cuts)) = (self.violation.take(), &self.cuts) {
            let trace = self.trace_of_crash(path, &found.log, &violation, cuts.base);
            return (Verdict::Violated(Box::new(found)), Some(Box::new(trace)));
        }
        let bounds = match self.crash.cases_bounded {
            0 => String::new(),
            cases => format!("{cases} crash cases explored in part"),
        };
        let verdict = match (Verdict::of(explored.clone(), &bounds), self.latent.take()) {
            (Verdict::Exhausted { .. } | Verdict::WithinBounds { .. }, Some(latent)) => {
                Verdict::Violated(Box::new(latent))
            }
            (verdict, _) => verdict,
        };
        let trace = match &verdict {
            Verdict::Violated(found) => found.findings.first().map(|finding| {
                let trace = record::of_finding(origin, &found.log, finding);
                Box::new(trace)
            }),
            _ => None,
        };
        (verdict, trace)
    }

    /// The trace of an execution of which a power cut is not survived.
    pub(super) fn trace_of_crash(
        &self,
        path: &Path,
        log: &Log,
        violation: &CrashViolation,
        base: &MemoryBase,
    ) -> Trace {
        let base = image(base);
        let mut trace = record::of_crash(self.origin(path), log, violation, &base);
        if !base.block_size.is_multiple_of(SECTOR_SIZE) {
            // A trace can not hold the image of a device without sectors.
            trace.image = None;
        }
        trace
    }

    fn origin(&self, path: &Path) -> Origin {
        let granularity = match self.checker.options.granularity {
            Granularity::Lock => "lock",
            Granularity::Atomic => "atomic",
        };
        let mode = self.cuts.as_ref().map_or(CutMode::Off, |cuts| cuts.mode);
        Origin {
            scenario: self.checker.name.clone(),
            runtime: rt_shuttle::RUNTIME.into(),
            engine: "dpor".into(),
            granularity: granularity.into(),
            crash_mode: record::crash_mode(mode).into(),
            replay_command: place::replay_command(path),
            ..Origin::default()
        }
    }

    fn report(
        &mut self,
        verdict: Verdict,
        explored: Option<&Explored>,
        trace: Option<Box<Trace>>,
    ) -> Report {
        Report {
            name: self.checker.name.clone(),
            verdict,
            executions: explored.map_or(0, |explored| explored.executions),
            sleep_blocked: explored.map_or(0, |explored| explored.sleep_blocked),
            traces_distinct: explored.and_then(|explored| explored.traces_distinct),
            crash: std::mem::take(&mut self.crash),
            locks: std::mem::take(&mut self.locks),
            trace,
            trace_file: None,
            not_written: None,
        }
    }
}

fn found(execution: &Execution<'_>, finding: Finding) -> Found {
    Found {
        findings: vec![finding],
        log: execution.log.clone(),
        schedule: execution.schedule.to_vec(),
        preemptions: execution.preemptions,
    }
}

/// A replay that violates nothing. The schedule counts as followed if at least half of it happened
/// again.
fn gone(matched: &Matched, recorded: usize, trace: &Trace) -> Verdict {
    let skipped = matched.skipped;
    if skipped * 2 > recorded {
        return Verdict::NotMeasured(format!(
            "the trace no longer applies: {skipped} of {recorded} recorded operations did not \
             happen again, the first of them number {}",
            matched.diverged_at.map_or(0, |at| at + 1)
        ));
    }
    let invariant = &trace.violation.invariant;
    Verdict::WithinBounds {
        executions: 1,
        bounds: format!("one recorded schedule, which no longer violates {invariant}"),
    }
}

fn write(trace: &Trace, path: &Path) -> Result<(), String> {
    if let Some(directory) = path.parent() {
        let made = std::fs::create_dir_all(directory);
        made.map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    trace.write(path).map_err(|error| error.to_string())
}

/// The device as executions find it.
fn image(base: &MemoryBase) -> BaseImage {
    let blocks = (0..base.blocks()).map(|block| (block, base.read(block)));
    BaseImage {
        content: blocks
            .filter(|(_, data)| data.iter().any(|byte| *byte != 0))
            .collect(),
        blocks: base.blocks(),
        block_size: base.block_size(),
    }
}
