//! Checks of what calls returned, and of what power cuts leave of their effects.

use super::disk_checker::{Scenario, Setup};
use super::session::Body;
use super::{Checker, Report};
use crate::crash::{CrashFinding, CrashOptions, Cut, LazyDisk, MemoryBase, Observations, Recover};
use crate::disk::{Disk, Faults};
use crate::oracle::{Recorder, Specification};
use cutpoint_event::Log;
use rt_shuttle::sync::LeafMutex;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// How many of the allowed states a finding names.
const STATES_NAMED_MAX: usize = 6;

/// A check of linearizability: see [`Checker::linearizable`].
#[derive(Clone, Debug)]
pub struct LinearizableChecker<S> {
    checker: Checker,
    spec: Arc<S>,
}

impl<S: Specification> LinearizableChecker<S> {
    pub(super) fn new(checker: Checker, spec: S) -> LinearizableChecker<S> {
        LinearizableChecker {
            checker,
            spec: Arc::new(spec),
        }
    }

    /// Runs the check and reports, whatever comes of it.
    pub fn run(&self, scenario: impl Fn(Recorder<S>) + Send + Sync + 'static) -> Report {
        let spec = self.spec.clone();
        self.checker.run(move || {
            let recorder = Recorder::new(spec.clone());
            scenario(recorder.clone());
            recorder.judge();
        })
    }

    /// Runs the check; a violation is a panic.
    ///
    /// # Panics
    /// If there is a violation, or if the check can not be made.
    #[track_caller]
    pub fn check(&self, scenario: impl Fn(Recorder<S>) + Send + Sync + 'static) -> Report {
        self.run(scenario).expect_holds()
    }
}

/// A check of durable linearizability: see [`Checker::durably_linearizable`].
#[derive(Clone, Debug)]
pub struct DurableChecker<S: Specification, R> {
    setup: Setup,
    spec: Arc<S>,
    recover: R,
    known_good: Option<Scenario<(Disk, Recorder<S>)>>,
}

impl<S, R> DurableChecker<S, R>
where
    S: Specification,
    R: Fn(&Disk) -> Result<S::State, String>,
{
    pub(super) fn new(
        checker: Checker,
        spec: S,
        base: MemoryBase,
        recover: R,
    ) -> DurableChecker<S, R> {
        DurableChecker {
            setup: Setup::new(checker, base),
            spec: Arc::new(spec),
            recover,
            known_good: None,
        }
    }

    /// As [`DiskChecker::options`](super::DiskChecker::options).
    pub fn options(mut self, options: CrashOptions) -> DurableChecker<S, R> {
        self.setup.options = options;
        self
    }

    /// As [`DiskChecker::faults`](super::DiskChecker::faults).
    pub fn faults(mut self, faults: Faults) -> DurableChecker<S, R> {
        self.setup.faults = faults;
        self
    }

    /// As [`DiskChecker::known_good`](super::DiskChecker::known_good): the scenario must leave
    /// something durable that the base does not hold.
    pub fn known_good(
        mut self,
        scenario: impl Fn(Disk, Recorder<S>) + Send + Sync + 'static,
    ) -> DurableChecker<S, R> {
        self.known_good = Some(Scenario::new(move |(disk, recorder)| {
            scenario(disk, recorder)
        }));
        self
    }

    /// Runs the check and reports, whatever comes of it.
    pub fn run(&self, scenario: impl Fn(Disk, Recorder<S>) + Send + Sync + 'static) -> Report {
        let current: Arc<Current<S>> = Arc::new(LeafMutex::new(None));
        let known_good = self.known_good.clone().map(|known_good| {
            let base = self.setup.base.clone();
            let disk = move || Disk::new(base.clone());
            self.body(&current, disk, move |disk, recorder| {
                known_good.run((disk, recorder))
            })
        });
        let setup = self.setup.clone();
        let body = self.body(&current, move || setup.disk(), scenario);
        let recovery = Recovery {
            spec: &*self.spec,
            recover: &self.recover,
            current: &current,
        };
        self.setup.run(&recovery, known_good, body)
    }

    /// Runs the check; a violation is a panic.
    ///
    /// # Panics
    /// If there is a violation, or if the check can not be made.
    #[track_caller]
    pub fn check(&self, scenario: impl Fn(Disk, Recorder<S>) + Send + Sync + 'static) -> Report {
        self.run(scenario).expect_holds()
    }

    /// One execution: a scenario with a disk and a recorder of its own, which is then judged and
    /// left for the judgement of power cuts.
    fn body(
        &self,
        current: &Arc<Current<S>>,
        disk: impl Fn() -> Disk + Send + Sync + 'static,
        scenario: impl Fn(Disk, Recorder<S>) + Send + Sync + 'static,
    ) -> Body {
        let (spec, current) = (self.spec.clone(), current.clone());
        Arc::new(move || {
            let recorder = Recorder::new(spec.clone());
            current.with(|current| *current = Some(recorder.clone()));
            scenario(disk(), recorder.clone());
            recorder.judge();
        })
    }
}

/// The recorder of the newest execution. Executions come one after another, so it has no rivals.
type Current<S> = LeafMutex<Option<Recorder<S>>>;

/// Recovery that must find one of the states that the history allows.
struct Recovery<'a, S: Specification, R> {
    spec: &'a S,
    recover: &'a R,
    current: &'a Current<S>,
}

/// The states that may be recovered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Allowed<T: Ord>(BTreeSet<T>);

impl<S, R> Recover for Recovery<'_, S, R>
where
    S: Specification,
    R: Fn(&Disk) -> Result<S::State, String>,
{
    type Promise = Allowed<S::State>;

    /// One promise that says all: equal ones of different histories are equal cases.
    fn promises(&self, _log: &Log, cut: &Cut) -> Vec<Allowed<S::State>> {
        let states = self.current.with(|current| {
            let recorder = current.as_ref()?;
            Some(recorder.recoverable_within(|event| cut.contains(event)))
        });
        let initial = || BTreeSet::from([self.spec.initial()]);
        vec![Allowed(states.unwrap_or_else(initial))]
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Allowed<S::State>],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let found = (self.recover)(&Disk::after_power_cut(disk.clone()));
        let is_allowed = |state| promises.iter().all(|allowed| allowed.0.contains(state));
        let observed = match found {
            Ok(state) if is_allowed(&state) => return Ok(Observations::default()),
            Ok(state) => format!("{state:?}"),
            Err(why) => why,
        };
        Err(CrashFinding {
            invariant: "durable-linearizability",
            expected: promises.iter().map(named).collect(),
            observed,
        })
    }
}

/// The allowed states in words, the first few of them.
fn named<T: Ord + Debug + Hash>(allowed: &Allowed<T>) -> String {
    let states = allowed.0.iter().take(STATES_NAMED_MAX);
    let mut named: Vec<String> = states.map(|state| format!("{state:?}")).collect();
    match allowed.0.len().checked_sub(STATES_NAMED_MAX) {
        None | Some(0) => {}
        Some(more) => named.push(format!("{more} more states")),
    }
    match named.len() {
        1 => named.remove(0),
        _ => format!("one of {}", named.join(", ")),
    }
}
