//! Making a counterexample smaller.
//!
//! A [`Schedule`] is what a replay needs: which parts of the scenario take part, the order of
//! operations, the values of choices. [`minimise`] tries smaller ones, one change at a time, and
//! keeps a change if the attempt still fails in the same way and comes out smaller ([`Cost`]). It
//! ends where no single change helps: the result is 1-minimal (Zeller and Hildebrandt, *Simplifying
//! and isolating failure-inducing input*, IEEE TSE 28, 2002) on each of these axes:
//!
//! - *parts*: tasks and operations that the scenario names with [`crate::rt::part`] are left out;
//! - *faults*: choices go back to 0, which scenarios keep for "nothing goes wrong", or down by 1;
//! - *preemptions*: a task is left to go on instead of being resumed later, or is not run yet but
//!   only when it is resumed, which saves a switch either way.
//!
//! What a power cut leaves (which events had happened, which writes survived, which tore) is
//! minimised apart, in the execution that comes out: [`crate::crash::minimal`].
//!
//! Everything is deterministic: the changes are tried in a fixed order, and the only budget is a
//! number of attempts.

mod schedule;

#[cfg(test)]
mod tests;

use crate::explore::replay::ReplayEvent;
pub use schedule::{Schedule, run};

/// How large a counterexample is. The first difference decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Parts of the scenario that take part.
    pub parts: usize,
    /// The sum of the chosen values; saturates.
    pub faults: u64,
    /// How often a task that could have gone on was left for another.
    pub preemptions: usize,
    /// How often the task changed, forced changes included.
    pub switches: usize,
    /// Operations.
    pub operations: usize,
}

/// An attempt that fails in the same way as the counterexample.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The schedule as it happened, which may be other than what was asked for.
    pub schedule: Schedule,
    /// The parts that the scenario has, those left out included.
    pub parts: Vec<String>,
    /// How often a task that could have gone on was left for another.
    pub preemptions: usize,
}

impl Ran {
    /// How large it is.
    pub fn cost(&self) -> Cost {
        let schedule = &self.schedule;
        let left_out = |part: &&String| schedule.left_out.contains(part);
        let values = schedule.choices.iter().map(|(_, value)| *value);
        let pairs = schedule.events.windows(2);
        Cost {
            parts: self.parts.len() - self.parts.iter().filter(left_out).count(),
            faults: values.fold(0, u64::saturating_add),
            preemptions: self.preemptions,
            switches: pairs.filter(|pair| pair[0].task != pair[1].task).count(),
            operations: schedule.events.len(),
        }
    }
}

/// What came of a minimisation.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// The smallest counterexample found.
    pub ran: Ran,
    /// How large the first one was, as it was replayed.
    pub before: Cost,
    /// Schedules tried.
    pub attempts: u64,
    /// Whether no single change makes it smaller. If not, the budget was spent.
    pub is_minimal: bool,
}

/// Makes a counterexample smaller. `attempt` runs a schedule and answers what happened if it fails
/// as the counterexample does; it is given the smallest cost so far, too, for people to watch. At
/// most `attempts_max` schedules are run.
///
/// `None` if the schedule itself does not fail that way.
pub fn minimise(
    start: &Schedule,
    attempts_max: Option<u64>,
    attempt: &mut dyn FnMut(&Schedule, Option<Cost>) -> Option<Ran>,
) -> Option<Minimised> {
    let ran = attempt(start, None)?;
    let mut search = Search {
        before: ran.cost(),
        best: ran,
        attempts: 1,
        attempts_max,
        attempt,
    };
    let is_minimal = search.run().is_some();
    Some(Minimised {
        ran: search.best,
        before: search.before,
        attempts: search.attempts,
        is_minimal,
    })
}

struct Search<'a> {
    before: Cost,
    best: Ran,
    attempts: u64,
    attempts_max: Option<u64>,
    attempt: &'a mut dyn FnMut(&Schedule, Option<Cost>) -> Option<Ran>,
}

impl Search<'_> {
    /// Tries changes until none helps. `None` if the budget is spent.
    fn run(&mut self) -> Option<()> {
        while self.leave_out()? || self.lower()? || self.merge()? {}
        Some(())
    }

    /// Tries a schedule, and keeps what comes of it if that is smaller. `None` if the budget is
    /// spent.
    fn takes(&mut self, schedule: &Schedule) -> Option<bool> {
        if self.attempts_max.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        self.attempts += 1;
        let best = self.best.cost();
        let ran = (self.attempt)(schedule, Some(best));
        let smaller = ran.filter(|ran| ran.cost() < best);
        let is_smaller = smaller.is_some();
        self.best = smaller.unwrap_or_else(|| self.best.clone());
        Some(is_smaller)
    }

    fn leave_out(&mut self) -> Option<bool> {
        for part in self.best.parts.clone() {
            let mut schedule = self.best.schedule.clone();
            if !schedule.left_out.contains(&part) {
                schedule.left_out.push(part);
                schedule.left_out.sort();
                if self.takes(&schedule)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    fn lower(&mut self) -> Option<bool> {
        for index in 0..self.best.schedule.choices.len() {
            let value = self.best.schedule.choices[index].1;
            let lower = match value {
                0 => Vec::new(),
                1 => vec![0],
                _ => vec![0, value - 1],
            };
            for value in lower {
                let mut schedule = self.best.schedule.clone();
                schedule.choices[index].1 = value;
                if self.takes(&schedule)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    /// Tries to save a change of tasks: what the task does next is done at once, or what it does
    /// here is done only then.
    fn merge(&mut self) -> Option<bool> {
        let blocks = blocks(&self.best.schedule.events);
        for (index, &(start, end)) in blocks.iter().enumerate() {
            let events = &self.best.schedule.events;
            let task = &events[start].task;
            let mut later = blocks[index + 1..].iter();
            let Some(&(again, until)) = later.find(|(at, _)| events[*at].task == *task) else {
                continue;
            };
            let mut at_once = events.clone();
            at_once[end..until].rotate_left(again - end);
            let mut only_then = events.clone();
            only_then[start..again].rotate_left(end - start);
            for events in [at_once, only_then] {
                let schedule = Schedule {
                    events,
                    ..self.best.schedule.clone()
                };
                if self.takes(&schedule)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}

/// The longest runs of events of one task, as half-open ranges.
fn blocks(events: &[ReplayEvent]) -> Vec<(usize, usize)> {
    let mut start = 0;
    let runs = events.chunk_by(|a, b| a.task == b.task);
    runs.map(|run| {
        let block = (start, start + run.len());
        start = block.1;
        block
    })
    .collect()
}
