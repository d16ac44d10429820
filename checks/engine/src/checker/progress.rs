//! A sign of life while a check takes long: nothing for the first two seconds, then a line on the
//! standard error if that is a terminal, and nothing where nobody looks.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How long to wait before saying anything.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a line stands at least.
const PAUSE: Duration = Duration::from_millis(200);
/// Goes back to the beginning of the line, and empties it.
const CLEAR: &str = "\r\x1b[K";

/// A line that says how far a check has come.
pub(super) struct Progress {
    /// To whom, if anybody looks.
    viewer: Option<Box<dyn Write>>,
    started: Instant,
    /// When the line was last written.
    shown: Option<Instant>,
}

impl Progress {
    /// On the standard error, if that is a terminal, and no machine's.
    pub(super) fn new() -> Progress {
        let has_viewer = stderr().is_terminal() && std::env::var_os("CI").is_none();
        // The stream itself: what tests print is captured, and shown when they are over.
        let viewer = has_viewer.then(|| Box::new(stderr()) as Box<dyn Write>);
        Progress::of(viewer, Instant::now())
    }

    fn of(viewer: Option<Box<dyn Write>>, started: Instant) -> Progress {
        Progress {
            viewer,
            started,
            shown: None,
        }
    }

    /// Says how far the check has come. The text is made only if it is shown.
    pub(super) fn tick(&mut self, text: impl FnOnce() -> String) {
        if let Some(viewer) = &mut self.viewer
            && self.started.elapsed() >= PATIENCE
            && self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE)
        {
            self.shown = Some(Instant::now());
            let seconds = self.started.elapsed().as_secs();
            // A check must not fail because its progress can not be shown.
            let _ = write!(viewer, "{CLEAR}{seconds} s: {}", text());
            let _ = viewer.flush();
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(viewer), Some(_)) = (&mut self.viewer, self.shown) {
            let _ = write!(viewer, "{CLEAR}");
            let _ = viewer.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Screen(Rc<RefCell<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is shown by ticks of a check that began so long ago.
    fn shown(age: Duration, ticks: u32) -> String {
        let screen = Screen::default();
        let started = Instant::now()
            .checked_sub(age)
            .expect("the machine is up as long");
        let mut progress = Progress::of(Some(Box::new(screen.clone())), started);
        for tick in 1..=ticks {
            progress.tick(|| format!("tick {tick}"));
        }
        drop(progress);
        String::from_utf8(screen.0.take()).unwrap()
    }

    #[test]
    fn nothing_is_said_of_what_takes_no_time() {
        assert_eq!(shown(Duration::ZERO, 3), "");
    }

    #[test]
    fn what_takes_long_has_a_line_that_is_gone_in_the_end() {
        let text = shown(PATIENCE, 3);
        assert_eq!(
            text,
            format!("{CLEAR}2 s: tick 1{CLEAR}"),
            "and not more often than needed"
        );
    }

    #[test]
    fn nobody_is_told_where_nobody_looks() {
        let mut progress = Progress::of(None, Instant::now() - PATIENCE);
        progress.tick(|| unreachable!("there is nobody to tell"));
    }
}
