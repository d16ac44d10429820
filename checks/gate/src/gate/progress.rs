//! What the gate shows while it runs: a bar on a terminal, else one line per finished job.

use super::run::Finished;
use crate::numbers::seconds;
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeSet;
use std::env;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the clock of the bar moves.
const TICK: Duration = Duration::from_millis(200);

/// What is under way.
pub struct Progress {
    jobs: usize,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeSet<String>,
    done: usize,
}

impl Progress {
    /// Of this many jobs, none has begun.
    pub fn new(jobs: usize) -> Progress {
        let has_viewer = stderr().is_terminal() && env::var_os("CI").is_none();
        Progress {
            jobs,
            bar: has_viewer.then(|| bar(jobs)),
            state: Mutex::default(),
        }
    }

    /// A job begins.
    pub fn started(&self, name: &str) {
        let mut state = self.state();
        state.running.insert(name.into());
        if let Some(bar) = &self.bar {
            bar.set_message(message(&state));
        }
    }

    /// A job has ended.
    pub fn finished(&self, name: &str, finished: &Finished) {
        let mut state = self.state();
        state.running.remove(name);
        state.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_position(state.done as u64);
                bar.set_message(message(&state));
            }
            None => {
                let cost = match finished.is_resumed {
                    true => "as before".to_string(),
                    false => format!("{} s", seconds(finished.wall_s)),
                };
                let (done, jobs) = (state.done, self.jobs);
                let verdict = finished.outcome.verdict();
                output::note(&format!("[{done}/{jobs}] {name}: {verdict}, {cost}"));
            }
        }
    }

    /// Everything has ended.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Showing progress must not fail because something else did.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bar(jobs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed} [{bar:30}] {pos}/{len} {wide_msg}");
    let style = style.expect("the template is valid").progress_chars("=> ");
    let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
    let bar = bar.with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

fn message(state: &State) -> String {
    let names: Vec<_> = state.running.iter().map(String::as_str).collect();
    names.join(", ")
}
