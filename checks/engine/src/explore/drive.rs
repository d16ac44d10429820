//! Runs executions one after another under a strategy, until it or a budget is exhausted.
//!
//! shuttle's own runner is not used: it would call the observer from inside the scheduler, and let
//! a failing execution end the run. Executions are made and run here, each under `catch_unwind`.

use super::kept::{Keeping, SearchState};
use super::turns::{self, DRAWS_RANDOM, PLAIN_TYPES, Policy, Turns};
use super::{Execution, Explored, Found, Observer, Options, Outcome, StoppedBy};
use crate::state::Numbers;
use crate::trace_hash::TraceHasher;
use cutpoint_event::pending::{self, Pending};
use cutpoint_event::{Log, TaskId, log};
use rt_shuttle::Abandoned;
use rt_shuttle::thread::panic_text;
use shuttle_engine::runtime::execution::Execution as ShuttleExecution;
use shuttle_engine::runtime::thread::continuation::{CONTINUATION_POOL, ContinuationPool};
use shuttle_engine::scheduler::{Schedule, Scheduler};
use shuttle_engine::{Config, FailurePersistence, MaxSteps};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The closure to explore.
pub(super) type Body = Arc<dyn Fn() + Send + Sync>;

/// Explores `body` under `policy`. `exhaustive` says whether a policy that has come to its end has
/// covered every execution. Hands the policy back for what it may have counted.
pub(super) fn drive<P: Policy>(
    policy: P,
    exhaustive: bool,
    options: &Options,
    body: Body,
    observe: Observer<'_>,
) -> (Explored, P) {
    drive_kept(policy, exhaustive, options, body, observe, None)
}

/// Explores like [`drive`], with somebody who keeps the state of the search.
pub(super) fn drive_kept<P: Policy>(
    policy: P,
    exhaustive: bool,
    options: &Options,
    body: Body,
    observe: Observer<'_>,
    keeping: Option<Keeping<'_>>,
) -> (Explored, P) {
    with_stacks(|| drive_on(policy, exhaustive, options, body, observe, keeping))
}

/// Lets every [`drive_on`] within `run` use the same stacks; their options must agree on the size.
pub(super) fn with_stacks<R>(run: impl FnOnce() -> R) -> R {
    CONTINUATION_POOL.set(&ContinuationPool::new(), run)
}

/// Explores like [`drive_kept`], on stacks that are there.
pub(super) fn drive_on<P: Policy>(
    policy: P,
    exhaustive: bool,
    options: &Options,
    body: Body,
    observe: Observer<'_>,
    mut keeping: Option<Keeping<'_>>,
) -> (Explored, P) {
    let turns = Turns::new(policy, options.max_steps, options.plain_types);
    let turns = Rc::new(RefCell::new(turns));
    let mut driver = Driver::new(options, turns.clone());
    let mut is_prepared = keeping
        .as_mut()
        .is_some_and(|keeping| driver.start(keeping));
    let before = pending::granularity();
    pending::set_granularity(options.granularity);
    let stopped_by = loop {
        let is_over = !is_prepared && !turns.borrow_mut().begin();
        is_prepared = false;
        let over_budget = driver.over_budget();
        if let Some(keeping) = &mut keeping {
            driver.keep(keeping, is_over, is_over || over_budget.is_some());
        }
        if is_over {
            break StoppedBy::Exhaustion;
        }
        if let Some(stop) = over_budget {
            break stop;
        }
        if let Some(stop) = driver.execute(&body, observe) {
            break stop;
        }
    };
    pending::set_granularity(before);
    let explored = driver.explored(stopped_by, exhaustive);
    let turns = Rc::into_inner(turns).expect("shuttle keeps no scheduler after an execution");
    (explored, turns.into_inner().policy)
}

struct Driver<'a, P> {
    options: &'a Options,
    config: Config,
    turns: Rc<RefCell<Turns<P>>>,
    started: Instant,
    executions: u64,
    sleep_blocked: u64,
    steps: u64,
    cut_short: bool,
    hasher: TraceHasher,
    traces: BTreeSet<u128>,
    finding: Option<Found>,
}

impl<'a, P: Policy> Driver<'a, P> {
    fn new(options: &'a Options, turns: Rc<RefCell<Turns<P>>>) -> Driver<'a, P> {
        let mut config = Config::new();
        config.stack_size = options.stack_size;
        config.failure_persistence = FailurePersistence::None;
        config.max_steps = MaxSteps::None;
        config.silence_warnings = true;
        Driver {
            options,
            config,
            turns,
            started: Instant::now(),
            executions: 0,
            sleep_blocked: 0,
            steps: 0,
            cut_short: false,
            hasher: TraceHasher::default(),
            traces: BTreeSet::new(),
            finding: None,
        }
    }

    /// Takes over the state to start from. Answers whether the next execution is prepared in it.
    fn start(&mut self, keeping: &mut Keeping<'_>) -> bool {
        self.executions = keeping.runs;
        self.sleep_blocked = keeping.runs;
        let Some(state) = keeping.start.take() else {
            return false;
        };
        keeping.split = state.split;
        self.executions = state.executions;
        self.sleep_blocked = state.sleep_blocked;
        self.steps = state.steps;
        self.traces = state.traces.0;
        let mut turns = self.turns.borrow_mut();
        turns.clear();
        turns.unsupported = state.is_unsupported.then_some(DRAWS_RANDOM);
        state.path.is_some()
    }

    /// Offers the state to be kept, unless there is a finding, which is not part of it.
    fn keep(&self, keeping: &mut Keeping<'_>, is_over: bool, is_last: bool) {
        let Some(keep) = &mut keeping.keep else {
            return;
        };
        if self.finding.is_some() || self.cut_short {
            return;
        }
        let split = keeping.split;
        let state = || SearchState {
            executions: self.executions,
            sleep_blocked: self.sleep_blocked,
            steps: self.steps,
            is_unsupported: self.turns.borrow().unsupported.is_some(),
            traces: Numbers(self.traces.clone()),
            split,
            plain_types: self.options.plain_types,
            path: match is_over {
                true => None,
                false => self.turns.borrow().policy.save(),
            },
        };
        keep(&state, is_last);
    }

    fn over_budget(&self) -> Option<StoppedBy> {
        if (self.options.executions).is_some_and(|most| self.executions >= most) {
            return Some(StoppedBy::Executions);
        }
        let time = self.options.time?;
        (self.started.elapsed() >= time).then_some(StoppedBy::Time)
    }

    /// Runs one execution and shows it to the observer. Answers why to stop, if so.
    fn execute(&mut self, body: &Body, observe: Observer<'_>) -> Option<StoppedBy> {
        let log = self.run(body);
        self.executions += 1;
        let mut turns = self.turns.borrow_mut();
        self.steps += turns.steps;
        if turns.has_met_plain_types {
            self.sleep_blocked += 1;
            turns.stop = Some(StoppedBy::Unsupported(PLAIN_TYPES.into()));
        }
        if let Some(stop) = turns.stop.take() {
            log::recycle(log);
            return Some(stop);
        }
        if turns.blocked || turns.policy.is_elsewhere() {
            self.sleep_blocked += 1;
            log::recycle(log);
            return None;
        }
        turns.policy.completed(&log);
        if self.options.count_traces {
            self.traces.insert(self.hasher.hash(&log));
        }
        let outcome = if turns.deadlocked {
            Outcome::Deadlock
        } else if log.findings.is_empty() {
            Outcome::Finished
        } else {
            self.cut_short = true;
            Outcome::Finding
        };
        let seen = observe(&Execution {
            number: self.executions,
            log: &log,
            schedule: &turns.schedule,
            outcome,
            preemptions: Some(turns.preemptions),
        });
        if outcome != Outcome::Finished && self.finding.is_none() {
            self.finding = Some(Found {
                findings: log.findings.clone(),
                schedule: turns.schedule.clone(),
                log: log.clone(),
                preemptions: Some(turns.preemptions),
            });
        }
        log::recycle(log);
        if outcome != Outcome::Finished && !self.options.past_findings {
            return Some(StoppedBy::Finding);
        }
        seen.is_break().then_some(StoppedBy::Observer)
    }

    /// Runs one execution and hands out its log.
    fn run(&self, body: &Body) -> Log {
        log::start();
        pending::reset();
        rt_shuttle::thread::reset();
        let scheduler: Rc<RefCell<dyn Scheduler>> = self.turns.clone();
        let execution = ShuttleExecution::new(scheduler, Schedule::new(0));
        let body = body.clone();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            execution.run(&self.config, move || main_task(&*body), Location::caller());
        }));
        if let Err(payload) = ended {
            // A plain shuttle thread panicked, or shuttle saw a deadlock that we can not see.
            let text = panic_text(payload.as_ref());
            if text.starts_with("deadlock!") {
                self.turns.borrow_mut().deadlock();
                log::finding("deadlock", "every task ends".into(), text);
            } else {
                log::finding("panic", "no panic".into(), text);
            }
        }
        log::finish()
    }

    fn explored(self, stopped_by: StoppedBy, exhaustive: bool) -> Explored {
        let mut complete = exhaustive && !self.cut_short && stopped_by == StoppedBy::Exhaustion;
        let mut stopped_by = stopped_by;
        if let Some(what) = self.turns.borrow().unsupported
            && stopped_by == StoppedBy::Exhaustion
        {
            complete = false;
            stopped_by = StoppedBy::Unsupported(what.into());
        }
        let counted = self.options.count_traces;
        Explored {
            executions: self.executions,
            sleep_blocked: self.sleep_blocked,
            traces_distinct: counted.then_some(self.traces.len() as u64),
            steps: self.steps,
            complete,
            preemptions_covered: None,
            stopped_by,
            finding: self.finding,
            plain_types: self.options.plain_types,
        }
    }
}

/// Explores by a strategy that reduces, and anew where the scenario turns out to use plain shuttle
/// types. `explore` is told the options, and how many executions there were before.
pub(super) fn explore_again(
    options: &Options,
    mut explore: impl FnMut(&Options, u64) -> Explored,
) -> Explored {
    let mut options = options.clone();
    if options.plain_types {
        options.count_traces = true;
        return explore(&options, 0);
    }
    let started = Instant::now();
    let explored = explore(&options, 0);
    let has_met = explored.stopped_by == StoppedBy::Unsupported(PLAIN_TYPES.into());
    if !has_met || !options.shard.is_whole() {
        return explored;
    }
    // Equal traces are explored more than once from now on, so they have to be told apart.
    (options.plain_types, options.count_traces) = (true, true);
    let time = options.time;
    options.time = time.map(|time| time.saturating_sub(started.elapsed()));
    explore(&options, explored.executions)
}

/// What the main task does. A panic of the body is a finding; shuttle never sees it.
fn main_task(body: &dyn Fn()) {
    log::set_current_task(TaskId(0));
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body))
        && !payload.is::<Abandoned>()
    {
        log::finding("panic", "no panic".into(), panic_text(payload.as_ref()));
        pending::abandon();
    }
    pending::set(TaskId(0), Pending::Local);
    turns::main_ended(true);
}
