//! `cutpoint gate`: runs everything that can be checked, and compares with what is expected.
//!
//! In reading order: [`jobs`] plans what to run and what is expected of it, [`mod@run`] runs each
//! job in a process of its own, [`judge`] applies the rules to one result, [`ratchet`] compares
//! with what was accepted before. [`table`], [`certificate`] and [`junit`] write it down for
//! people, for comparison and for other programs.

mod jobs;
mod parent;
mod run;

mod judge;
mod ratchet;

mod certificate;
mod junit;
mod merge;
mod progress;
mod table;

pub use certificate::{Certificate, SCHEMA as CERTIFICATE_SCHEMA};
pub use jobs::{Expect, Job, Profile, Task};
#[cfg(test)]
pub use judge::tests::check_json as check_json_of_tests;
pub use merge::merge;
pub use parent::end_with_it;
pub use progress::Progress;
pub use run::{Finished, Outcome, Runner};

use crate::args::GateArgs;
use crate::exit::{Exit, Failure};
use crate::output::{self, BAD, BOLD, FAINT, GOOD, styled};
use crate::suite::Catalogue;
use crate::{numbers, workspace};
use jobs::Plan;
use judge::{Fault, Severity};
use ratchet::Ratchet;
use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many moves of the ratchet are worth listing; the file has them all.
const MOVES_MAX: usize = 10;

/// A job that ran, and what is wrong with what it found.
pub struct Row<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its result.
    pub finished: Finished,
    /// What the rules say against it.
    pub faults: Vec<Fault>,
}

/// Runs the command.
///
/// # Errors
/// If the source tree is not there, a file of it can not be understood, or a result can not be
/// written.
pub fn run(args: &GateArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    for path in args.certificate.iter().chain(&args.junit) {
        output::check_directory(path)?;
    }
    let root = workspace::root()?;
    let catalogue = Catalogue::get();
    let plan = Plan::new(args.profile, catalogue, &root.join("traces/corpus"))?;
    Ratchet::read(&root.join("checks/gate/ratchet.toml"))?;
    let chosen = plan.only(&args.only)?;
    let jobs = Plan::part(&chosen, args.shard);
    let rows = rows(args, &jobs)?;
    let report = Reported {
        args,
        plan: &plan,
        chosen: chosen.len(),
        rows: &rows,
        started,
    };
    report.report(&root)
}

/// Results that are to be reported.
struct Reported<'a> {
    args: &'a GateArgs,
    plan: &'a Plan,
    /// How many jobs were to be run, by all shards together.
    chosen: usize,
    rows: &'a [Row<'a>],
    started: Instant,
}

impl Reported<'_> {
    /// Compares with what was accepted, writes everything down, and says what it means.
    fn report(&self, root: &Path) -> Result<Exit, Failure> {
        let Reported {
            args,
            plan,
            chosen,
            rows,
            started,
        } = *self;
        let ratchet_file = root.join("checks/gate/ratchet.toml");
        let mut ratchet = Ratchet::read(&ratchet_file)?;
        let certificate_file = certificate_file(args, root)?;
        let drift = ratchet.compare(args.profile, &plan.jobs, rows);
        let mut faults: Vec<Fault> = rows.iter().flat_map(|row| row.faults.clone()).collect();
        faults.extend(drift.faults.iter().cloned());

        let wall_s = started.elapsed().as_secs_f64();
        let certificate = certificate::of(args, rows, &faults, wall_s);
        output::write_json(&certificate_file, &certificate)?;
        if let Some(path) = &args.junit {
            output::write_file(
                path,
                junit::of(args.profile, rows, &drift.faults).as_bytes(),
            )?;
        }

        let mut text = table::of(rows);
        let mut gaps = table::not_measured(rows, plan);
        if chosen < plan.jobs.len() {
            let others = numbers::many((plan.jobs.len() - chosen) as u64, "job", "jobs");
            gaps.push(format!("{others} left out by --only"));
        }
        if let Some(shard) = args.shard {
            let others = numbers::many((chosen - rows.len()) as u64, "job", "jobs");
            gaps.push(format!(
                "{others} of the other shards; this is shard {shard}"
            ));
        }
        list(&mut text, "Not measured", &gaps);
        list(
            &mut text,
            "Ratchet",
            &keep(ratchet, &ratchet_file, &drift.notes),
        );
        conclude(&mut text, &faults, rows.len(), wall_s);
        let _ = writeln!(
            text,
            "{}",
            styled(
                FAINT,
                format!("certificate: {}", certificate_file.display())
            )
        );
        output::print(&text)?;
        Ok(exit(&faults))
    }
}

/// Runs the jobs and judges their results.
fn rows<'a>(args: &GateArgs, jobs: &'a [Job]) -> Result<Vec<Row<'a>>, Failure> {
    let (profile, shard) = (args.profile, args.shard.unwrap_or_default());
    let only = args.only.join(" ");
    let identity = format!("gate, {}, only '{only}', part {shard}", profile.name());
    let runner = Runner::new(&identity, profile.patience(), args.resume.as_deref())?;
    let progress = Progress::new(jobs.len());
    let finished = runner.run(jobs, &progress);
    progress.end();
    let rows = jobs.iter().zip(finished).map(|(job, finished)| Row {
        job,
        faults: judge::judge(job, &finished.outcome),
        finished,
    });
    Ok(rows.collect())
}

/// Where the certificate goes. The default directory is made if need be, one asked for is not.
fn certificate_file(args: &GateArgs, root: &Path) -> Result<PathBuf, Failure> {
    match &args.certificate {
        Some(path) => Ok(path.clone()),
        None => {
            let directory = root.join("target/cutpoint");
            output::make_directory(&directory)?;
            Ok(directory.join("certificate.json"))
        }
    }
}

/// Writes the ratchet back if it moved, unless this is a CI run. Returns what to say about it.
fn keep(ratchet: Ratchet, path: &Path, moves: &[String]) -> Vec<String> {
    if moves.is_empty() {
        return Vec::new();
    }
    let mut notes: Vec<String> = moves.iter().take(MOVES_MAX).cloned().collect();
    if moves.len() > MOVES_MAX {
        notes.push(format!("and {} more", moves.len() - MOVES_MAX));
    }
    if env::var_os("CI").is_some() {
        notes.push("not written back, because CI is set: commit it from a run without CI".into());
    } else if let Err(failure) = output::write_file(path, ratchet.text().as_bytes()) {
        notes.push(format!("not written back: {failure}"));
    } else {
        notes.push(format!(
            "written back to {}: review and commit it",
            path.display()
        ));
    }
    notes
}

/// A section of the text, if there is anything in it.
fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", styled(BOLD, title));
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

/// The verdict and its reasons.
fn conclude(text: &mut String, faults: &[Fault], jobs: usize, wall_s: f64) {
    let jobs = numbers::many(jobs as u64, "job", "jobs");
    let seconds = numbers::seconds(wall_s);
    if faults.is_empty() {
        let _ = writeln!(text, "{}  {jobs} in {seconds} s", styled(GOOD, "PASS"));
        return;
    }
    let reasons = numbers::many(faults.len() as u64, "reason", "reasons");
    let _ = writeln!(
        text,
        "{}  {reasons}, {jobs} in {seconds} s",
        styled(BAD, "FAIL")
    );
    for fault in faults {
        let _ = writeln!(
            text,
            "  {}: {}",
            styled(BOLD, &fault.job),
            output::plain(&fault.reason)
        );
    }
}

/// What the faults mean to the caller.
fn exit(faults: &[Fault]) -> Exit {
    let worst = faults.iter().map(|fault| fault.severity).max();
    match worst {
        None => Exit::Holds,
        Some(Severity::Unmeasured) => Exit::Unfinished,
        Some(Severity::Broken) => Exit::Broken,
        Some(Severity::Finding) => Exit::Violated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_counts_more_than_a_broken_harness_and_that_more_than_what_is_missing() {
        let fault = |severity| Fault {
            job: "j".into(),
            severity,
            reason: "r".into(),
        };
        let exit_of = |severities: &[Severity]| {
            let faults: Vec<_> = severities.iter().copied().map(fault).collect();
            exit(&faults)
        };
        use Severity::{Broken, Finding, Unmeasured};
        assert_eq!(exit_of(&[]), Exit::Holds);
        assert_eq!(exit_of(&[Unmeasured]), Exit::Unfinished);
        assert_eq!(exit_of(&[Broken, Unmeasured]), Exit::Broken);
        assert_eq!(exit_of(&[Unmeasured, Finding, Broken]), Exit::Violated);
    }
}
