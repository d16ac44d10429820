//! The rules: what the result of a job must be.

use super::jobs::{Expect, Job};
use super::run::Outcome;

/// How bad a fault is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing was found, because something was not looked at.
    Unmeasured,
    /// What was found can not be trusted.
    Broken,
    /// The protocol is wrong, or a variant was missed.
    Finding,
}

/// A reason why the gate fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The job's name.
    pub job: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub reason: String,
}

/// What is wrong with the result of a job.
pub fn judge(job: &Job, outcome: &Outcome) -> Vec<Fault> {
    let fault = |severity, reason| Fault {
        job: job.name.clone(),
        severity,
        reason,
    };
    if let Some(fault) = no_answer(outcome).map(|(severity, why)| fault(severity, why)) {
        return vec![fault];
    }
    let finding = |reason| vec![fault(Severity::Finding, reason)];
    let found = found(outcome);
    match &job.expect {
        Expect::Exhausted { reaches } if outcome.verdict() == "Exhausted" => {
            let missed = unreached(outcome, reaches);
            missed
                .map(|reason| fault(Severity::Finding, reason))
                .collect()
        }
        Expect::Exhausted { .. } if outcome.verdict() == "WithinBounds" => {
            let reason = format!("{found}, but everything must be visited");
            vec![fault(Severity::Unmeasured, reason)]
        }
        Expect::Exhausted { .. } => finding(format!("{found}, but the protocol must hold")),
        Expect::Holds => match outcome.verdict() {
            "Exhausted" | "Holds" => Vec::new(),
            "WithinBounds" if has_reason(outcome) => Vec::new(),
            "WithinBounds" => vec![fault(Severity::Broken, "the bound is not stated".into())],
            "Vacuous" => finding(format!(
                "{found}: the invariants may hold for lack of trying"
            )),
            _ => finding(format!("{found}, but the protocol must hold")),
        },
        Expect::Violates(expected) => {
            let is_caught = outcome.verdict() == "Violated"
                && (expected.is_none() || expected.as_deref() == outcome.invariant());
            let expected = expected.as_deref().unwrap_or("some invariant");
            let reason = format!("{found}, but {expected} must be violated");
            if is_caught {
                Vec::new()
            } else {
                finding(reason)
            }
        }
        Expect::Reproduces if outcome.verdict() == "Reproduces" => Vec::new(),
        Expect::Reproduces => finding(format!("{found}, but the counterexample must reproduce")),
        Expect::Gone if outcome.verdict() == "Gone" => Vec::new(),
        Expect::Gone => finding(format!("{found}, but the counterexample must be gone")),
    }
}

/// Why there is no answer, if there is none.
fn no_answer(outcome: &Outcome) -> Option<(Severity, String)> {
    let severity = match outcome.verdict() {
        "HarnessBroken" => Severity::Broken,
        "NotMeasured" | "NoLongerApplies" => Severity::Unmeasured,
        _ => return None,
    };
    Some((severity, found(outcome)))
}

/// What was found, in words.
fn found(outcome: &Outcome) -> String {
    let verdict = outcome.verdict();
    match (outcome.invariant(), reason(outcome)) {
        (Some(invariant), _) => format!("{verdict} of {invariant}"),
        (None, Some(reason)) => format!("{verdict}: {reason}"),
        (None, None) => verdict.to_string(),
    }
}

/// The text that goes with the verdict.
fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Check(check) => check.why.clone(),
        Outcome::Model(model) if model.unreached.is_empty() => None,
        Outcome::Model(model) => Some(format!("never reached: {}", model.unreached.join(", "))),
        Outcome::Differential(differential) => differential.why.clone(),
        Outcome::Replay(replay) => replay.why.clone(),
        Outcome::Broken(why) => Some(why.clone()),
    }
}

fn has_reason(outcome: &Outcome) -> bool {
    reason(outcome).is_some_and(|reason| !reason.trim().is_empty())
}

/// The named states that should have been reached and were not.
fn unreached(outcome: &Outcome, reaches: &[String]) -> impl Iterator<Item = String> {
    let count = |state: &String| match outcome {
        Outcome::Check(check) => check.reached.get(state).copied().unwrap_or(0),
        _ => 0,
    };
    let missed = reaches.iter().filter(move |state| count(state) == 0);
    missed.map(|state| format!("never reached: {state}"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::gate::jobs::Task;
    use crate::json::{CheckJson, MODEL_SCHEMA, ModelJson, REPLAY_SCHEMA, ReplayJson};
    use crate::suite::{Report, Request, Verdict};

    /// A job of this expectation.
    pub fn job(expect: Expect) -> Job {
        Job {
            name: "s/correct/dpor".into(),
            task: Task::Check(Box::new(Request::new("s", None))),
            expect,
        }
    }

    /// The result of a check with this verdict.
    pub fn check_json(verdict: &str, invariant: Option<&str>) -> CheckJson {
        let report = Report {
            request: Request::new("s", None),
            verdict: Verdict::Exhausted,
            executions: 10,
            traces_distinct: 10,
            sleep_blocked: 0,
            preemptions_covered: None,
            preemptions: None,
            crash: Default::default(),
            e2fsck: Default::default(),
            reached: [("journal replayed", 1)].into(),
            lock_classes: 2,
            lock_edges: 1,
            lock_graph: String::new(),
            part: None,
            wall_s: 0.5,
            cpu_s: 0.5,
            peak_rss_bytes: 1,
        };
        CheckJson {
            verdict: verdict.into(),
            invariant: invariant.map(Into::into),
            ..CheckJson::new(&report, None)
        }
    }

    fn check(verdict: &str, invariant: Option<&str>) -> Outcome {
        Outcome::Check(Box::new(check_json(verdict, invariant)))
    }

    fn bounded(why: &str) -> Outcome {
        Outcome::Check(Box::new(CheckJson {
            why: Some(why.into()),
            ..check_json("WithinBounds", None)
        }))
    }

    fn model(verdict: &str, invariant: Option<&str>) -> Outcome {
        Outcome::Model(ModelJson {
            schema: MODEL_SCHEMA.into(),
            spec: "m".into(),
            without: Vec::new(),
            size: "default".into(),
            verdict: verdict.into(),
            invariant: invariant.map(Into::into),
            actions: Vec::new(),
            unreached: Vec::new(),
            states: 1,
            depth: 1,
            wall_s: Some(0.1),
        })
    }

    /// The result of a replay with this verdict.
    pub fn replay(verdict: &str) -> Outcome {
        Outcome::Replay(ReplayJson {
            schema: REPLAY_SCHEMA.into(),
            trace_file: "/somewhere/t.json".into(),
            scenario: "s".into(),
            variant: None,
            verdict: verdict.into(),
            invariant: None,
            observed: None,
            why: None,
            wall_s: Some(0.1),
        })
    }

    fn severity(expect: &Expect, outcome: &Outcome) -> Option<Severity> {
        let faults = judge(&job(expect.clone()), outcome);
        faults.iter().map(|fault| fault.severity).max()
    }

    #[test]
    fn the_correct_protocol_is_exhausted_and_reaches_what_it_must() {
        let reaching = |states: &[&str]| Expect::Exhausted {
            reaches: states.iter().map(|state| state.to_string()).collect(),
        };
        let expect = reaching(&["journal replayed"]);
        use Severity::{Broken, Finding, Unmeasured};
        assert_eq!(severity(&expect, &check("Exhausted", None)), None);
        assert_eq!(
            severity(&expect, &bounded("2 preemptions")),
            Some(Unmeasured)
        );
        assert_eq!(
            severity(&expect, &check("Violated", Some("I3"))),
            Some(Finding)
        );
        assert_eq!(
            severity(&expect, &check("NotMeasured", None)),
            Some(Unmeasured)
        );
        assert_eq!(
            severity(&expect, &check("HarnessBroken", None)),
            Some(Broken)
        );
        assert_eq!(
            severity(&expect, &Outcome::Broken("signal".into())),
            Some(Broken)
        );
        let more = reaching(&["journal replayed", "orphan cleaned up"]);
        let faults = judge(&job(more), &check("Exhausted", None));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].reason, "never reached: orphan cleaned up");
    }

    #[test]
    fn a_bound_must_be_stated() {
        assert_eq!(severity(&Expect::Holds, &check("Exhausted", None)), None);
        assert_eq!(severity(&Expect::Holds, &bounded("1 preemption")), None);
        assert_eq!(
            severity(&Expect::Holds, &bounded(" ")),
            Some(Severity::Broken)
        );
        let violated = check("Violated", Some("I3"));
        assert_eq!(severity(&Expect::Holds, &violated), Some(Severity::Finding));
    }

    #[test]
    fn a_variant_violates_exactly_what_is_expected() {
        let expect = Expect::Violates(Some("I3".into()));
        assert_eq!(severity(&expect, &check("Violated", Some("I3"))), None);
        for missed in [
            check("Violated", Some("I8")),
            check("Violated", None),
            check("Exhausted", None),
            bounded("1 preemption"),
        ] {
            assert_eq!(
                severity(&expect, &missed),
                Some(Severity::Finding),
                "{missed:?}"
            );
        }
    }

    #[test]
    fn models_hold_with_all_rules_and_break_without_one() {
        assert_eq!(severity(&Expect::Holds, &model("Holds", None)), None);
        let finding = Some(Severity::Finding);
        assert_eq!(severity(&Expect::Holds, &model("Vacuous", None)), finding);
        assert_eq!(
            severity(&Expect::Holds, &model("Violated", Some("I3"))),
            finding
        );
        let breaks = Expect::Violates(None);
        assert_eq!(severity(&breaks, &model("Violated", Some("I3"))), None);
        assert_eq!(severity(&breaks, &model("Holds", None)), finding);
    }

    #[test]
    fn recorded_counterexamples_reproduce_and_are_gone() {
        let rows = [
            ("Reproduces", None, Some(Severity::Finding)),
            ("Gone", Some(Severity::Finding), None),
            ("Differs", Some(Severity::Finding), Some(Severity::Finding)),
            (
                "NoLongerApplies",
                Some(Severity::Unmeasured),
                Some(Severity::Unmeasured),
            ),
        ];
        for (verdict, on_variant, on_correct) in rows {
            assert_eq!(
                severity(&Expect::Reproduces, &replay(verdict)),
                on_variant,
                "{verdict}"
            );
            assert_eq!(
                severity(&Expect::Gone, &replay(verdict)),
                on_correct,
                "{verdict}"
            );
        }
    }
}
