//! The certificate: exactly what was explored, and what was found.
//!
//! Two runs of the same gate on the same code must certify the same, so everything that depends on
//! the machine or the moment is apart in [`Certificate::times`], and the digest is over the rest.

use super::Row;
use super::judge::Fault;
use super::run::{Outcome, digest};
use crate::args::GateArgs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema of [`Certificate`].
pub const SCHEMA: &str = "cutpoint-certificate/1";

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// [`SCHEMA`].
    pub schema: String,
    /// The digest of [`Certificate::certified`] as JSON without white space.
    pub digest: String,
    /// What the same input always gives.
    pub certified: Certified,
    /// What differs from run to run.
    pub times: Times,
}

/// What the same input always gives.
#[derive(Debug, Serialize, Deserialize)]
pub struct Certified {
    /// The version of this program.
    pub tool_version: String,
    /// The profile.
    pub profile: String,
    /// What the names of the jobs that were run begin with, if not all were run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The shard, if not all jobs were run.
    pub shard: Option<String>,
    /// Whether the gate passed.
    pub passed: bool,
    /// Why it did not.
    pub faults: Vec<String>,
    /// The results, in the order of the plan.
    pub jobs: Vec<Entry>,
}

/// The result of one job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it found what was expected.
    pub passed: bool,
    /// What it found.
    pub outcome: Outcome,
}

/// What differs from run to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Times {
    /// Seconds that the gate took.
    pub wall_s: f64,
    /// The cost of each job.
    pub jobs: BTreeMap<String, Cost>,
}

/// The cost of a job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds that its process took.
    pub wall_s: f64,
    /// Seconds of processor time, where it is known.
    pub cpu_s: Option<f64>,
    /// The largest amount of memory that it held, where it is known.
    pub peak_rss_bytes: Option<u64>,
    /// Whether the result is from an earlier run.
    pub is_resumed: bool,
}

impl Certified {
    /// The digest of the document.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self);
        digest(&bytes.expect("it has string keys and finite numbers only"))
    }
}

/// The certificate of a run.
pub fn of(args: &GateArgs, rows: &[Row<'_>], faults: &[Fault], wall_s: f64) -> Certificate {
    let reasons = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.job, fault.reason));
    let entries = rows.iter().map(|row| Entry {
        name: row.job.name.clone(),
        passed: row.faults.is_empty(),
        outcome: row.finished.outcome.timeless(),
    });
    let certified = Certified {
        tool_version: env!("CARGO_PKG_VERSION").into(),
        profile: args.profile.name().into(),
        only: args.only.clone(),
        shard: args.shard.map(|shard| shard.to_string()),
        passed: faults.is_empty(),
        faults: reasons.collect(),
        jobs: entries.collect(),
    };
    let costs = rows.iter().map(|row| (row.job.name.clone(), cost(row)));
    Certificate {
        schema: SCHEMA.into(),
        digest: certified.digest(),
        certified,
        times: Times {
            wall_s,
            jobs: costs.collect(),
        },
    }
}

fn cost(row: &Row<'_>) -> Cost {
    let (cpu_s, peak_rss_bytes) = match &row.finished.outcome {
        Outcome::Check(check) => (check.cpu_s, check.peak_rss_bytes),
        _ => (None, None),
    };
    Cost {
        wall_s: row.finished.wall_s,
        cpu_s,
        peak_rss_bytes,
        is_resumed: row.finished.is_resumed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Profile;
    use crate::gate::jobs::{Expect, Job};
    use crate::gate::judge::tests::{check_json, job, replay};
    use crate::gate::run::Finished;

    fn args() -> GateArgs {
        GateArgs {
            profile: Profile::Quick,
            only: Vec::new(),
            shard: None,
            resume: None,
            certificate: None,
            junit: None,
        }
    }

    /// The certificate of one check that took `wall_s` and held, and a replay.
    fn certificate(job: &Job, executions: u64, wall_s: f64) -> Certificate {
        let mut check = check_json("Exhausted", None);
        check.executions = executions;
        check.wall_s = Some(wall_s);
        check.cpu_s = Some(wall_s / 2.0);
        check.peak_rss_bytes = Some((wall_s * 1e6) as u64);
        let outcomes = [Outcome::Check(Box::new(check)), replay("Gone")];
        let rows = outcomes.map(|outcome| Row {
            job,
            finished: Finished {
                outcome,
                wall_s,
                is_resumed: wall_s > 2.0,
            },
            faults: Vec::new(),
        });
        of(&args(), &rows, &[], wall_s)
    }

    #[test]
    fn the_same_results_give_the_same_certificate_but_for_times() {
        let job = job(Expect::Holds);
        let (slow, fast) = (certificate(&job, 10, 3.0), certificate(&job, 10, 1.0));
        let text = |part: &Certified| serde_json::to_string(part).unwrap();
        assert_eq!(text(&slow.certified), text(&fast.certified));
        assert_eq!(slow.digest, fast.digest);
        let times = |part: &Times| serde_json::to_string(part).unwrap();
        assert_ne!(times(&slow.times), times(&fast.times));
        assert_ne!(certificate(&job, 11, 1.0).digest, fast.digest);
    }

    #[test]
    fn the_digest_can_be_computed_from_the_file() {
        let certificate = certificate(&job(Expect::Holds), 10, 1.0);
        let text = serde_json::to_string(&certificate).unwrap();
        let start = text.find("\"certified\":").unwrap() + "\"certified\":".len();
        let end = text.find(",\"times\":").unwrap();
        assert_eq!(digest(&text.as_bytes()[start..end]), certificate.digest);
        for passing in [
            "\"wall_s\"",
            "\"cpu_s\"",
            "\"peak_rss_bytes\"",
            "/somewhere",
        ] {
            assert!(text.contains(passing) || passing == "/somewhere");
            assert!(!text[start..end].contains(passing), "{passing}");
        }
    }
}
