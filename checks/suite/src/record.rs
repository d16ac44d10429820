//! Recording a counterexample of a request.

use crate::request::{Engine, Request};
use cutpoint::crash::CrashViolation;
use cutpoint::record::{self, Origin};
use cutpoint_event::{Finding, Log};
use cutpoint_traces::Trace;

pub use cutpoint::record::BaseImage;

/// The trace of an execution that ends in a finding.
pub fn of_finding(request: &Request, log: &Log, finding: &Finding) -> Trace {
    record::of_finding(origin(request), log, finding)
}

/// The trace of an execution of which a power cut is not survived.
pub fn of_crash(
    request: &Request,
    log: &Log,
    violation: &CrashViolation,
    base: &BaseImage,
) -> Trace {
    record::of_crash(origin(request), log, violation, base)
}

/// The name of a crash mode on the command line.
pub fn crash_mode(request: &Request) -> &'static str {
    record::crash_mode(request.crash)
}

fn origin(request: &Request) -> Origin {
    let runtime = match request.engine {
        Engine::Loom => "loom",
        _ => "shuttle",
    };
    Origin {
        scenario: request.scenario.clone(),
        variant: request.variant.clone(),
        design: request.design.name().into(),
        runtime: runtime.into(),
        engine: request.engine.name().into(),
        granularity: request.granularity.name().into(),
        crash_mode: crash_mode(request).into(),
        seed: Some(request.seed),
        left_out: Vec::new(),
        replay_command: "cargo run --release -- replay TRACE".into(),
    }
}
