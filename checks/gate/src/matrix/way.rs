//! The ways of exploring that are compared.

use crate::json::CheckJson;
use crate::suite::{Conformance, Engine, Request};
use cutpoint::crash::CutMode;

/// Preemptions that loom is bound to: unbounded, it repeats the same executions until its time is
/// over.
const LOOM_PREEMPTIONS: usize = 2;

/// Preemptions up to which executions are looked at, those with the fewest first.
const FEW_PREEMPTIONS: usize = 3;

/// A way of exploring. Where nothing else is said, every execution has all its power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Every interleaving, each with every power cut.
    Dpor,
    /// Interleavings with few preemptions, those with the fewest first, each with every power cut.
    Fewest,
    /// Every interleaving and no power cut.
    DporWithoutCrashes,
    /// loom, with few preemptions.
    Loom,
    /// Schedules drawn uniformly at each step.
    Random,
    /// Probabilistic concurrency testing.
    Pct,
    /// Uniform random walks.
    Urw,
    /// The first schedule alone, with every power cut.
    OneSchedule,
    /// Every interleaving with every power cut, judged by nothing but the model. Where a scenario
    /// has no model, nothing is found.
    Conformance,
}

impl Way {
    /// All of them, in the order of the columns.
    pub const ALL: [Way; 9] = [
        Way::Dpor,
        Way::Fewest,
        Way::DporWithoutCrashes,
        Way::Loom,
        Way::Random,
        Way::Pct,
        Way::Urw,
        Way::OneSchedule,
        Way::Conformance,
    ];

    /// Its name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Way::Dpor => "dpor",
            Way::Fewest => "fewest first",
            Way::DporWithoutCrashes => "dpor, no crash",
            Way::Loom => "loom",
            Way::Random => "random",
            Way::Pct => "pct",
            Way::Urw => "urw",
            Way::OneSchedule => "one schedule",
            Way::Conformance => "conformance",
        }
    }

    /// Whether another seed makes another run.
    pub fn draws_lots(self) -> bool {
        matches!(self, Way::Random | Way::Pct | Way::Urw)
    }

    /// Whether a check that found nothing visited everything that this way visits.
    pub fn is_complete(self, check: &CheckJson) -> bool {
        match self {
            Way::Random | Way::Pct | Way::Urw => false,
            // Its budget of executions is all that it visits.
            Way::OneSchedule => check.executions == 1,
            _ => !check.unfinished,
        }
    }

    /// The request that explores in this way.
    pub fn of(self, request: Request) -> Request {
        let by = |engine| Request {
            engine,
            ..request.clone()
        };
        match self {
            Way::Dpor => by(Engine::Dpor),
            Way::Fewest => Request {
                preemptions: Some(FEW_PREEMPTIONS),
                ..by(Engine::Dpor)
            },
            Way::DporWithoutCrashes => Request {
                crash: CutMode::Off,
                ..by(Engine::Dpor)
            },
            Way::Loom => Request {
                preemptions: Some(LOOM_PREEMPTIONS),
                ..by(Engine::Loom)
            },
            Way::Random => by(Engine::Random),
            Way::Pct => by(Engine::Pct),
            Way::Urw => by(Engine::Urw),
            Way::OneSchedule => Request {
                executions: Some(1),
                ..by(Engine::Dpor)
            },
            Way::Conformance => Request {
                conformance: Conformance::Only,
                ..by(Engine::Dpor)
            },
        }
    }
}
