//! Running the jobs, each in a process of its own.
//!
//! loom and shuttle must not share a process, and a job that crashes must not take the others with
//! it. So a job is this program once more, with its result as JSON in a file. As many jobs run at a
//! time as the machine has processors. A job ends when this process does (see [`parent`]).

use super::jobs::{Job, Task};
use super::parent;
use super::progress::Progress;
use crate::exit::{Exit, Failure};
use crate::json::{CheckJson, DifferentialJson, ModelJson, ReplayJson};
use crate::output;
use crate::suite;
use cutpoint::state::{self, StateError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How much of a job's error output is worth showing.
const ERROR_LINES_MAX: usize = 5;

/// What a job found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result of `check`.
    Check(Box<CheckJson>),
    /// The result of `model check`.
    Model(ModelJson),
    /// The result of `differential`.
    Differential(DifferentialJson),
    /// The result of `replay`.
    Replay(ReplayJson),
    /// There is no result; the text says what happened instead.
    Broken(String),
}

impl Outcome {
    /// The verdict in one word.
    pub fn verdict(&self) -> &str {
        match self {
            Outcome::Check(check) => &check.verdict,
            Outcome::Model(model) => &model.verdict,
            Outcome::Differential(differential) => &differential.verdict,
            Outcome::Replay(replay) => &replay.verdict,
            Outcome::Broken(_) => "HarnessBroken",
        }
    }

    /// The violated invariant.
    pub fn invariant(&self) -> Option<&str> {
        match self {
            Outcome::Check(check) => check.invariant.as_deref(),
            Outcome::Model(model) => model.invariant.as_deref(),
            Outcome::Replay(replay) => replay.invariant.as_deref(),
            Outcome::Differential(_) | Outcome::Broken(_) => None,
        }
    }

    /// The same without what differs from run to run.
    pub fn timeless(&self) -> Outcome {
        match self {
            Outcome::Check(check) => Outcome::Check(Box::new(check.timeless())),
            Outcome::Model(model) => Outcome::Model(model.timeless()),
            Outcome::Differential(differential) => Outcome::Differential(differential.timeless()),
            Outcome::Replay(replay) => Outcome::Replay(replay.timeless()),
            Outcome::Broken(why) => Outcome::Broken(why.clone()),
        }
    }
}

/// A job's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What it found.
    pub outcome: Outcome,
    /// Seconds that it took, when it ran.
    pub wall_s: f64,
    /// Whether it was not run now, but taken from the directory of `--resume`.
    pub is_resumed: bool,
}

/// A result kept for `--resume`.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The digest of the binary that ran the job.
    binary: String,
    /// What was asked for.
    request: Vec<String>,
    /// What was found.
    outcome: Outcome,
    /// Seconds that it took.
    wall_s: f64,
}

/// Runs jobs.
pub struct Runner {
    program: PathBuf,
    binary: String,
    /// For the files of running jobs; removed at the end.
    scratch: tempfile::TempDir,
    kept: Option<PathBuf>,
    patience: Duration,
    /// Keeps other gates out of the directory of `kept`.
    _lock: Option<File>,
}

impl Runner {
    /// A runner that keeps results in the directory `kept`, if there is one, for others of the same
    /// `identity`. A job that takes longer than `patience` counts as hung.
    ///
    /// # Errors
    /// If a directory can not be made, or is of another identity, or this program does not find
    /// itself.
    pub fn new(identity: &str, patience: Duration, kept: Option<&Path>) -> Result<Runner, Failure> {
        let problem = |what: &str, error: io::Error| Failure::Other(format!("{what}: {error}"));
        if let Some(directory) = kept {
            output::make_directory(directory)?;
        }
        let program = env::current_exe();
        let program = program.map_err(|error| problem("can not find this program", error))?;
        let content = fs::read(&program);
        let content = content.map_err(|error| problem("can not read this program", error))?;
        let binary = digest(&content);
        let mut lock = None;
        if let Some(directory) = kept {
            lock = Some(suite::lock(directory)?);
            claim(directory, &format!("{identity}, program {binary}"))?;
        }
        let scratch = tempfile::Builder::new().prefix("cutpoint-gate.").tempdir();
        Ok(Runner {
            binary,
            program,
            scratch: scratch.map_err(|error| problem("no temporary directory", error))?,
            kept: kept.map(Path::to_path_buf),
            patience,
            _lock: lock,
        })
    }

    /// Runs the jobs, and returns their results in the same order.
    pub fn run(&self, jobs: &[Job], progress: &Progress) -> Vec<Finished> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(vec![None; jobs.len()]);
        let work = || {
            while let Some((index, job)) = take(&next, jobs) {
                progress.started(&job.name);
                let finished = self.one(index, job);
                progress.finished(&job.name, &finished);
                results.lock().expect("no worker panics")[index] = Some(finished);
            }
        };
        let workers = thread::available_parallelism().map_or(1, |count| count.get());
        thread::scope(|scope| {
            for _ in 0..workers.min(jobs.len()) {
                scope.spawn(work);
            }
        });
        let results = results.into_inner().expect("no worker panics");
        let results = results.into_iter();
        results
            .map(|result| result.expect("every job was taken"))
            .collect()
    }

    /// Runs one job, unless its result is known.
    fn one(&self, index: usize, job: &Job) -> Finished {
        let request = request(job);
        let kept = self
            .kept
            .as_ref()
            .map(|directory| kept_file(directory, job));
        if let Some(finished) = kept.as_deref().and_then(|file| self.recall(file, &request)) {
            return finished;
        }
        let started = Instant::now();
        let outcome = self.execute(index, job).unwrap_or_else(Outcome::Broken);
        let wall_s = started.elapsed().as_secs_f64();
        if let Some(file) = kept.filter(|_| outcome.verdict() != "HarnessBroken") {
            let kept = Kept {
                binary: self.binary.clone(),
                request,
                outcome: outcome.clone(),
                wall_s,
            };
            // The result is good all the same; only a later run will have to repeat it.
            if let Err(failure) = output::write_json(&file, &kept) {
                output::note(&format!(
                    "the result of {} is not kept: {failure}",
                    job.name
                ));
            }
        }
        Finished {
            outcome,
            wall_s,
            is_resumed: false,
        }
    }

    /// The kept result, if it is of this binary and this request.
    fn recall(&self, file: &Path, request: &[String]) -> Option<Finished> {
        let kept: Kept = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        let is_same = kept.binary == self.binary && kept.request == request;
        is_same.then_some(Finished {
            outcome: kept.outcome,
            wall_s: kept.wall_s,
            is_resumed: true,
        })
    }

    /// Runs the job's process. The error says why there is no result.
    fn execute(&self, index: usize, job: &Job) -> Result<Outcome, String> {
        let text = |error: io::Error| error.to_string();
        let result = self.scratch.path().join(format!("{index}.json"));
        let errors = self.scratch.path().join(format!("{index}.err"));
        let state = self.kept.as_ref().filter(|_| job.is_resumable());
        let state = state.map(|directory| directory.join(file_stem(job) + ".search"));
        let resume = state
            .iter()
            .flat_map(|state| ["--resume".as_ref(), state.as_os_str()]);
        let mut command = Command::new(&self.program);
        let mut child = parent::bind(&mut command)
            .args(job.args())
            .args(resume)
            .arg("--json")
            .arg(&result)
            .stdout(Stdio::null())
            .stderr(File::create(&errors).map_err(text)?)
            .spawn()
            .map_err(text)?;
        let status = wait(&mut child, self.patience)?;
        let said = last_lines(&fs::read(&errors).unwrap_or_default());
        let is_answer = [Exit::Holds, Exit::Violated, Exit::Unfinished, Exit::Broken]
            .iter()
            .any(|exit| status.code() == Some(*exit as i32));
        let result = fs::read(&result);
        match result {
            Ok(bytes) if is_answer => parse(&job.task, &bytes).map_err(|error| error.to_string()),
            _ => Err(format!("no result, {status}: {said}")),
        }
    }
}

/// Marks the directory as one of this identity.
fn claim(directory: &Path, identity: &str) -> Result<(), Failure> {
    let file = directory.join("gate.state");
    let foreign = |error: StateError| Failure::Other(error.to_string());
    match state::read::<()>(&file, identity).map_err(foreign)? {
        Some(()) => Ok(()),
        None => state::write(&file, identity, &()).map_err(foreign),
    }
}

/// The next job to run.
fn take<'a>(next: &AtomicUsize, jobs: &'a [Job]) -> Option<(usize, &'a Job)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(index).map(|job| (index, job))
}

/// Waits for a process, and ends it if it takes too long.
fn wait(child: &mut Child, patience: Duration) -> Result<ExitStatus, String> {
    let started = Instant::now();
    // Short jobs must not wait for a long pause, long ones must not be slowed by a short one.
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if started.elapsed() >= patience {
            // It may have ended by itself just now, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("not finished after {} s", patience.as_secs()));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn parse(task: &Task, bytes: &[u8]) -> serde_json::Result<Outcome> {
    fn document<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
        serde_json::from_slice(bytes)
    }
    Ok(match task {
        Task::Check(_) => Outcome::Check(document(bytes)?),
        Task::Model { .. } => Outcome::Model(document(bytes)?),
        Task::Differential { .. } => Outcome::Differential(document(bytes)?),
        Task::Replay { .. } => Outcome::Replay(document(bytes)?),
    })
}

/// What is asked for: the arguments, and what they refer to.
fn request(job: &Job) -> Vec<String> {
    let args = job.args().into_iter();
    let mut request: Vec<_> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    if let Task::Replay { file, .. } = &job.task {
        request.push(digest(&fs::read(file).unwrap_or_default()));
    }
    request
}

fn kept_file(directory: &Path, job: &Job) -> PathBuf {
    directory.join(file_stem(job) + ".json")
}

/// A file name for a job.
fn file_stem(job: &Job) -> String {
    job.name.replace('/', "+")
}

/// Tells contents apart that differ by accident; it does not resist those who want to deceive.
pub fn digest(content: &[u8]) -> String {
    format!("crc32c:{:08x}:{}", crc32c::crc32c(content), content.len())
}

/// The end of a text, in one line.
fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let skipped = lines.len().saturating_sub(ERROR_LINES_MAX);
    lines[skipped..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::jobs::Expect;
    use crate::gate::judge::tests::{check_json, job};

    fn runner(kept: &Path) -> Runner {
        Runner::new("test", Duration::from_secs(300), Some(kept)).unwrap()
    }

    #[test]
    fn a_result_is_kept_for_the_same_binary_and_request_only() {
        let directory = tempfile::tempdir().unwrap();
        let runner = runner(directory.path());
        let job = job(Expect::Holds);
        let file = kept_file(directory.path(), &job);
        // A count that no other JSON reader would keep exactly.
        let mut check = check_json("Exhausted", None);
        check.crash_states_covered = u128::MAX - 1;
        let kept = Kept {
            binary: runner.binary.clone(),
            request: request(&job),
            outcome: Outcome::Check(Box::new(check)),
            wall_s: 1.5,
        };
        output::write_json(&file, &kept).unwrap();
        let recalled = runner.one(0, &job);
        assert!(recalled.is_resumed);
        assert_eq!((recalled.outcome, recalled.wall_s), (kept.outcome, 1.5));

        assert!(runner.recall(&file, &["other".into()]).is_none());
        let other = Runner {
            binary: "crc32c:0:0".into(),
            ..runner
        };
        assert!(other.recall(&file, &request(&job)).is_none());
        fs::write(&file, "{").unwrap();
        assert!(other.recall(&file, &request(&job)).is_none());
    }

    #[test]
    fn a_process_that_takes_too_long_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let waited = wait(&mut child, Duration::from_millis(5));
        assert!(waited.unwrap_err().contains("not finished"));
        assert!(child.try_wait().unwrap().is_some());
    }

    #[test]
    fn a_process_without_a_result_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let runner = Runner {
            program: "/bin/false".into(),
            ..runner(directory.path())
        };
        let finished = runner.one(0, &job(Expect::Holds));
        let Outcome::Broken(why) = &finished.outcome else {
            panic!("{finished:?}");
        };
        assert!(why.contains("no result"), "{why}");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            2,
            "it is not kept; there are only the mark and the lock of this gate"
        );
    }

    #[test]
    fn only_the_end_of_the_errors_is_shown() {
        let text = "1\n\n2\n 3 \n4\n5\n6\n";
        assert_eq!(last_lines(text.as_bytes()), "2; 3; 4; 5; 6");
        assert_eq!(last_lines(b""), "");
    }
}
