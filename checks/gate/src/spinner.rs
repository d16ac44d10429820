//! A sign of life while something takes long: nothing for the first two seconds, then a line on
//! the standard error if that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How long to wait before saying anything.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line that says what goes on.
pub struct Spinner {
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Spinner {
    /// One that has nothing to say yet.
    pub fn new() -> Spinner {
        Spinner {
            started: Instant::now(),
            bar: None,
        }
    }

    /// Says how far the work has come. The text is made only if it is shown.
    pub fn tick(&mut self, text: impl FnOnce() -> String) {
        if self.bar.is_none() && self.started.elapsed() >= PATIENCE {
            self.bar = Some(bar(self.started.elapsed()));
        }
        if let Some(bar) = self.bar.as_ref().filter(|bar| !bar.is_hidden()) {
            bar.set_message(text());
            bar.tick();
        }
    }
}

fn bar(elapsed: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is valid"))
        .with_elapsed(elapsed)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
