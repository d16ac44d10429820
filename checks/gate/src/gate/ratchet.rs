//! What was accepted before: `ratchet.toml` beside this package's manifest.
//!
//! A job that finds less than what was accepted, or is no longer there, fails the gate, even if the
//! rules alone would let it pass. What is better or new is written into the file, to be reviewed
//! with the change that caused it.

use super::Row;
use super::jobs::{Job, Profile};
use super::judge::{Fault, Severity};
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The beginning of the file.
const HEADER: &str = "\
# The accepted verdict of every job of the gate. The gate itself writes what is new or better; what
# is worse or missing fails it. To give a job up, remove its table by hand and say why.

";

/// The accepted verdicts, by profile and job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratchet {
    profiles: BTreeMap<String, BTreeMap<String, Accepted>>,
}

/// An accepted verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invariant: Option<String>,
}

/// How the results differ from what was accepted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// What is worse or missing.
    pub faults: Vec<Fault>,
    /// What is new or better, in words.
    pub notes: Vec<String>,
}

impl Ratchet {
    /// Reads the file; one that does not exist accepts nothing yet.
    ///
    /// # Errors
    /// If it can not be read or is damaged.
    pub fn read(path: &Path) -> Result<Ratchet, Failure> {
        let problem = |error: String| Failure::Other(format!("{}: {error}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| problem(error.to_string())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ratchet::default()),
            Err(error) => Err(problem(error.to_string())),
        }
    }

    /// The file's content.
    pub fn text(&self) -> String {
        let text = toml::to_string(self).expect("tables of strings are valid TOML");
        format!("{HEADER}{text}")
    }

    /// Compares the results with what was accepted, and accepts what is new or better. `planned`
    /// are all jobs of the profile, `rows` those that ran.
    pub fn compare(&mut self, profile: Profile, planned: &[Job], rows: &[Row<'_>]) -> Drift {
        let mut drift = Drift::default();
        let accepted = self.profiles.entry(profile.name().into()).or_default();
        for name in accepted.keys() {
            if !planned.iter().any(|job| job.name == *name) {
                let reason = "was accepted before, and there is no such job any more";
                drift.faults.push(fault(name, reason.into()));
            }
        }
        // A part of a job is judged when the parts are put together.
        for row in rows.iter().filter(|row| !row.job.is_part()) {
            let now = Accepted {
                verdict: row.finished.outcome.verdict().into(),
                invariant: row.finished.outcome.invariant().map(str::to_string),
            };
            let name = &row.job.name;
            let before = accepted.get(name);
            if before == Some(&now) {
                continue;
            }
            let is_worse = before.is_some_and(|before| now.rank() < before.rank());
            match before.filter(|_| is_worse || !row.faults.is_empty()) {
                Some(before) => {
                    let reason = format!("{} now, {} before", now.words(), before.words());
                    drift.faults.push(fault(name, reason));
                }
                // What breaks a rule is reported as such, and never accepted.
                None if !row.faults.is_empty() => {}
                None => {
                    let before = before.map_or("new".to_string(), Accepted::words);
                    drift
                        .notes
                        .push(format!("{name}: {before} → {}", now.words()));
                    accepted.insert(name.clone(), now);
                }
            }
        }
        drift
    }
}

impl Accepted {
    /// How much the verdict says, the least first. Verdicts that answer different questions are
    /// never those of one job.
    fn rank(&self) -> u32 {
        match self.verdict.as_str() {
            "Exhausted" | "Holds" | "Violated" | "Reproduces" | "Gone" => 3,
            "WithinBounds" => 2,
            "NotMeasured" | "NoLongerApplies" | "Vacuous" => 1,
            _ => 0,
        }
    }

    fn words(&self) -> String {
        match &self.invariant {
            Some(invariant) => format!("{} of {invariant}", self.verdict),
            None => self.verdict.clone(),
        }
    }
}

fn fault(job: &str, reason: String) -> Fault {
    Fault {
        job: job.into(),
        severity: Severity::Finding,
        reason: format!("ratchet: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::jobs::Expect;
    use crate::gate::judge::judge;
    use crate::gate::judge::tests::{check_json, job};
    use crate::gate::run::{Finished, Outcome};

    fn row<'a>(job: &'a Job, verdict: &str, invariant: Option<&str>) -> Row<'a> {
        let mut check = check_json(verdict, invariant);
        check.why = Some("a bound".into());
        let finished = Finished {
            outcome: Outcome::Check(Box::new(check)),
            wall_s: 0.1,
            is_resumed: false,
        };
        Row {
            job,
            faults: judge(job, &finished.outcome),
            finished,
        }
    }

    fn accepting(verdict: &str, invariant: Option<&str>) -> Ratchet {
        let accepted = Accepted {
            verdict: verdict.into(),
            invariant: invariant.map(Into::into),
        };
        let jobs = BTreeMap::from([("s/correct/dpor".to_string(), accepted)]);
        Ratchet {
            profiles: [("quick".to_string(), jobs)].into(),
        }
    }

    /// How many faults and notes there are, and whether the ratchet moved.
    fn compare(mut ratchet: Ratchet, expect: Expect, now: (&str, Option<&str>)) -> (usize, usize) {
        let job = job(expect);
        let before = ratchet.clone();
        let jobs = [job.clone()];
        let drift = ratchet.compare(Profile::Quick, &jobs, &[row(&job, now.0, now.1)]);
        assert_eq!(
            ratchet != before,
            !drift.notes.is_empty(),
            "it moves as it says"
        );
        (drift.faults.len(), drift.notes.len())
    }

    #[test]
    fn the_same_is_silent_worse_fails_and_better_is_accepted() {
        let holds = || Expect::Holds;
        let exhausted = || accepting("Exhausted", None);
        let bounded = || accepting("WithinBounds", None);
        assert_eq!(compare(exhausted(), holds(), ("Exhausted", None)), (0, 0));
        assert_eq!(
            compare(exhausted(), holds(), ("WithinBounds", None)),
            (1, 0)
        );
        assert_eq!(compare(exhausted(), holds(), ("NotMeasured", None)), (1, 0));
        assert_eq!(compare(bounded(), holds(), ("Exhausted", None)), (0, 1));
        assert_eq!(
            compare(bounded(), holds(), ("Violated", Some("I3"))),
            (1, 0)
        );
    }

    #[test]
    fn what_breaks_a_rule_is_never_accepted() {
        let caught = || Expect::Violates(Some("I3".into()));
        let nothing = Ratchet::default;
        let violated = |invariant| ("Violated", Some(invariant));
        let mut first = nothing();
        first.profiles.insert("quick".into(), BTreeMap::new());
        assert_eq!(compare(first.clone(), caught(), violated("I3")), (0, 1));
        assert_eq!(compare(first.clone(), caught(), violated("I8")), (0, 0));
        assert_eq!(compare(first, caught(), ("HarnessBroken", None)), (0, 0));
        let before = accepting("Violated", Some("I3"));
        assert_eq!(compare(before, caught(), violated("I8")), (1, 0));
        // Where the expectation itself changed, so may the accepted verdict.
        let before = accepting("Violated", Some("I8"));
        assert_eq!(compare(before, caught(), violated("I3")), (0, 1));
    }

    #[test]
    fn a_job_that_is_gone_fails_but_one_of_another_shard_does_not() {
        let mut ratchet = accepting("Exhausted", None);
        let job = job(Expect::Holds);
        let elsewhere = ratchet.compare(Profile::Quick, std::slice::from_ref(&job), &[]);
        assert_eq!(elsewhere, Drift::default());
        let missing = ratchet.compare(Profile::Quick, &[], &[]);
        assert_eq!(missing.faults.len(), 1);
        assert!(missing.faults[0].reason.contains("no such job"));
        assert_eq!(ratchet.compare(Profile::Full, &[], &[]), Drift::default());
    }

    #[test]
    fn the_file_survives_a_round_trip_and_damage_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ratchet.toml");
        assert_eq!(Ratchet::read(&path).unwrap(), Ratchet::default());
        let ratchet = accepting("Violated", Some("I3"));
        fs::write(&path, ratchet.text()).unwrap();
        assert_eq!(Ratchet::read(&path).unwrap(), ratchet);
        for damaged in [
            "[quick",
            "quick = 1",
            "[quick.\"a\"]\nverdict = 1\n",
            "[quick.a]\n",
        ] {
            fs::write(&path, damaged).unwrap();
            let message = Ratchet::read(&path).unwrap_err().to_string();
            assert!(message.contains("ratchet.toml"), "{message}");
        }
    }
}
