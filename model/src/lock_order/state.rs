//! What the tasks share.

use crate::readable::{Cell, Picture, Readable, Shade, fmt_variables};
use std::fmt;

/// A state: how far each task has come, and what can be waited for besides locks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// For each task, how many of its operations it has done.
    pub at: Vec<u8>,
    /// The folio is under writeback.
    pub writeback: bool,
    /// Its data has been submitted.
    pub ioend: bool,
    /// Direct I/O under way.
    pub dio: u8,
    /// Its data has been submitted.
    pub dio_done: bool,
    /// The running transaction is locked.
    pub locked: bool,
    /// A commit runs.
    pub committing: bool,
    /// The log is full while it does. Constant.
    pub full: bool,
}

impl Readable for State {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let at: Vec<_> = self.at.iter().map(u8::to_string).collect();
        vec![
            ("at", at.join(" ")),
            ("writeback", self.writeback.to_string()),
            ("submitted", self.ioend.to_string()),
            ("direct I/O", self.dio.to_string()),
            ("transaction locked", self.locked.to_string()),
            ("committing", self.committing.to_string()),
        ]
    }

    fn picture(&self) -> Picture {
        let variables = self.variables().into_iter().skip(1);
        Picture {
            caption: variables
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            rows: vec![(
                "steps of task",
                self.at
                    .iter()
                    .map(|at| Cell::new(at, Shade::Settled))
                    .collect(),
            )],
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_variables(self, f)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_variables(self, f)
    }
}
