//! Rows that repeat: a task that spins fills a livelock's picture with the same few operations.
//!
//! What repeats is shown once, with how often it comes again.

/// The longest run of rows that is looked for.
const PERIOD_MAX: usize = 64;
/// Fewer hidden rows than this are shown instead of counted.
const HIDDEN_MIN: usize = 12;

/// Rows that come several times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeat {
    /// The first row of the first time.
    pub(super) start: usize,
    /// How many rows repeat.
    pub(super) period: usize,
    /// How often they come, the first time included.
    pub(super) times: usize,
}

impl Repeat {
    /// The first row after the first time.
    pub(super) fn hidden_from(&self) -> usize {
        self.start + self.period
    }

    /// The first row after the last time.
    pub(super) fn end(&self) -> usize {
        self.start + self.period * self.times
    }
}

/// The repeats among so many rows, from the first to the last. `is_same` says of two rows that they
/// show the same.
pub(super) fn find(rows: usize, is_same: impl Fn(usize, usize) -> bool) -> Vec<Repeat> {
    let mut repeats = Vec::new();
    let mut start = 0;
    while start < rows {
        match longest(start, rows, &is_same) {
            Some(repeat) => {
                repeats.push(repeat);
                start = repeat.end();
            }
            None => start += 1,
        }
    }
    repeats
}

/// The repeat from this row on that hides most rows, and of those that of the fewest rows.
fn longest(start: usize, rows: usize, is_same: &impl Fn(usize, usize) -> bool) -> Option<Repeat> {
    let repeats = (1..=PERIOD_MAX.min((rows - start) / 2)).map(|period| {
        let mut agree = (start..rows - period).take_while(|row| is_same(*row, row + period));
        Repeat {
            start,
            period,
            times: 1 + agree.by_ref().count() / period,
        }
    });
    let hidden = |repeat: &Repeat| repeat.end() - repeat.hidden_from();
    let longest = repeats.rev().max_by_key(hidden);
    longest.filter(|repeat| hidden(repeat) >= HIDDEN_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(usize, usize, usize)> {
        let rows: Vec<char> = text.chars().collect();
        let repeats = find(rows.len(), |a, b| rows[a] == rows[b]);
        let told = |repeat: Repeat| (repeat.start, repeat.period, repeat.times);
        repeats.into_iter().map(told).collect()
    }

    #[test]
    fn what_repeats_is_found_with_its_beginning_and_its_end() {
        assert_eq!(of(&format!("xy{}abz", "abc".repeat(9))), [(2, 3, 9)]);
        assert_eq!(of(&"a".repeat(40)), [(0, 1, 40)]);
        let two = format!("{}-{}", "ab".repeat(10), "cde".repeat(10));
        assert_eq!(of(&two), [(0, 2, 10), (21, 3, 10)]);
    }

    #[test]
    fn what_hides_little_is_no_repeat() {
        assert_eq!(of(""), []);
        assert_eq!(of(&"abc".repeat(4)), []);
        assert_eq!(of("abcdefghijklmnopqrstuvwxyz"), []);
    }
}
