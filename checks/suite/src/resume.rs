//! Checks that go on where an earlier process left them.
//!
//! The state is what the search and everything that watches it remember between two executions. It
//! is saved from time to time, and when the check ends. The time of saving is the only thing that a
//! clock decides.

use crate::check::Session;
use crate::request::{Request, RequestError};
use cutpoint::explore::SearchState;
use cutpoint::state::{self, StateError};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Saving may take this part of the time: one in so many.
const SHARE: u32 = 20;

/// Where the state of a check is kept, and how often.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The directory, which is made if there is none.
    pub directory: PathBuf,
    /// The least time between two savings. Slow ones are made less often.
    pub every: Duration,
}

/// The state of a check.
#[derive(Serialize, Deserialize)]
struct CheckState<W> {
    search: SearchState,
    watched: W,
}

/// Keeps the state of one check.
pub(crate) struct Keeper {
    file: PathBuf,
    identity: String,
    every: Duration,
    due: Instant,
    /// Held as long as the check runs.
    _lock: File,
}

impl Keeper {
    /// Opens the directory for a request, and reads the state in it, if there is one, into the
    /// session.
    pub(crate) fn open(
        resume: &Resume,
        request: &Request,
        session: &mut Session,
    ) -> Result<(Keeper, Option<SearchState>), RequestError> {
        let lock = lock(&resume.directory)?;
        let keeper = Keeper {
            file: resume.directory.join("check.state"),
            identity: identity(request)?,
            every: resume.every,
            due: Instant::now() + resume.every,
            _lock: lock,
        };
        let kept: Option<CheckState<_>> =
            state::read(&keeper.file, &keeper.identity).map_err(refused)?;
        let search = kept.map(|kept| {
            session.restore(kept.watched);
            kept.search
        });
        Ok((keeper, search))
    }

    /// Saves the state if it is time to, or if the search ends here.
    pub(crate) fn keep(
        &mut self,
        session: &Session,
        search: &dyn Fn() -> SearchState,
        is_last: bool,
    ) {
        let started = Instant::now();
        if !is_last && started < self.due {
            return;
        }
        let kept = CheckState {
            search: search(),
            watched: session.state(),
        };
        if let Err(error) = state::write(&self.file, &self.identity, &kept) {
            // The check goes on all the same; only less of it will be kept.
            eprintln!("{error}");
        }
        self.due = Instant::now() + self.every.max(started.elapsed() * SHARE);
    }

    /// The error of a state that can not be gone on with.
    pub(crate) fn refuse(&self, what: String) -> RequestError {
        refused(StateError::Damaged {
            path: self.file.clone(),
            what,
        })
    }
}

fn refused(error: StateError) -> RequestError {
    RequestError::Unsupported(error.to_string())
}

/// How long a directory is waited for: longer than a process takes to end that was told to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the directory, which is made if there is none, for this process alone. The system gives it
/// back when the process ends. Whoever ended just now is waited for.
///
/// # Errors
/// If another process keeps it, or it can not be used.
pub fn lock(directory: &Path) -> Result<File, RequestError> {
    let problem =
        |what: String| RequestError::Unsupported(format!("{}: {what}", directory.display()));
    let made = fs::create_dir_all(directory);
    made.map_err(|error| problem(format!("can not make the directory: {error}")))?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join("lock"));
    let file = file.map_err(|error| problem(format!("can not be used: {error}")))?;
    let asked = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if asked.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(problem(
                    "another process is using the directory: wait for it, or name another one"
                        .into(),
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(problem(format!("can not be locked: {error}")));
            }
        }
    }
}

/// Whose state it is: the request, but for its budgets, and the program.
fn identity(request: &Request) -> Result<String, RequestError> {
    let unlimited = Request {
        executions: None,
        time: None,
        cpu_time: None,
        ..request.clone()
    };
    let program = std::env::current_exe().and_then(fs::read);
    let program = program.map_err(|error| {
        RequestError::Unsupported(format!("can not read this program: {error}"))
    })?;
    Ok(format!(
        "{unlimited:?} of the program crc32c:{:08x}:{}",
        crc32c::crc32c(&program),
        program.len()
    ))
}
