//! shuttle's own schedulers: uniform random choice, PCT, random walks weighted by length, and
//! exhaustive depth-first search without reduction.
//!
//! They know nothing of enabledness, so they are offered only tasks whose announced operation is
//! enabled. Seeds are explicit; setting `SHUTTLE_RANDOM_SEED` overrides them, inside shuttle.

use super::drive::{Body, drive};
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use cutpoint_event::TaskId;
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, UrwRandomScheduler};
use shuttle_engine::scheduler::{Scheduler, Task};
use std::sync::Arc;

/// How to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Every enabled task is as likely as any other.
    Uniform {
        /// Determines every execution.
        seed: u64,
    },
    /// Probabilistic concurrency testing: Burckhardt, Kothari, Musuvathi and Nagarakatte, *A
    /// randomized scheduler with probabilistic guarantees of finding bugs* (ASPLOS 2010).
    Pct {
        /// Determines every execution.
        seed: u64,
        /// The number of ordering constraints that a bug may need; at least 1.
        depth: usize,
    },
    /// Uniform random walk: Zhao, Wolff, Mathur and Roychoudhury, *Selectively uniform concurrency
    /// testing* (ASPLOS 2025).
    Urw {
        /// Determines every execution.
        seed: u64,
    },
    /// Every schedule, depth first. It can not enumerate choices: they always get the same values,
    /// and a scenario that makes any is not covered.
    DepthFirst,
}

/// Explores executions of `body` that `method` chooses, until a budget of `options` is spent.
///
/// # Panics
/// If [`Method::Pct`] has depth 0, or `SHUTTLE_RANDOM_SEED` is set to something that is no number.
pub fn explore(
    method: Method,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    let body: Body = Arc::new(body);
    let forever = usize::MAX;
    match method {
        Method::Uniform { seed } => {
            let policy = OnlyEnabled::new(Uniform { seed, inner: None });
            drive(policy, false, options, body, observe).0
        }
        Method::Pct { seed, depth } => {
            let inner = PctScheduler::new_from_seed(seed, depth, forever);
            drive(OnlyEnabled::new(inner), false, options, body, observe).0
        }
        Method::Urw { seed } => {
            let inner = UrwRandomScheduler::new_from_seed(seed, forever);
            let policy = OnlyEnabled {
                introduced: Some(0),
                ..OnlyEnabled::new(inner)
            };
            drive(policy, false, options, body, observe).0
        }
        Method::DepthFirst => {
            let inner = DfsScheduler::new(None, true);
            let (mut explored, policy) =
                drive(OnlyEnabled::new(inner), true, options, body, observe);
            if policy.chose && explored.complete {
                explored.complete = false;
                let why = "shuttle's depth-first search does not enumerate choices";
                explored.stopped_by = StoppedBy::Unsupported(why.into());
            }
            explored
        }
    }
}

/// Offers a scheduler only what can go.
#[derive(Debug)]
struct OnlyEnabled<S> {
    inner: S,
    /// Whether the scenario made a choice.
    chose: bool,
    /// For a scheduler that must hear of every task when it is spawned, even if that can not go:
    /// of how many it has heard.
    introduced: Option<usize>,
}

impl<S> OnlyEnabled<S> {
    fn new(inner: S) -> OnlyEnabled<S> {
        OnlyEnabled {
            inner,
            chose: false,
            introduced: None,
        }
    }
}

impl<S: Scheduler> OnlyEnabled<S> {
    /// Offers each new task once by itself. The random walk weighs a task by its number of turns,
    /// and counts this one both where it estimates and where it walks.
    fn introduce(&mut self, tasks: &[&Task]) {
        let Some(introduced) = &mut self.introduced else {
            return;
        };
        for task in tasks {
            if usize::from(task.id()) == *introduced {
                *introduced += 1;
                let offered = self.inner.next_task(&[task], None, false);
                debug_assert_eq!(offered, Some(task.id()), "there is no other");
            }
        }
    }
}

impl<S: Scheduler + 'static> Policy for OnlyEnabled<S> {
    fn begin(&mut self) -> bool {
        self.introduced = self.introduced.map(|_| 0);
        self.inner.new_execution().is_some()
    }

    fn pick(&mut self, moves: &[Move], current: TaskId, tasks: &[&Task]) -> Pick {
        self.introduce(tasks);
        let can_go = |task: &&&Task| {
            let id = TaskId(usize::from(task.id()) as u16);
            moves.iter().any(|turn| turn.task == id && turn.enabled)
        };
        let able: Vec<&Task> = tasks.iter().filter(can_go).copied().collect();
        let current = usize::from(current.0).into();
        match self.inner.next_task(&able, Some(current), false) {
            Some(task) => Pick::Run(TaskId(usize::from(task) as u16)),
            None => Pick::Stop(StoppedBy::Harness("the scheduler gave up".into())),
        }
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        self.chose = true;
        self.inner.next_u64() % of
    }

    fn data(&mut self) -> Option<u64> {
        self.chose = true;
        Some(self.inner.next_u64())
    }
}

/// shuttle's random scheduler, made anew for each execution: it prints a line when it is dropped
/// before it has come to its end, and an execution can be repeated from its own seed.
#[derive(Debug)]
struct Uniform {
    seed: u64,
    inner: Option<RandomScheduler>,
}

impl Uniform {
    /// Lets the inner scheduler come to its end.
    fn end(&mut self) {
        if let Some(mut inner) = self.inner.take() {
            let another = inner.new_execution();
            debug_assert!(another.is_none(), "it was made for one execution");
        }
    }
}

impl Scheduler for Uniform {
    fn new_execution(&mut self) -> Option<shuttle_engine::scheduler::Schedule> {
        self.end();
        let mut inner = RandomScheduler::new_from_seed(self.seed, 1);
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let schedule = inner.new_execution();
        self.inner = Some(inner);
        schedule
    }

    fn next_task(
        &mut self,
        tasks: &[&Task],
        current: Option<shuttle_engine::scheduler::TaskId>,
        is_yielding: bool,
    ) -> Option<shuttle_engine::scheduler::TaskId> {
        self.inner.as_mut()?.next_task(tasks, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.as_mut().map_or(0, Scheduler::next_u64)
    }
}

impl Drop for Uniform {
    fn drop(&mut self) {
        self.end();
    }
}
