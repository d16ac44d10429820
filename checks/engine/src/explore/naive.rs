//! Every order of announced operations, and every choice: no reduction at all.
//!
//! This is the oracle that [`super::dpor`] is tested against, and it is as simple as that allows.
//! The number of executions grows with the number of interleavings, so it is for tiny programs
//! only.

use super::drive::{Body, drive};
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use cutpoint_event::TaskId;
use shuttle_engine::scheduler::Task;
use std::sync::Arc;

/// Explores every interleaving of `body`'s operations.
pub fn explore(
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    let body: Body = Arc::new(body);
    drive(Naive::default(), true, options, body, observe).0
}

/// One decision: how many alternatives there were, and which is explored now.
#[derive(Clone, Copy, Debug)]
struct Level {
    alternatives: u64,
    current: u64,
}

#[derive(Debug, Default)]
struct Naive {
    levels: Vec<Level>,
    position: usize,
    started: bool,
}

impl Naive {
    /// The alternative to explore at this position.
    fn decide(&mut self, alternatives: u64) -> u64 {
        if self.position == self.levels.len() {
            self.levels.push(Level {
                alternatives,
                current: 0,
            });
        }
        self.position += 1;
        self.levels[self.position - 1].current
    }
}

impl Policy for Naive {
    fn begin(&mut self) -> bool {
        self.position = 0;
        if !self.started {
            self.started = true;
            return true;
        }
        while let Some(last) = self.levels.last_mut() {
            last.current += 1;
            if last.current < last.alternatives {
                return true;
            }
            self.levels.pop();
        }
        false
    }

    fn pick(&mut self, moves: &[Move], _current: TaskId, _tasks: &[&Task]) -> Pick {
        let enabled = moves.iter().filter(|turn| turn.enabled);
        let chosen = self.decide(enabled.clone().count() as u64);
        match enabled.clone().nth(chosen as usize) {
            Some(turn) => Pick::Run(turn.task),
            None => Pick::Stop(StoppedBy::Harness(
                "the same decisions led to fewer enabled tasks: the scenario is not deterministic"
                    .into(),
            )),
        }
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        self.decide(of)
    }
}
