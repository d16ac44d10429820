//! Running a check: an explorer over a scenario, and the crash engine over every execution.

mod control;
mod following;
mod kept;
mod latent;

pub use following::CONFORMS;

use crate::catalogue::Catalogue;
use crate::contract::Contract;
use crate::e2fsck::E2fsck;
use crate::on_shuttle::extfs::lock::class;
use crate::on_std::recovery::{self, Judge};
use crate::oracle::{self, Promise};
use crate::reach;
use crate::record::{self, BaseImage};
use crate::report::{External, Part, Progress, Report, Verdict};
use crate::request::{Conformance, Engine, Granularity, Request, RequestError};
use crate::resume::{Keeper, Resume};
use crate::usage::Usage;
use crate::{on_loom, on_shuttle};
use cutpoint::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, Cut, CutMode, LazyDisk, MemoryBase,
    Observations, Recover,
};
use cutpoint::explore::bounded::Bounds;
use cutpoint::explore::random::Method;
use cutpoint::explore::{self, Execution, Explored, Options, Outcome, SearchState, StoppedBy};
use cutpoint::lockgraph::LockGraph;
use cutpoint::verdict::within_preemptions;
use cutpoint_event::{Class, Log, pending};
use cutpoint_traces::Trace;
use following::{Following, follows_cuts};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

/// Preemptions that loom is bound to where the request says nothing.
const LOOM_PREEMPTIONS: usize = 1;
/// Priority changes of probabilistic concurrency testing.
const PCT_DEPTH: usize = 3;

/// The core's semaphores, whose readers wait behind writers that wait.
const FAIR_LOCKS: [&Class; 3] = [&class::I_RWSEM, &class::INVALIDATE_LOCK, &class::I_DATA_SEM];

/// Runs a check.
///
/// # Errors
/// [`RequestError`], if there is no such thing to check.
pub fn check(
    request: &Request,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, RequestError> {
    check_from(request, None, progress)
}

/// Runs a check from where an earlier process left it, if it did, and keeps its state.
///
/// # Errors
/// [`RequestError`], also if the state is damaged or that of another check.
pub fn check_from(
    request: &Request,
    resume: Option<&Resume>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, RequestError> {
    let usage = Usage::start();
    refuse_unsupported(request)?;
    if resume.is_some() && request.engine != Engine::Dpor {
        return Err(RequestError::Unsupported(format!(
            "the {} engine has no state to resume from; --resume needs --engine dpor",
            request.engine
        )));
    }
    if request.preemptions.is_some() && (resume.is_some() || !request.shard.is_whole()) {
        let text = "a search bounded by --preemptions takes neither --shard nor --resume";
        return Err(RequestError::Unsupported(text.into()));
    }
    let mut session = Session::new(request)?;
    if let Err(why) = session.control(request) {
        session.broken = Some(why);
        return Ok(session.report(request, nothing_explored(), usage));
    }
    let explored = session.explore(request, resume, progress)?;
    Ok(session.report(request, explored, usage))
}

fn refuse_unsupported(request: &Request) -> Result<(), RequestError> {
    let catalogue = Catalogue::get();
    let scenario = catalogue.scenario(&request.scenario)?;
    if let Some(variant) = &request.variant {
        catalogue.variant(&request.scenario, variant)?;
    }
    let unsupported = |text: String| Err(RequestError::Unsupported(text));
    if scenario.in_design(request.design).is_none() {
        let (name, design) = (&request.scenario, scenario.design());
        return unsupported(format!(
            "scenario '{name}' is for the {design} design; use --design {design}"
        ));
    }
    let has_bound = matches!(request.engine, Engine::Dpor | Engine::Loom);
    if request.preemptions.is_some() && !has_bound {
        return unsupported(format!(
            "--preemptions bounds dpor and loom; the {} engine has no such bound",
            request.engine
        ));
    }
    if !request.shard.is_whole() && request.engine != Engine::Dpor {
        return unsupported(format!(
            "the search of the {} engine can not be split; --shard needs --engine dpor",
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
    /// The preemptions of the counterexample.
    preemptions: Option<u32>,
    broken: Option<String>,
    reached: BTreeMap<&'static str, u64>,
    locks: LockGraph,
    /// A cycle in the order of locks, or a data race, of an execution in which nothing went wrong.
    latent: Option<Box<Trace>>,
    /// The execution that is no path of the model.
    deviation: Option<Box<Trace>>,
    split: u64,
    usage: Usage,
    is_out_of_cpu: bool,
}

impl Session {
    pub(crate) fn new(request: &Request) -> Result<Session, RequestError> {
        let unknown = || RequestError::UnknownScenario {
            name: request.scenario.clone(),
        };
        let base = on_shuttle::runtime::base(&request.scenario).ok_or_else(unknown)?;
        let contract = on_shuttle::runtime::contract(&request.scenario).ok_or_else(unknown)?;
        let judge = |variant| recovery::judge(variant, request.design).ok_or_else(unknown);
        let (judge, correct) = (judge(request.variant.as_deref())?, judge(None)?);
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
        let mut checker = CrashChecker::new(options, memory);
        if !request.shard.is_whole() {
            checker.keep_ledger();
        }
        Ok(Session {
            recovery: Recovery {
                judge,
                correct,
                contract,
                e2fsck: E2fsck::find(base.block_size),
                unjudged: RefCell::default(),
                following: Following::of(request),
                mode: request.crash,
            },
            base,
            checker,
            crash: None,
            preemptions: None,
            broken: None,
            reached: BTreeMap::new(),
            locks: LockGraph::with_fair(FAIR_LOCKS.map(|class| class.name)),
            latent: None,
            deviation: None,
            split: 0,
            usage: Usage::start(),
            is_out_of_cpu: false,
        })
    }

    /// Forgets everything but what external judges said.
    pub(crate) fn begin_again(&mut self) {
        self.checker = self.checker.anew(*self.checker.options());
        self.crash = None;
        self.broken = None;
        self.reached.clear();
        self.locks = LockGraph::with_fair(FAIR_LOCKS.map(|class| class.name));
        self.latent = None;
        self.deviation = None;
    }

    /// What crash checks are made of.
    pub(crate) fn crash_parts(&self) -> (&CrashChecker, &Recovery, &BaseImage) {
        (&self.checker, &self.recovery, &self.base)
    }

    fn explore(
        &mut self,
        request: &Request,
        resume: Option<&Resume>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Explored, RequestError> {
        if request.engine == Engine::Dpor && request.preemptions.is_none() {
            return self.explore_kept(request, resume, progress);
        }
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
            let body =
                on_loom::runtime::body(scenario, variant, request.design).ok_or_else(unknown)?;
            let preemptions = request.preemptions.or(Some(LOOM_PREEMPTIONS));
            return Ok(explore::loom::explore(
                preemptions,
                &options,
                body,
                &mut observe,
            ));
        }
        let body =
            on_shuttle::runtime::body(scenario, variant, request.design).ok_or_else(unknown)?;
        if let (Engine::Dpor, Some(most)) = (request.engine, request.preemptions) {
            let bounds = Bounds::preemptions(u32::try_from(most).unwrap_or(u32::MAX));
            let bounded = explore::bounded::explore(bounds, &options, body, &mut observe);
            return Ok(bounded.explored);
        }
        let seed = request.seed;
        let method = match request.engine {
            Engine::Random => Method::Uniform { seed },
            Engine::Pct => Method::Pct {
                seed,
                depth: PCT_DEPTH,
            },
            Engine::Urw => Method::Urw { seed },
            _ => Method::DepthFirst,
        };
        Ok(explore::random::explore(
            method,
            &options,
            body,
            &mut observe,
        ))
    }

    /// Explores by DPOR, whose search may be split and left.
    fn explore_kept(
        &mut self,
        request: &Request,
        resume: Option<&Resume>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Explored, RequestError> {
        let (scenario, variant) = (request.scenario.as_str(), request.variant.as_deref());
        let body = on_shuttle::runtime::body(scenario, variant, request.design);
        let body = body.ok_or_else(|| RequestError::UnknownScenario {
            name: request.scenario.clone(),
        })?;
        let opened = resume.map(|resume| Keeper::open(resume, request, self));
        let (mut keeper, start) = match opened.transpose()? {
            Some((keeper, start)) => (Some(keeper), start),
            None => (None, None),
        };
        let session = RefCell::new(self);
        let mut observe = |execution: &Execution<'_>| {
            let mut session = session.borrow_mut();
            let recoveries = session.checker.stats().recoveries_run;
            progress(Progress {
                executions: execution.number,
                recoveries,
            });
            session.observe(request, execution)
        };
        let mut keep = |search: &dyn Fn() -> SearchState, is_last: bool| {
            let mut session = session.borrow_mut();
            if is_last {
                session.split = search().split();
            }
            if let Some(keeper) = &mut keeper {
                keeper.keep(&session, search, is_last);
            }
        };
        let options = options(request);
        let explored = explore::dpor::explore_kept(start, &options, body, &mut observe, &mut keep);
        explored.map_err(|what| match &keeper {
            Some(keeper) => keeper.refuse(what),
            None => RequestError::Unsupported(what),
        })
    }

    /// Looks at one execution, and says whether to go on.
    pub(crate) fn observe(
        &mut self,
        request: &Request,
        execution: &Execution<'_>,
    ) -> ControlFlow<()> {
        self.look_at(request, execution)?;
        let is_spent = |most: Duration| self.usage.cpu_s() >= most.as_secs_f64();
        self.is_out_of_cpu = request.cpu_time.is_some_and(is_spent);
        match self.is_out_of_cpu {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Looks at one execution: what it reached, and every power cut of it that is new.
    fn look_at(&mut self, request: &Request, execution: &Execution<'_>) -> ControlFlow<()> {
        let is_only = request.conformance == Conformance::Only;
        let is_whole = execution.outcome == Outcome::Finished;
        if (is_whole || is_only) && self.deviates(request, execution) {
            return ControlFlow::Break(());
        }
        if !is_whole {
            return ControlFlow::Continue(());
        }
        reach::add(&mut self.reached, &reach::of_execution(execution.log));
        self.look_for_latent(request, execution);
        let checked = self.checker.check(execution.log, &self.recovery);
        self.has_followed();
        match checked {
            Ok(()) => return ControlFlow::Continue(()),
            Err(CrashFailure::HarnessBroken(why)) => self.broken = Some(why),
            Err(CrashFailure::Violated(violation)) => {
                let trace = record::of_crash(request, execution.log, &violation, &self.base);
                self.crash = Some(Box::new(trace));
                self.preemptions = execution.preemptions;
            }
        }
        ControlFlow::Break(())
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
        if let Some(trace) = self.deviation.take() {
            return Some(Verdict::Violated(trace));
        }
        if request.conformance == Conformance::Only {
            return None;
        }
        let Some(found) = explored.finding.as_ref() else {
            return self.latent.take().map(Verdict::Violated);
        };
        let finding = found.findings.first()?;
        self.preemptions = found.preemptions;
        let trace = record::of_finding(request, &found.log, finding);
        Some(Verdict::Violated(Box::new(trace)))
    }

    fn report(mut self, request: &Request, explored: Explored, usage: Usage) -> Report {
        let failure = self.failure(request, &explored);
        let mut bounds = bounds(request, &explored, self.checker.stats().cases_bounded);
        if self.is_out_of_cpu {
            bounds.push("the processor time given".into());
        }
        let part = self.part(request, &explored, &bounds, failure.is_none());
        let verdict = failure.unwrap_or_else(|| holds(request, bounds));
        let crash = self.checker.stats().clone();
        let mut reached = self.reached;
        for (name, count) in crash.observations.iter() {
            *reached.entry(name).or_default() += count;
        }
        let unjudged = self.recovery.unjudged.into_inner();
        let used = usage.so_far();
        let lock_graph = self.locks.dot();
        Report {
            request: request.clone(),
            verdict,
            executions: explored.executions,
            traces_distinct: explored.traces_distinct.unwrap_or(0),
            sleep_blocked: explored.sleep_blocked,
            preemptions_covered: explored.preemptions_covered,
            preemptions: self.preemptions,
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
            lock_graph,
            part,
            wall_s: used.wall_s,
            cpu_s: used.cpu_s,
            peak_rss_bytes: used.peak_rss_bytes,
        }
    }
}

/// What is explored where a control fails.
fn nothing_explored() -> Explored {
    Explored {
        executions: 0,
        sleep_blocked: 0,
        traces_distinct: None,
        steps: 0,
        complete: false,
        preemptions_covered: None,
        stopped_by: StoppedBy::Observer,
        finding: None,
        plain_types: false,
    }
}

impl Session {
    /// What it takes to put this part together with the others.
    fn part(
        &self,
        request: &Request,
        explored: &Explored,
        bounds: &[String],
        holds: bool,
    ) -> Option<Part> {
        let part = Part {
            split: self.split,
            is_complete: holds && explored.complete,
            bounds: bounds.join("; "),
            cases: self.checker.ledger().cloned().unwrap_or_default(),
            images: self.recovery.e2fsck.clean(),
            locks: self.locks.state(),
        };
        (!request.shard.is_whole()).then_some(part)
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
        // What others find does not end a search for what is no path of the model.
        past_findings: request.conformance == Conformance::Only,
        shard: request.shard,
        ..Options::default()
    }
}

/// The verdict where nothing is violated.
fn holds(request: &Request, mut bounds: Vec<String>) -> Verdict {
    if !request.shard.is_whole() {
        bounds.push(format!("part {} of the search", request.shard));
    }
    match bounds.is_empty() {
        true => Verdict::Exhausted,
        false => Verdict::WithinBounds(bounds.join("; ")),
    }
}

/// What was left out, in words, besides that this may be a part.
fn bounds(request: &Request, explored: &Explored, cases_bounded: u64) -> Vec<String> {
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
        StoppedBy::Memory => bounds.push("the memory given".into()),
        StoppedBy::Unsupported(what) => bounds.push(what.clone()),
        StoppedBy::Preemptions => {}
        StoppedBy::Observer if request.cpu_time.is_some() => {}
        _ if !explored.complete && bounds.is_empty() => {
            bounds.push(format!("{} executions at random", explored.executions));
        }
        _ => {}
    }
    if let Some(most) = explored.preemptions_covered.filter(|_| !explored.complete) {
        bounds.push(within_preemptions(most));
    }
    if request.crash == CutMode::Off {
        bounds.push("no power cuts".into());
    }
    if cases_bounded > 0 {
        bounds.push(format!("{cases_bounded} crash cases explored in part"));
    }
    bounds
}

/// Recovery under the protocol variant of the execution, and its oracles.
pub(crate) struct Recovery {
    judge: Judge,
    /// Recovery under the correct protocol, for controls.
    correct: Judge,
    contract: &'static Contract,
    e2fsck: E2fsck,
    unjudged: RefCell<Unjudged>,
    /// The model's part, and which power cuts are looked at.
    following: Option<Following>,
    mode: CutMode,
}

/// Images that the external judge could not judge.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Unjudged {
    count: u64,
    why: Option<String>,
}

impl Recover for Recovery {
    type Promise = Promise;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Promise> {
        let mut promises = oracle::promises(self.contract, log, cut);
        let follows = follows_cuts(self.mode).then_some(self.following.as_ref());
        if let Some(following) = follows.flatten() {
            promises.extend(following.promises(log, cut));
        }
        promises
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

    /// By the correct protocol, whatever the variant: what that can not recover of an image that
    /// nobody has written to is not the variant's fault, and a variant that can not is caught. An
    /// e2fsck of its own keeps the counts of the other to the images of recoveries.
    fn control_of_base(&self, disk: &LazyDisk, promises: &[Promise]) -> Result<(), String> {
        let e2fsck = E2fsck::find(disk.block_size());
        match (self.correct)(disk, self.contract, promises, &e2fsck) {
            Ok(_) => Ok(()),
            Err(finding) => Err(finding.to_string()),
        }
    }
}
