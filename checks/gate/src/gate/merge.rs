//! Putting the certificates of a gate's parts together, and judging the whole.

use super::certificate::{Certificate, Certified, SCHEMA};
use super::jobs::{Job, Plan, Profile};
use super::run::{Finished, Outcome};
use super::{Reported, Row, judge};
use crate::args::{GateArgs, MergeArgs};
use crate::exit::{Exit, Failure};
use crate::json::CheckJson;
use crate::suite::Catalogue;
use crate::{parts, workspace};
use cutpoint::explore::Shard;
use std::collections::BTreeMap;
use std::time::Instant;

/// Judges the whole that the certificates are parts of, writes its certificate, and prints it.
///
/// # Errors
/// If they are not the certificates of all parts of one gate, each once and unchanged, or a result
/// can not be written.
pub fn merge(certificates: &[Certificate], args: &MergeArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let refused = |what: String| Failure::Other(format!("can not merge: {what}"));
    let parts = in_order(certificates).map_err(refused)?;
    let name = &parts[0].certified.profile;
    let profile = Profile::ALL
        .into_iter()
        .find(|profile| profile.name() == name);
    let profile = profile.ok_or_else(|| refused(format!("there is no profile '{name}'")))?;
    let root = workspace::root()?;
    let corpus = root.join("traces/corpus");
    let plan = Plan::new(profile, Catalogue::get(), &corpus)?;
    let only = parts[0].certified.only.clone();
    let chosen = plan.only(&only)?;
    let rows = rows(&chosen, &parts).map_err(refused)?;
    let gate = GateArgs {
        profile,
        only,
        shard: None,
        resume: None,
        certificate: args.output.clone(),
        junit: args.junit.clone(),
    };
    let report = Reported {
        args: &gate,
        plan: &plan,
        chosen: chosen.len(),
        rows: &rows,
        started,
    };
    report.report(&root)
}

/// The certificates in order of their parts.
fn in_order(certificates: &[Certificate]) -> Result<Vec<&Certificate>, String> {
    let mut parts: BTreeMap<Shard, &Certificate> = BTreeMap::new();
    for certificate in certificates {
        if certificate.schema != SCHEMA || certificate.digest != certificate.certified.digest() {
            return Err("a certificate was changed: its digest is wrong".into());
        }
        let shard = certificate.certified.shard.as_deref();
        let shard = shard.ok_or("a certificate is that of a whole gate, not of a part")?;
        let shard: Shard = shard
            .parse()
            .map_err(|error| format!("part '{shard}' is {error}"))?;
        if parts.insert(shard, certificate).is_some() {
            return Err(format!("part {shard} is there twice"));
        }
    }
    let (first_shard, first) = parts.first_key_value().ok_or("there are no parts")?;
    let of = first_shard.of();
    let run = |certified: &Certified| {
        let Certified {
            tool_version,
            profile,
            only,
            ..
        } = certified;
        (tool_version.clone(), profile.clone(), only.clone())
    };
    for (shard, certificate) in &parts {
        if shard.of() != of || run(&certificate.certified) != run(&first.certified) {
            return Err(format!(
                "parts {first_shard} and {shard} are of different gates"
            ));
        }
    }
    let is_there = |index: &u32| parts.keys().any(|shard| shard.index() == *index);
    if let Some(missing) = (1..=of).find(|index| !is_there(index)) {
        return Err(format!("part {missing}/{of} is missing"));
    }
    Ok(parts.into_values().collect())
}

/// The results of the jobs, in their order.
fn rows<'a>(jobs: &[&'a Job], parts: &[&Certificate]) -> Result<Vec<Row<'a>>, String> {
    for (part, entry) in parts.iter().flat_map(|part| {
        let entries = part.certified.jobs.iter();
        entries.map(move |entry| (part, entry))
    }) {
        if !jobs.iter().any(|job| job.name == entry.name) {
            let shard = part.certified.shard.as_deref().unwrap_or_default();
            return Err(format!(
                "part {shard} has a job '{}' that there is not here: it is of other code",
                entry.name
            ));
        }
    }
    let rows = jobs.iter().map(|job| {
        let finished = whole(job, parts).map_err(|error| format!("{}: {error}", job.name))?;
        Ok(Row {
            job,
            faults: judge::judge(job, &finished.outcome),
            finished,
        })
    });
    rows.collect()
}

/// The result of a job, from all parts that have one.
fn whole(job: &Job, parts: &[&Certificate]) -> Result<Finished, String> {
    let mut outcomes = Vec::new();
    let mut wall_s: f64 = 0.0;
    let mut is_resumed = false;
    let (mut cpu_s, mut memory) = (None, None);
    for part in parts {
        let entries = part.certified.jobs.iter();
        let entries = entries.filter(|entry| entry.name == job.name);
        outcomes.extend(entries.map(|entry| &entry.outcome));
        if let Some(cost) = part.times.jobs.get(&job.name) {
            wall_s = wall_s.max(cost.wall_s);
            is_resumed |= cost.is_resumed;
            cpu_s = cost.cpu_s.map(|s| s + cpu_s.unwrap_or(0.0)).or(cpu_s);
            memory = memory.max(cost.peak_rss_bytes);
        }
    }
    let is_split = job.split(Shard::WHOLE).is_some();
    let wanted = if is_split { parts.len() } else { 1 };
    if outcomes.len() != wanted {
        return Err(format!(
            "{} results, where there should be {wanted}",
            outcomes.len()
        ));
    }
    let broken = outcomes
        .iter()
        .find(|outcome| matches!(outcome, Outcome::Broken(_)));
    let mut outcome = match (broken, is_split) {
        (Some(broken), _) => (**broken).clone(),
        (None, false) => outcomes[0].clone(),
        (None, true) => {
            let checks = outcomes.iter().map(|outcome| match outcome {
                Outcome::Check(check) => Ok(&**check),
                _ => Err("the result of a part is not that of a check"),
            });
            let checks: Vec<&CheckJson> = checks.collect::<Result<_, _>>()?;
            Outcome::Check(Box::new(parts::union(&checks)?))
        }
    };
    if let Outcome::Check(check) = &mut outcome {
        (check.cpu_s, check.peak_rss_bytes) = (cpu_s, memory);
    }
    Ok(Finished {
        outcome,
        wall_s,
        is_resumed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::certificate::Times;

    fn certificate(shard: Option<&str>) -> Certificate {
        let certified = Certified {
            tool_version: "1".into(),
            profile: "quick".into(),
            only: Vec::new(),
            shard: shard.map(Into::into),
            passed: true,
            faults: Vec::new(),
            jobs: Vec::new(),
        };
        Certificate {
            schema: SCHEMA.into(),
            digest: certified.digest(),
            certified,
            times: Times {
                wall_s: 1.0,
                jobs: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn only_all_parts_of_one_gate_are_a_whole() {
        let error = |certificates: &[Certificate]| in_order(certificates).unwrap_err();
        let part = |shard| certificate(Some(shard));
        assert!(error(&[]).contains("no parts"));
        assert!(error(&[part("1/2")]).contains("part 2/2 is missing"));
        assert!(error(&[part("1/2"), part("1/2")]).contains("twice"));
        assert!(error(&[part("1/2"), part("2/3")]).contains("different gates"));
        assert!(error(&[part("0/2")]).contains("not of the form I/N"));
        assert!(error(&[certificate(None)]).contains("whole gate"));
        let mut other = part("2/2");
        other.certified.profile = "full".into();
        other.digest = other.certified.digest();
        assert!(error(&[part("1/2"), other]).contains("different gates"));
        let mut changed = part("2/2");
        changed.certified.passed = false;
        assert!(error(&[part("1/2"), changed]).contains("digest"));
        let certificates = [part("2/2"), part("1/2")];
        let parts = in_order(&certificates).unwrap();
        assert_eq!(parts[0].certified.shard.as_deref(), Some("1/2"));
    }

    #[test]
    fn a_job_without_a_result_is_refused() {
        let parts = [certificate(Some("1/2")), certificate(Some("2/2"))];
        let parts: Vec<&Certificate> = parts.iter().collect();
        let corpus = std::path::Path::new("/nonexistent");
        let plan = Plan::new(Profile::Quick, Catalogue::get(), corpus).unwrap();
        let jobs: Vec<&Job> = plan.jobs.iter().collect();
        let error = rows(&jobs, &parts).err().unwrap();
        assert!(error.contains("0 results"), "{error}");
    }
}
