//! Running a check: an explorer over a scenario, and the crash engine over every execution.

use crate::catalogue::Catalogue;
use crate::contract::Contract;
use crate::e2fsck::E2fsck;
use crate::oracle::{self, Promise};
use crate::reach;
use crate::record::{self, BaseImage};
use crate::report::{External, Progress, Report, Verdict};
use crate::request::{Design, Engine, Granularity, Request, RequestError};
use crate::usage::Usage;
use crate::{on_loom, on_shuttle, on_std};
use cutpoint::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, Cut, CutMode, LazyDisk, MemoryBase,
    Observations, Recover,
};
use cutpoint::explore::random::Method;
use cutpoint::explore::{self, Execution, Explored, Options, Outcome, StoppedBy};
use cutpoint::lockgraph::LockGraph;
use cutpoint_event::{Finding, Log, pending};
use cutpoint_traces::Trace;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Preemptions that loom is bound to where the request says nothing.
const LOOM_PREEMPTIONS: usize = 1;
/// Priority changes of probabilistic concurrency testing.
const PCT_DEPTH: usize = 3;

/// Runs a check.
///
/// # Errors
/// [`RequestError`], if there is no such thing to check.
pub fn check(
    request: &Request,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, RequestError> {
    let usage = Usage::start();
    refuse_unsupported(request)?;
    let mut session = Session::new(request)?;
    let explored = session.explore(request, progress)?;
    Ok(session.report(request, explored, usage))
}

fn refuse_unsupported(request: &Request) -> Result<(), RequestError> {
    let catalogue = Catalogue::get();
    let scenario = catalogue.scenario(&request.scenario)?;
    if let Some(variant) = &request.variant {
        catalogue.variant(&request.scenario, variant)?;
    }
    let unsupported = |text: String| Err(RequestError::Unsupported(text));
    if request.design != scenario.design() {
        let (name, design) = (&request.scenario, scenario.design());
        return unsupported(format!(
            "scenario '{name}' is for the {design} design; use --design {design}"
        ));
    }
    if request.design == Design::Bh {
        return unsupported("the bh design is not built; use --design im".into());
    }
    if request.preemptions.is_some() && request.engine != Engine::Loom {
        return unsupported(format!(
            "--preemptions bounds loom only; the {} engine has no such bound",
            request.engine
        ));
    }
    Ok(())
}

/// What a check gathers while it runs.
pub(crate) struct Session {
    base: BaseImage,
    recovery: Recovery,
    checker: CrashChecker,
    crash: Option<Box<Trace>>,
    broken: Option<String>,
    reached: BTreeMap<&'static str, u64>,
    locks: LockGraph,
    lock_cycle: Option<Box<Trace>>,
}

impl Session {
    pub(crate) fn new(request: &Request) -> Result<Session, RequestError> {
        let unknown = || RequestError::UnknownScenario {
            name: request.scenario.clone(),
        };
        let base = on_shuttle::runtime::base(&request.scenario).ok_or_else(unknown)?;
        let contract = on_shuttle::runtime::contract(&request.scenario).ok_or_else(unknown)?;
        let judge = on_std::recovery::judge(&request.scenario, request.variant.as_deref())
            .ok_or_else(unknown)?;
        let mut memory = MemoryBase::zeroed(base.block_size, base.blocks);
        for (block, data) in &base.content {
            memory = memory.with(*block, data);
        }
        let options = CrashOptions {
            mode: request.crash,
            tear: request.tear,
            recovery_crashes: request.recovery_crashes,
            ..CrashOptions::default()
        };
        Ok(Session {
            recovery: Recovery {
                judge,
                contract,
                e2fsck: E2fsck::find(base.block_size),
                unjudged: RefCell::default(),
            },
            base,
            checker: CrashChecker::new(options, memory),
            crash: None,
            broken: None,
            reached: BTreeMap::new(),
            locks: LockGraph::new(),
            lock_cycle: None,
        })
    }

    /// Forgets everything but what external judges said.
    pub(crate) fn begin_again(&mut self) {
        self.checker = self.checker.anew(*self.checker.options());
        self.crash = None;
        self.broken = None;
        self.reached.clear();
        self.locks = LockGraph::new();
        self.lock_cycle = None;
    }

    /// What crash checks are made of.
    pub(crate) fn crash_parts(&self) -> (&CrashChecker, &Recovery, &BaseImage) {
        (&self.checker, &self.recovery, &self.base)
    }

    fn explore(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Explored, RequestError> {
        let unknown = || RequestError::UnknownScenario {
            name: request.scenario.clone(),
        };
        let options = options(request);
        let (scenario, variant) = (request.scenario.as_str(), request.variant.as_deref());
        let mut observe = |execution: &Execution<'_>| {
            let recoveries = self.checker.stats().recoveries_run;
            progress(Progress {
                executions: execution.number,
                recoveries,
            });
            self.observe(request, execution)
        };
        if request.engine == Engine::Loom {
            let body = on_loom::runtime::body(scenario, variant).ok_or_else(unknown)?;
            let preemptions = request.preemptions.or(Some(LOOM_PREEMPTIONS));
            return Ok(explore::loom::explore(
                preemptions,
                &options,
                body,
                &mut observe,
            ));
        }
        let body = on_shuttle::runtime::body(scenario, variant).ok_or_else(unknown)?;
        let seed = request.seed;
        let method = match request.engine {
            Engine::Random => Method::Uniform { seed },
            Engine::Pct => Method::Pct {
                seed,
                depth: PCT_DEPTH,
            },
            Engine::Urw => Method::Urw { seed },
            Engine::Dfs => Method::DepthFirst,
            _ => return Ok(explore::dpor::explore(&options, body, &mut observe)),
        };
        Ok(explore::random::explore(
            method,
            &options,
            body,
            &mut observe,
        ))
    }

    /// Looks at one execution: what it reached, and every power cut of it that is new.
    pub(crate) fn observe(
        &mut self,
        request: &Request,
        execution: &Execution<'_>,
    ) -> ControlFlow<()> {
        if execution.outcome != Outcome::Finished {
            return ControlFlow::Continue(());
        }
        reach::add(&mut self.reached, &reach::of_execution(execution.log));
        self.order_locks(request, execution);
        match self.checker.check(execution.log, &self.recovery) {
            Ok(()) => return ControlFlow::Continue(()),
            Err(CrashFailure::HarnessBroken(why)) => self.broken = Some(why),
            Err(CrashFailure::Violated(violation)) => {
                let trace = record::of_crash(request, execution.log, &violation, &self.base);
                self.crash = Some(Box::new(trace));
            }
        }
        ControlFlow::Break(())
    }

    /// Adds an execution to the order of locks. The first cycle is kept with the execution that
    /// closed it, for a check that finds nothing else.
    fn order_locks(&mut self, request: &Request, execution: &Execution<'_>) {
        let is_new = self.locks.add(execution.number, execution.log);
        if !is_new || self.lock_cycle.is_some() {
            return;
        }
        if let Some(cycle) = self.locks.cycles().first() {
            let finding = Finding {
                invariant: "I34",
                expected: "the order of locks and waits has no cycle".into(),
                observed: cycle.to_string(),
            };
            let trace = record::of_finding(request, execution.log, &finding);
            self.lock_cycle = Some(Box::new(trace));
        }
    }

    /// What is violated, or broken, if anything is.
    pub(crate) fn failure(&mut self, request: &Request, explored: &Explored) -> Option<Verdict> {
        if let Some(why) = self.broken.take() {
            return Some(Verdict::HarnessBroken(why));
        }
        if let StoppedBy::Harness(why) = &explored.stopped_by {
            return Some(Verdict::HarnessBroken(why.clone()));
        }
        if let Some(trace) = self.crash.take() {
            return Some(Verdict::Violated(trace));
        }
        let Some(found) = explored.finding.as_ref() else {
            return self.lock_cycle.take().map(Verdict::Violated);
        };
        let finding = found.findings.first()?;
        let trace = record::of_finding(request, &found.log, finding);
        Some(Verdict::Violated(Box::new(trace)))
    }

    fn report(mut self, request: &Request, explored: Explored, usage: Usage) -> Report {
        let verdict = self
            .failure(request, &explored)
            .unwrap_or_else(|| holds(request, &explored, self.checker.stats().cases_bounded));
        let crash = self.checker.stats().clone();
        let mut reached = self.reached;
        for (name, count) in crash.observations.iter() {
            *reached.entry(name).or_default() += count;
        }
        let unjudged = self.recovery.unjudged.into_inner();
        let used = usage.so_far();
        Report {
            request: request.clone(),
            verdict,
            executions: explored.executions,
            traces_distinct: explored.traces_distinct.unwrap_or(0),
            sleep_blocked: explored.sleep_blocked,
            crash,
            e2fsck: External {
                judged: self.recovery.e2fsck.judged(),
                cached: self.recovery.e2fsck.cached(),
                not_measured: unjudged.count,
                why_not: unjudged.why,
            },
            reached,
            lock_classes: self.locks.locks().count() as u64,
            lock_edges: self.locks.edges().count() as u64,
            wall_s: used.wall_s,
            cpu_s: used.cpu_s,
            peak_rss_bytes: used.peak_rss_bytes,
        }
    }
}

/// The explorer's options for a request.
pub(crate) fn options(request: &Request) -> Options {
    Options {
        executions: request.executions,
        time: request.time,
        granularity: match request.granularity {
            Granularity::Lock => pending::Granularity::Lock,
            Granularity::Atomic => pending::Granularity::Atomic,
        },
        stack_size: 1 << 18,
        count_traces: true,
        ..Options::default()
    }
}

/// The verdict where nothing is violated.
fn holds(request: &Request, explored: &Explored, cases_bounded: u64) -> Verdict {
    let mut bounds = Vec::new();
    if request.engine == Engine::Loom {
        let preemptions = request.preemptions.unwrap_or(LOOM_PREEMPTIONS);
        bounds.push(format!(
            "loom's search with at most {preemptions} preemptions, which is not complete for that \
             bound at three tasks and more"
        ));
    }
    match &explored.stopped_by {
        StoppedBy::Executions => bounds.push(format!("{} executions", explored.executions)),
        StoppedBy::Time => bounds.push("the time given".into()),
        StoppedBy::Unsupported(what) => bounds.push(what.clone()),
        _ if !explored.complete && bounds.is_empty() => {
            bounds.push(format!("{} executions at random", explored.executions));
        }
        _ => {}
    }
    if request.crash == CutMode::Off {
        bounds.push("no power cuts".into());
    }
    if cases_bounded > 0 {
        bounds.push(format!("{cases_bounded} crash cases explored in part"));
    }
    match bounds.is_empty() {
        true => Verdict::Exhausted,
        false => Verdict::WithinBounds(bounds.join("; ")),
    }
}

/// Recovery under the protocol variant of the execution, and its oracles.
pub(crate) struct Recovery {
    judge: on_std::recovery::Judge,
    contract: &'static Contract,
    e2fsck: E2fsck,
    unjudged: RefCell<Unjudged>,
}

/// Images that the external judge could not judge.
#[derive(Debug, Default)]
struct Unjudged {
    count: u64,
    why: Option<String>,
}

impl Recover for Recovery {
    type Promise = Promise;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Promise> {
        oracle::promises(self.contract, log, cut)
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Promise],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let (observations, unjudged) = (self.judge)(disk, self.contract, promises, &self.e2fsck)?;
        if let Some(why) = unjudged {
            let mut seen = self.unjudged.borrow_mut();
            seen.count += 1;
            seen.why = Some(why);
        }
        Ok(observations)
    }
}
