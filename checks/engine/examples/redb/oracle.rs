//! Recovery by redb itself, and what may and must be there afterwards.
//!
//! A transaction that was acknowledged durable *must* survive, with everything committed before it;
//! one whose commit had begun *may*; and what survives is a prefix of the committed transactions.
//! So the recovered contents are one of the states from the last acknowledged one to the last one
//! issued, both included.

use super::backend::BlockFile;
use super::workload::{COMMIT, Contents, DURABLE, builder};
use cutpoint::crash::{CrashFinding, Cut, LazyDisk, Observations, Recover};
use cutpoint_event::{Log, What};
use redb::{Database, DatabaseError};

/// What may and must be there after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The last state acknowledged durable. `None` before the database's creation was: then the
    /// file may be refused.
    pub must: Option<usize>,
    /// The last state whose commit had begun.
    pub may: usize,
}

/// redb's recovery on the states of one workload.
pub struct Redb {
    /// The state after creation, and after each committed transaction.
    pub states: Vec<Contents>,
}

impl Recover for Redb {
    type Promise = Window;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Window> {
        let mut window = Window { must: None, may: 0 };
        for (index, event) in log.events.iter().enumerate() {
            if !cut.contains(index) {
                continue;
            }
            match event.what {
                What::Step { name, args } if name == COMMIT => {
                    window.may = args.number("state").map_or(window.may, |at| at as usize);
                }
                What::Acknowledged { name, args } if name == DURABLE => {
                    window.must = args.number("state").map(|state| state as usize);
                }
                _ => {}
            }
        }
        vec![window]
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Window],
        depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let window = promises[0];
        let opened = builder().create_with_backend(BlockFile(disk.clone()));
        disk.seal();
        let mut seen = Observations::default();
        if depth > 0 {
            seen.saw("recovered after a power cut in recovery");
        }
        match opened {
            Ok(database) => self.judge(database, window, &mut seen)?,
            Err(error) if window.must.is_none() && is_half_created(&error) => {
                seen.saw("refused a file whose creation was not acknowledged");
            }
            Err(error) => return Err(finding("recovers", "the file opens", &error)),
        }
        Ok(seen)
    }

    fn control(&self, disk: &LazyDisk, _log: &Log) -> Result<(), String> {
        let opened = builder().create_with_backend(BlockFile(disk.clone()));
        let database = opened.map_err(|error| error.to_string())?;
        let contents = Contents::read(&database).map_err(|error| error.to_string())?;
        match self.states.last() == Some(&contents) {
            true => Ok(()),
            false => Err("a closed database does not hold its last state".into()),
        }
    }
}

impl Redb {
    fn judge(
        &self,
        mut database: Database,
        window: Window,
        seen: &mut Observations,
    ) -> Result<(), CrashFinding> {
        let contents = Contents::read(&database);
        let contents = contents.map_err(|error| finding("readable", "tables read", &*error))?;
        let state = self.states.iter().position(|state| *state == contents);
        let must = window.must.unwrap_or(0);
        match state {
            Some(state) if (must..=window.may).contains(&state) => {}
            _ => {
                return Err(CrashFinding {
                    invariant: "durable-prefix",
                    expected: format!("a state from {must} to {}", window.may),
                    observed: match state {
                        Some(state) => format!("state {state}"),
                        None => format!("no state at all ({} entries)", contents.entries()),
                    },
                });
            }
        }
        seen.saw(match state {
            state if state == Some(must) => "recovered the last acknowledged state",
            state if state == Some(window.may) => "recovered the last issued state",
            _ => "recovered a state in between",
        });
        match database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => Err(finding("integrity", "a sound file", &"it was repaired")),
            Err(error) => Err(finding("integrity", "a sound file", &error)),
        }
    }
}

/// Whether the file was created but not yet marked as a database, which redb refuses to open and
/// leaves to its user to delete.
fn is_half_created(error: &DatabaseError) -> bool {
    error.to_string().contains("magic number mismatch")
}

fn finding(
    invariant: &'static str,
    expected: &str,
    observed: &(impl std::fmt::Display + ?Sized),
) -> CrashFinding {
    CrashFinding {
        invariant,
        expected: expected.into(),
        observed: observed.to_string(),
    }
}
