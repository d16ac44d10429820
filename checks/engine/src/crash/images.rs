//! Running recovery on every image of a crash case that it can tell apart.
//!
//! A depth-first search over the decisions of a [`LazyDisk`], by repetition: each run is given the
//! decisions of the last one with the last open decision changed.

use super::candidates::CrashCase;
use super::lazy::LazyDisk;
use std::sync::Arc;

/// How far [`explore_images`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How many times it ran the closure.
    pub runs: u64,
    /// Whether these were all distinguishable images.
    pub is_complete: bool,
}

/// Why [`explore_images`] stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The closure read differently when it was given the same disk again.
    Diverged(String),
    /// The closure returned an error.
    Error(E),
}

/// Runs `run` once per image of `case` that it can tell apart, but at most `runs_max` times.
///
/// `run` must be a deterministic function of what it reads.
///
/// # Errors
/// The first error of `run`, or that it was not deterministic.
pub fn explore_images<E>(
    case: &Arc<CrashCase>,
    runs_max: Option<u64>,
    mut run: impl FnMut(&LazyDisk) -> Result<(), E>,
) -> Result<Explored, Stopped<E>> {
    let mut decisions = Vec::new();
    let mut runs = 0;
    loop {
        if runs_max.is_some_and(|max| runs >= max) {
            let is_complete = false;
            return Ok(Explored { runs, is_complete });
        }
        let disk = LazyDisk::prescribed(case.clone(), decisions);
        runs += 1;
        let result = run(&disk);
        // A run that diverged says nothing, whatever it found.
        decisions = disk.into_decisions().map_err(Stopped::Diverged)?;
        result.map_err(Stopped::Error)?;
        while decisions
            .pop_if(|last| last.choice + 1 == last.of)
            .is_some()
        {}
        match decisions.last_mut() {
            Some(last) => last.choice += 1,
            None => {
                let is_complete = true;
                return Ok(Explored { runs, is_complete });
            }
        }
    }
}
