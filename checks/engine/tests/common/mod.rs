//! Bodies and helpers that several tests share.
#![allow(dead_code)] // each test binary uses its own part

use cutpoint::explore::{Explored, Options, StoppedBy, dpor, naive};
use cutpoint::trace_hash::TraceHasher;
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

#[macro_use]
mod body;

/// A body that tests can hand to several explorers.
pub type Body = std::sync::Arc<dyn Fn() + Send + Sync>;

lock_programs!();

/// Explores with DPOR, expecting no finding, and hands out the distinct traces by hash too.
pub fn exhaust(body: impl Fn() + Send + Sync + 'static) -> (Explored, BTreeSet<u128>) {
    let mut traces = BTreeSet::new();
    let mut hasher = TraceHasher::default();
    let explored = dpor::explore(&Options::default(), body, &mut |execution| {
        traces.insert(hasher.hash(execution.log));
        ControlFlow::Continue(())
    });
    assert_eq!(explored.finding.as_ref().map(|found| &found.findings), None);
    assert_eq!(explored.stopped_by, StoppedBy::Exhaustion);
    assert!(explored.complete);
    (explored, traces)
}

/// The distinct traces that an explorer sees, deadlocks included.
pub fn traces_of(explorer: Explorer, body: &Body) -> (Explored, BTreeSet<u128>) {
    let mut traces = BTreeSet::new();
    let mut hasher = TraceHasher::default();
    let options = Options {
        past_findings: true,
        ..Options::default()
    };
    let body = body.clone();
    let mut observe = |execution: &cutpoint::explore::Execution<'_>| {
        traces.insert(hasher.hash(execution.log));
        ControlFlow::Continue(())
    };
    let explored = match explorer {
        Explorer::Dpor(mistake) => {
            dpor::explore_with(mistake, &options, move || body(), &mut observe)
        }
        Explorer::Naive => naive::explore(&options, move || body(), &mut observe),
    };
    (explored, traces)
}

/// Which explorer.
#[derive(Clone, Copy, Debug)]
pub enum Explorer {
    /// DPOR, perhaps with a mistake.
    Dpor(dpor::Mistake),
    /// Brute force.
    Naive,
}
