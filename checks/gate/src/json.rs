//! The documents for programs. `JSON.md` beside this package's manifest describes them; a test
//! keeps it complete.
//!
//! A document's `schema` ends in a number that changes when a field changes its meaning or goes
//! away. New fields come without a new number.

use crate::suite::{self, Part, Report, Verdict};
use cutpoint::crash::Ledger;
use cutpoint::lockgraph::GraphState;
use cutpoint::state::Numbers;
use cutpoint_traces::Trace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The schema of [`CheckJson`].
pub const CHECK_SCHEMA: &str = "cutpoint-check/1";
/// The schema of [`ModelJson`].
pub const MODEL_SCHEMA: &str = "cutpoint-model/1";
/// The schema of [`CoverJson`].
pub const COVER_SCHEMA: &str = "cutpoint-cover/1";
/// The schema of [`DifferentialJson`].
pub const DIFFERENTIAL_SCHEMA: &str = "cutpoint-differential/1";
/// The schema of [`ReplayJson`].
pub const REPLAY_SCHEMA: &str = "cutpoint-replay/1";

/// The schema of [`MinimiseJson`].
pub const MINIMISE_SCHEMA: &str = "cutpoint-minimise/1";

/// The result of `check`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckJson {
    /// [`CHECK_SCHEMA`].
    pub schema: String,
    /// The scenario.
    pub scenario: String,
    /// The seeded variant; null for the correct protocol.
    pub variant: Option<String>,
    /// The explorer.
    pub engine: String,
    /// The design of the file system.
    pub design: String,
    /// One of [`Verdict::name`].
    pub verdict: String,
    /// The violated invariant.
    pub invariant: Option<String>,
    /// What the invariant demands.
    pub expected: Option<String>,
    /// What there is instead.
    pub observed: Option<String>,
    /// The bound if the verdict is WithinBounds, the reason if it is NotMeasured or HarnessBroken.
    pub why: Option<String>,
    /// Whether the search ended before it reached what was asked for.
    pub unfinished: bool,
    /// What was asked for.
    pub bounds: BoundsJson,
    /// Executions run.
    pub executions: u64,
    /// Mazurkiewicz traces seen.
    pub traces_distinct: u64,
    /// Executions given up because they could only repeat others.
    pub sleep_blocked: u64,
    /// Every execution with at most so many preemptions was covered.
    #[serde(default)]
    pub preemptions_covered: Option<u32>,
    /// Preemptions in the counterexample.
    #[serde(default)]
    pub preemptions: Option<u32>,
    /// Cuts visited, those of recoveries included.
    pub crash_frontiers: u64,
    /// Distinct crash cases judged.
    pub crash_cases: u64,
    /// Disk images that the cases stand for.
    pub crash_states_covered: u128,
    /// Recoveries run.
    pub recoveries_run: u64,
    /// Controls of the harness run.
    #[serde(default)]
    pub controls_run: u64,
    /// Crash cases that were not remembered for want of room.
    #[serde(default)]
    pub cases_forgotten: u64,
    /// What the external judge saw.
    pub e2fsck: E2fsckJson,
    /// Named interesting states, with the number of executions or recoveries that reached them.
    pub reached: BTreeMap<String, u64>,
    /// Where the counterexample was written.
    pub trace_file: Option<String>,
    /// If this is a part of a search, what it takes to put the parts together.
    #[serde(default)]
    pub part: Option<PartJson>,
    /// Seconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
    /// Seconds of processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// The largest amount of memory that the process held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
}

/// What it takes to put the parts of a search together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartJson {
    /// Which part, as on the command line.
    pub shard: String,
    /// Stands for the way in which the search was split: 16 hexadecimal digits.
    pub split: String,
    /// Whether everything in this part was explored.
    pub is_complete: bool,
    /// The bounds besides that this is a part; empty without one.
    pub bounds: String,
    /// The crash cases judged, by fingerprint, with what each took.
    pub cases: Ledger,
    /// The fingerprints of the images that e2fsck judged.
    pub images: Numbers,
    /// The order of locks.
    pub locks: GraphState,
}

/// What was asked of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundsJson {
    /// The most preemptions in an execution.
    pub preemptions: Option<usize>,
    /// The number of executions after which to stop.
    pub executions: Option<u64>,
    /// The seconds after which to stop.
    pub time_s: Option<f64>,
    /// The seconds of processor time after which to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time_s: Option<f64>,
    /// The seed of the random engines.
    pub seed: u64,
    /// How finely operations are scheduled.
    pub granularity: String,
    /// Which power cuts.
    pub crash: String,
    /// How often recovery itself is cut off.
    pub recovery_crashes: u32,
    /// How writes tear.
    pub tear: String,
}

/// What e2fsck saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct E2fsckJson {
    /// Images that it judged.
    pub judged: u64,
    /// Images equal to one that it had judged.
    pub cached: u64,
    /// Images that it could not judge.
    pub not_measured: u64,
    /// Why not.
    pub why_not: Option<String>,
}

/// The result of `model check`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelJson {
    /// [`MODEL_SCHEMA`].
    pub schema: String,
    /// The model.
    pub spec: String,
    /// The rules that were switched off.
    pub without: Vec<String>,
    /// The configuration: "default" or "wide".
    pub size: String,
    /// "Holds", "Vacuous" or "Violated".
    pub verdict: String,
    /// The violated invariant.
    pub invariant: Option<String>,
    /// The steps to the violation.
    pub actions: Vec<String>,
    /// Required situations that were never reached.
    pub unreached: Vec<String>,
    /// Different states visited.
    pub states: u64,
    /// The longest of the shortest paths to a state, counted in states.
    pub depth: u64,
    /// Seconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// The result of `model cover`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverJson {
    /// [`COVER_SCHEMA`].
    pub schema: String,
    /// The model.
    pub spec: String,
    /// The scenario that the code ran.
    pub scenario: String,
    /// "Holds", "Violated", or "WithinBounds" if not all executions were explored.
    pub verdict: String,
    /// States of the model in which the power is on.
    pub states: u64,
    /// Of them, those that the code was in.
    pub visited: u64,
    /// Edges between the states.
    pub edges: u64,
    /// Edges that the exploration took.
    pub explored: u64,
    /// Edges that the tour took besides.
    pub toured: u64,
    /// Edges not taken, from states that the code passes within a turn.
    pub passed: u64,
    /// Edges not taken from other visited states: how many for each reason.
    pub reasons: Vec<ReasonJson>,
    /// Edges from states that are not visited.
    pub behind: u64,
    /// What is wrong with the reasons.
    pub faults: Vec<String>,
    /// Executions explored.
    pub executions: u64,
    /// Executions of the tour.
    pub runs: u64,
    /// Seconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// A reason why the code does not take edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReasonJson {
    /// In words.
    pub reason: String,
    /// How many edges.
    pub edges: u64,
}

/// The result of `differential`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferentialJson {
    /// [`DIFFERENTIAL_SCHEMA`].
    pub schema: String,
    /// With whom DPOR was compared.
    pub judge: String,
    /// Where the generator started.
    pub seed: u64,
    /// "Holds" or "Violated".
    pub verdict: String,
    /// On which program they disagree, and how.
    pub why: Option<String>,
    /// Programs generated.
    pub programs: u64,
    /// Programs that shuttle's depth-first search, or loom, could judge.
    pub judged: u64,
    /// Programs that use plain shuttle types, so that DPOR runs every order of turns.
    pub plain: u64,
    /// Programs that can deadlock.
    pub deadlocks: u64,
    /// Distinct traces by DPOR, of the programs without plain shuttle types.
    pub traces_distinct: u64,
    /// Executions of DPOR for those.
    pub executions: u64,
    /// Executions of those that it was compared with.
    pub judges_executions: u64,
    /// Seconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// The result of `replay`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayJson {
    /// [`REPLAY_SCHEMA`].
    pub schema: String,
    /// The trace file.
    pub trace_file: String,
    /// The scenario.
    pub scenario: String,
    /// The variant that it was replayed on; null for the correct protocol.
    pub variant: Option<String>,
    /// "Reproduces", "Gone", "Differs" or "NoLongerApplies".
    pub verdict: String,
    /// The invariant that was violated in the replay.
    pub invariant: Option<String>,
    /// What was observed in the replay.
    pub observed: Option<String>,
    /// Why the trace no longer applies.
    pub why: Option<String>,
    /// Seconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// The result of `minimise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinimiseJson {
    /// [`MINIMISE_SCHEMA`].
    pub schema: String,
    /// The trace file.
    pub trace_file: String,
    /// The smaller trace file.
    pub output: Option<String>,
    /// "Minimised", "Smaller" if the budget was spent before the end, or what `replay` says of a
    /// trace that does not reproduce.
    pub verdict: String,
    /// Why there is no smaller trace.
    pub why: Option<String>,
    /// How large the counterexample was.
    pub before: Option<SizeJson>,
    /// How large it is.
    pub after: Option<SizeJson>,
    /// Schedules tried.
    pub attempts: u64,
    /// Seconds of real time.
    pub wall_s: f64,
}

/// How large a counterexample is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeJson {
    /// Parts of the scenario that take part.
    pub parts: usize,
    /// The sum of the chosen values.
    pub faults: u64,
    /// How often a task that could have gone on was left for another.
    pub preemptions: usize,
    /// How often the task changed.
    pub switches: usize,
    /// Operations.
    pub operations: usize,
    /// Events before the power cut, or all without one.
    pub events: usize,
    /// Blocks in which a write that was not durable survived.
    pub survivors: usize,
}

impl CheckJson {
    /// The document of a report, whose counterexample was written to `trace_file`.
    pub fn new(report: &Report, trace_file: Option<&Path>) -> CheckJson {
        let violation = counterexample(report).map(|trace| &trace.violation);
        let request = &report.request;
        let crash = &report.crash;
        CheckJson {
            schema: CHECK_SCHEMA.into(),
            scenario: request.scenario.clone(),
            variant: request.variant.clone(),
            engine: request.engine.to_string(),
            design: request.design.to_string(),
            verdict: report.verdict.name().into(),
            invariant: violation.map(|violation| violation.invariant.clone()),
            expected: violation.map(|violation| violation.expected.clone()),
            observed: violation.map(|violation| violation.observed.clone()),
            why: why(&report.verdict).map(str::to_string),
            unfinished: suite::is_unfinished(report),
            bounds: BoundsJson::new(report),
            executions: report.executions,
            traces_distinct: report.traces_distinct,
            sleep_blocked: report.sleep_blocked,
            preemptions_covered: report.preemptions_covered,
            preemptions: report.preemptions,
            crash_frontiers: crash.crash_frontiers,
            crash_cases: crash.crash_cases,
            crash_states_covered: crash.crash_states_covered,
            recoveries_run: crash.recoveries_run,
            controls_run: crash.controls_run,
            cases_forgotten: crash.cases_forgotten,
            e2fsck: E2fsckJson {
                judged: report.e2fsck.judged,
                cached: report.e2fsck.cached,
                not_measured: report.e2fsck.not_measured,
                why_not: report.e2fsck.why_not.clone(),
            },
            reached: report
                .reached
                .iter()
                .map(|(name, count)| (name.to_string(), *count))
                .collect(),
            trace_file: trace_file.map(|path| path.display().to_string()),
            part: report.part.as_ref().map(|part| PartJson::new(report, part)),
            wall_s: Some(report.wall_s),
            cpu_s: Some(report.cpu_s),
            peak_rss_bytes: Some(report.peak_rss_bytes),
        }
    }

    /// The same without what differs from run to run.
    pub fn timeless(&self) -> CheckJson {
        CheckJson {
            wall_s: None,
            cpu_s: None,
            peak_rss_bytes: None,
            ..self.clone()
        }
    }
}

impl PartJson {
    fn new(report: &Report, part: &Part) -> PartJson {
        PartJson {
            shard: report.request.shard.to_string(),
            split: format!("{:016x}", part.split),
            is_complete: part.is_complete,
            bounds: part.bounds.clone(),
            cases: part.cases.clone(),
            images: part.images.clone(),
            locks: part.locks.clone(),
        }
    }
}

impl BoundsJson {
    fn new(report: &Report) -> BoundsJson {
        let request = &report.request;
        BoundsJson {
            preemptions: request.preemptions,
            executions: request.executions,
            time_s: request.time.map(|time| time.as_secs_f64()),
            cpu_time_s: request.cpu_time.map(|time| time.as_secs_f64()),
            seed: request.seed,
            granularity: request.granularity.to_string(),
            crash: suite::name_of(&suite::CUT_MODES, &request.crash).into(),
            recovery_crashes: request.recovery_crashes,
            tear: suite::name_of(&suite::TEARS, &request.tear).into(),
        }
    }
}

impl ModelJson {
    /// The same without what differs from run to run.
    pub fn timeless(&self) -> ModelJson {
        ModelJson {
            wall_s: None,
            ..self.clone()
        }
    }
}

impl DifferentialJson {
    /// The same without what differs from run to run.
    pub fn timeless(&self) -> DifferentialJson {
        DifferentialJson {
            wall_s: None,
            ..self.clone()
        }
    }
}

impl ReplayJson {
    /// The same without what differs from run to run, or from one source tree to the next.
    pub fn timeless(&self) -> ReplayJson {
        let name = Path::new(&self.trace_file).file_name();
        ReplayJson {
            trace_file: name.unwrap_or_default().to_string_lossy().into_owned(),
            wall_s: None,
            ..self.clone()
        }
    }
}

/// The counterexample of a report.
pub fn counterexample(report: &Report) -> Option<&Trace> {
    match &report.verdict {
        Verdict::Violated(trace) => Some(trace),
        _ => None,
    }
}

/// The text that goes with a verdict.
pub fn why(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Exhausted | Verdict::Violated(_) => None,
        Verdict::WithinBounds(why) | Verdict::NotMeasured(why) | Verdict::HarnessBroken(why) => {
            Some(why)
        }
    }
}
