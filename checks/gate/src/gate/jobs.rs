//! What the gate runs, and what it expects of each job.

use crate::args;
use crate::differential::Judge;
use crate::exit::Failure;
use crate::model::SPECS;
use crate::replay::CORRECT;
use crate::suite::{Catalogue, Engine, Request};
use cutpoint::explore::Shard;
use cutpoint_traces::Trace;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What fits in a minute.
    Quick,
    /// What fits in half an hour.
    Full,
}

impl Profile {
    /// Both.
    pub const ALL: [Profile; 2] = [Profile::Quick, Profile::Full];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Full => "full",
        }
    }

    /// The time after which a job counts as hung, far beyond what any job takes.
    pub fn patience(self) -> Duration {
        match self {
            Profile::Quick => Duration::from_secs(300),
            Profile::Full => Duration::from_secs(3_600),
        }
    }

    /// On how many generated programs the explorer is compared with another.
    fn programs(self, judge: Judge) -> u64 {
        match (self, judge) {
            (Profile::Quick, Judge::Enumeration) => 2_000,
            (Profile::Quick, Judge::Loom) => 300,
            (Profile::Full, Judge::Enumeration) => 50_000,
            (Profile::Full, Judge::Loom) => 2_000,
        }
    }

    /// The bound of loom's search. loom repeats equivalent executions, so it can not exhaust what
    /// DPOR does; as a cross-check it looks at the schedules with few preemptions. Its search
    /// changes the end of a schedule first, so most executions are variations of one beginning:
    /// what more of them cost buys little, and the number is what the profile has time for.
    fn loom(self, request: Request) -> Request {
        let (preemptions, executions) = match self {
            Profile::Quick => (2, 300),
            Profile::Full => (3, 50_000),
        };
        Request {
            engine: Engine::Loom,
            preemptions: Some(preemptions),
            executions: Some(executions),
            ..request
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub enum Task {
    /// `cutpoint check`.
    Check(Box<Request>),
    /// `cutpoint model check`.
    Model {
        /// The model.
        spec: &'static str,
        /// The rule to switch off.
        without: Option<&'static str>,
        /// Whether to search the configuration with more than a million states.
        is_wide: bool,
    },
    /// `cutpoint differential`.
    Differential {
        /// With whom to compare.
        judge: Judge,
        /// On how many programs.
        programs: u64,
    },
    /// `cutpoint replay`.
    Replay {
        /// The trace.
        file: PathBuf,
        /// Whether to replay on the correct protocol instead of the recorded one.
        on_correct: bool,
    },
}

/// What a job must find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// That the protocol holds in everything, and that these states are reached.
    Exhausted {
        /// Named states.
        reaches: Vec<String>,
    },
    /// That the protocol holds within a stated bound, if not in everything.
    Holds,
    /// That this invariant is violated, or any if it is not said which.
    Violates(Option<String>),
    /// That the recorded violation reproduces.
    Reproduces,
    /// That the recorded violation is gone.
    Gone,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name, which identifies it in files.
    pub name: String,
    /// What to run.
    pub task: Task,
    /// What it must find.
    pub expect: Expect,
}

impl Job {
    /// The part of this job that a shard has, if the job is a search that visits everything. A
    /// search for a violation ends when it has one, so it is better left whole.
    pub fn split(&self, shard: Shard) -> Option<Job> {
        match (&self.task, &self.expect) {
            (Task::Check(request), Expect::Exhausted { .. }) => Some(Job {
                name: self.name.clone(),
                task: Task::Check(Box::new(Request {
                    shard,
                    ..(**request).clone()
                })),
                // What must be reached need not be reached in every part.
                expect: Expect::Holds,
            }),
            _ => None,
        }
    }

    /// Whether it is a part of a job.
    pub fn is_part(&self) -> bool {
        matches!(&self.task, Task::Check(request) if !request.shard.is_whole())
    }

    /// Whether it can be gone on with when it was interrupted.
    pub fn is_resumable(&self) -> bool {
        matches!(&self.task, Task::Check(request)
            if request.engine == Engine::Dpor && request.preemptions.is_none())
    }

    /// The arguments that make this program do the job.
    pub fn args(&self) -> Vec<OsString> {
        match &self.task {
            Task::Check(request) => args::of_request(request)
                .into_iter()
                .map(Into::into)
                .collect(),
            Task::Model {
                spec,
                without,
                is_wide,
            } => {
                let mut args: Vec<OsString> = vec!["model".into(), "check".into(), spec.into()];
                args.extend(without.map(|rule| format!("--without={rule}").into()));
                args.extend(is_wide.then(|| "--size=wide".into()));
                args
            }
            Task::Differential { judge, programs } => vec![
                "differential".into(),
                format!("--judge={}", judge.name()).into(),
                format!("--programs={programs}").into(),
            ],
            Task::Replay { file, on_correct } => {
                let mut args: Vec<OsString> = vec!["replay".into(), file.into()];
                args.extend(on_correct.then(|| format!("--variant={CORRECT}").into()));
                args
            }
        }
    }
}

/// Everything that the gate runs.
#[derive(Debug)]
pub struct Plan {
    /// The jobs. Those that take longest come first.
    pub jobs: Vec<Job>,
    /// The variants of which the corpus has no counterexample.
    pub unrecorded: Vec<String>,
}

impl Plan {
    /// The plan of a profile; `corpus` is the directory of recorded counterexamples, which need
    /// not exist.
    ///
    /// # Errors
    /// If the corpus can not be listed.
    pub fn new(profile: Profile, catalogue: &Catalogue, corpus: &Path) -> Result<Plan, Failure> {
        let mut jobs = checks(profile, catalogue);
        jobs.extend(Judge::ALL.map(|judge| differential(profile, judge)));
        jobs.extend(models(profile));
        let mut recorded = BTreeSet::new();
        for file in corpus_files(corpus)? {
            // What can not be read is left to the job, which reports it.
            let trace = Trace::read(&file).ok();
            let is_of_variant = trace.as_ref().is_none_or(|trace| trace.variant.is_some());
            jobs.extend(replays(&file, is_of_variant));
            recorded.extend(trace.and_then(|trace| trace.variant));
        }
        let names = catalogue.variants.keys();
        let unrecorded = names.filter(|name| !recorded.contains(*name));
        Ok(Plan {
            jobs,
            unrecorded: unrecorded.cloned().collect(),
        })
    }

    /// The jobs whose names begin with one of these, or all if none is given.
    ///
    /// # Errors
    /// If no job's name begins with one of them.
    pub fn only(&self, prefixes: &[String]) -> Result<Vec<&Job>, Failure> {
        let begins = |job: &Job, prefix: &String| job.name.starts_with(prefix.as_str());
        for prefix in prefixes {
            if !self.jobs.iter().any(|job| begins(job, prefix)) {
                return Err(Failure::Other(format!(
                    "no job's name begins with '{prefix}'; they begin with the name of a scenario \
                     (`cutpoint list`), or with model/, replay/ or differential/"
                )));
            }
        }
        let is_wanted = |job: &&Job| prefixes.iter().any(|prefix| begins(job, prefix));
        let jobs = self.jobs.iter();
        Ok(jobs
            .filter(|job| prefixes.is_empty() || is_wanted(job))
            .collect())
    }

    /// The jobs of a shard: its part of every search that can be split, and its share of the other
    /// jobs.
    pub fn part(jobs: &[&Job], shard: Option<Shard>) -> Vec<Job> {
        let jobs = jobs.iter().copied();
        let Some(shard) = shard.filter(|shard| !shard.is_whole()) else {
            return jobs.cloned().collect();
        };
        let mut whole_jobs = 0;
        let mut part = |job: &Job| match job.split(shard) {
            Some(part) => Some(part),
            None => {
                whole_jobs += 1;
                shard.owns(whole_jobs - 1).then(|| job.clone())
            }
        };
        jobs.filter_map(&mut part).collect()
    }
}

/// The correct protocol of every scenario and design by two explorers, then every variant.
fn checks(profile: Profile, catalogue: &Catalogue) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (name, scenario) in &catalogue.scenarios {
        for (design, expected) in scenario.designs() {
            let correct = Request {
                design,
                ..Request::new(name, None)
            };
            let bound = expected
                .quick_preemptions
                .filter(|_| profile == Profile::Quick);
            let (bounded, expect) = match bound {
                Some(most) => (Some(most as usize), Expect::Holds),
                None => {
                    let reaches = expected.reaches.clone();
                    (None, Expect::Exhausted { reaches })
                }
            };
            let loom = profile.loom(correct.clone());
            let correct = Request {
                preemptions: bounded,
                ..correct
            };
            jobs.push(check(correct, expect));
            jobs.push(check(loom, Expect::Holds));
        }
    }
    for (name, variant) in &catalogue.variants {
        let request = Request {
            preemptions: Some(variant.preemptions as usize),
            ..Request::new(&variant.scenario, Some(name))
        };
        let invariant = variant.invariant.clone();
        jobs.push(check(request, Expect::Violates(Some(invariant))));
    }
    jobs
}

/// A job that is named after what it checks; the design is part of the name where it is not the
/// one that the manifest names first.
fn check(request: Request, expect: Expect) -> Job {
    let protocol = request.variant.as_deref().unwrap_or(CORRECT);
    let mut name = format!("{}/{protocol}/{}", request.scenario, request.engine);
    let usual = Request::new(&request.scenario, request.variant.as_deref()).design;
    if request.design != usual {
        name = format!("{name}/{}", request.design);
    }
    Job {
        name,
        task: Task::Check(Box::new(request)),
        expect,
    }
}

/// The explorer against another, on generated programs.
fn differential(profile: Profile, judge: Judge) -> Job {
    Job {
        name: format!("differential/{}", judge.name()),
        task: Task::Differential {
            judge,
            programs: profile.programs(judge),
        },
        expect: Expect::Holds,
    }
}

/// Every model with all rules, and without each of them; in the full profile also its wide
/// configuration.
fn models(profile: Profile) -> Vec<Job> {
    let mut jobs = Vec::new();
    for spec in SPECS {
        let mut job = |name: String, without, is_wide, expect| {
            let spec = spec.name;
            jobs.push(Job {
                name,
                task: Task::Model {
                    spec,
                    without,
                    is_wide,
                },
                expect,
            });
        };
        if profile == Profile::Full {
            job(
                format!("model/{}/wide", spec.name),
                None,
                true,
                Expect::Holds,
            );
        }
        job(format!("model/{}", spec.name), None, false, Expect::Holds);
        for rule in spec.rules {
            let name = format!("model/{}/without/{rule}", spec.name);
            job(name, Some(rule.name()), false, Expect::Violates(None));
        }
    }
    jobs
}

/// A recorded counterexample on its variant, where it has one, and on the correct protocol.
fn replays(file: &Path, is_of_variant: bool) -> Vec<Job> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let job = |name: String, on_correct, expect| Job {
        name,
        task: Task::Replay {
            file: file.to_path_buf(),
            on_correct,
        },
        expect,
    };
    let recorded = is_of_variant.then(|| job(format!("replay/{stem}"), false, Expect::Reproduces));
    let on_correct = job(format!("replay/{stem}/{CORRECT}"), true, Expect::Gone);
    recorded.into_iter().chain([on_correct]).collect()
}

/// The trace files of the corpus, in order.
fn corpus_files(corpus: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::Other(format!("{}: {error}", corpus.display()));
    let entries = match fs::read_dir(corpus) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        files.extend(
            path.extension()
                .is_some_and(|end| end == "json")
                .then_some(path),
        );
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(corpus: &Path) -> Plan {
        Plan::new(Profile::Quick, Catalogue::get(), corpus).unwrap()
    }

    #[test]
    fn shards_share_the_jobs_out() {
        let plan = plan(Path::new("/nonexistent"));
        let all = plan.only(&[]).unwrap();
        let shard = |text: &str| Plan::part(&all, Some(text.parse().unwrap()));
        let parts = [shard("1/3"), shard("2/3"), shard("3/3")];
        let names = |is_part: bool| {
            let jobs = parts.iter().flatten();
            let jobs = jobs.filter(|job| job.is_part() == is_part);
            let mut names: Vec<_> = jobs.map(|job| job.name.as_str()).collect();
            names.sort();
            names
        };
        let mut whole: Vec<_> = plan.jobs.iter().map(|job| job.name.as_str()).collect();
        whole.sort();
        // A search that is bounded by preemptions is not split.
        let is_split = |name: &&str| {
            name.contains("/correct/dpor") && *name != "writeback_vs_truncate/correct/dpor/bh"
        };
        let split: Vec<_> = whole.extract_if(.., |name| is_split(&*name)).collect();
        assert_eq!(names(false), whole);
        let three_times: Vec<_> = split.iter().flat_map(|name| [*name; 3]).collect();
        assert_eq!(names(true), three_times);
        let sizes = parts.map(|part| part.len());
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        assert_eq!(shard("999/999").len(), split.len());
        assert_eq!(shard("1/1").len(), plan.jobs.len());
    }

    #[test]
    fn jobs_are_chosen_by_the_beginning_of_their_names() {
        let plan = plan(Path::new("/nonexistent"));
        let only = |prefixes: &[&str]| {
            let prefixes: Vec<_> = prefixes.iter().map(ToString::to_string).collect();
            plan.only(&prefixes)
        };
        assert_eq!(only(&[]).unwrap().len(), plan.jobs.len());
        let models = only(&["model/"]).unwrap().len();
        assert!(models > 0 && models < plan.jobs.len());
        let some = only(&["model/", "differential/loom"]).unwrap();
        assert_eq!(some.len(), models + 1);
        assert!(only(&["model/", "nothing"]).is_err());
    }

    #[test]
    fn names_are_unique_and_every_variant_and_rule_has_a_job() {
        let plan = plan(Path::new("/nonexistent"));
        let names: BTreeSet<_> = plan.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names.len(), plan.jobs.len());
        let catalogue = Catalogue::get();
        for (name, variant) in &catalogue.variants {
            assert!(names.contains(format!("{}/{name}/dpor", variant.scenario).as_str()));
        }
        for scenario in catalogue.scenarios.keys() {
            assert!(names.contains(format!("{scenario}/correct/dpor").as_str()));
            assert!(names.contains(format!("{scenario}/correct/loom").as_str()));
        }
        for judge in Judge::ALL {
            assert!(names.contains(format!("differential/{}", judge.name()).as_str()));
        }
        let rules = SPECS
            .iter()
            .flat_map(|spec| spec.rules.iter().map(move |r| (spec.name, r)));
        for (spec, rule) in rules {
            assert!(names.contains(format!("model/{spec}/without/{rule}").as_str()));
        }
        let variants: Vec<_> = catalogue.variants.keys().cloned().collect();
        assert_eq!(plan.unrecorded, variants);
    }

    #[test]
    fn a_damaged_trace_in_the_corpus_still_has_its_jobs() {
        let corpus = tempfile::tempdir().unwrap();
        fs::write(corpus.path().join("b.json"), "{").unwrap();
        fs::write(corpus.path().join("README.md"), "").unwrap();
        let plan = plan(corpus.path());
        let replays = plan
            .jobs
            .iter()
            .filter(|job| job.name.starts_with("replay/"));
        let names: Vec<_> = replays.map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["replay/b", "replay/b/correct"]);
    }
}
