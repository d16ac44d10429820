//! The path that is being explored: a level for every turn and every choice.

use super::wakeup::{Action, Event, Link, NONE, independent};
use super::{Dpor, Kind, Level, Tasks, lowest, only};
use crate::explore::turns::Move;
use cutpoint_event::{TaskId, log};

impl Dpor {
    /// The tasks whose operation was explored elsewhere when a new level begins: those of the turn
    /// before whose operation commutes with the one that was taken.
    pub(super) fn inherited_sleep(&self) -> Tasks {
        let Some(level) = self.last_turn.map(|level| self.levels[level]) else {
            return 0;
        };
        let Kind::Turn { chosen, .. } = level.kind else {
            return 0;
        };
        let moves = self.moves_from(level.moves);
        let Some(taken) = moves.iter().find(|other| other.task == chosen) else {
            return 0;
        };
        let mut asleep = 0;
        let mut left = level.sleep & !only(chosen);
        for other in moves {
            if left == 0 {
                break;
            }
            if left & only(other.task) != 0 {
                left &= !only(other.task);
                if taken.object != other.object || independent(taken.op, other.op) {
                    asleep |= only(other.task);
                }
            }
        }
        asleep
    }

    /// The arena from a turn's first move on. The turn's own moves are in order of their tasks and
    /// come first, so the first move of a task that was there is that turn's.
    pub(super) fn moves_from(&self, start: u32) -> &[Move] {
        &self.arena[start as usize..]
    }

    /// Takes the first of the followed branches whose event is `possible`. What lies behind it is
    /// followed next; the others are what the new level still has to explore.
    fn follow_branch(&mut self, possible: impl Fn(&Event) -> bool) -> (Option<Event>, Link) {
        let mut branches = std::mem::replace(&mut self.followed, NONE);
        while let Some((event, mut behind)) = self.pool.take(&mut branches) {
            if possible(&event) {
                self.followed = behind;
                return (Some(event), branches);
            }
            self.pool.discard(&mut behind);
        }
        (None, NONE)
    }

    /// Enters a turn that was not there before. `None` if nobody awake can go.
    pub(super) fn open(
        &mut self,
        moves: &[Move],
        enabled: Tasks,
        current: TaskId,
    ) -> Option<TaskId> {
        let sleep = self.inherited_sleep();
        let awake = enabled & !sleep;
        let (event, branches) = self.follow_branch(|event| {
            matches!(event.action, Action::Turn { .. }) && awake & only(event.task) != 0
        });
        let chosen = match event {
            Some(event) => event.task,
            None if awake == 0 => return None,
            None if awake & only(current) != 0 => current,
            None => lowest(awake),
        };
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(moves);
        self.levels.push(Level {
            moves: start,
            known: places(),
            sleep,
            branches,
            kind: Kind::Turn { enabled, chosen },
        });
        Some(chosen)
    }

    /// Enters a choice that was not there before. `false` if no value is allowed.
    pub(super) fn open_choice(
        &mut self,
        task: TaskId,
        of: u64,
        allows: impl Fn(u64) -> bool,
    ) -> bool {
        let Some(first) = (0..of).find(|value| allows(*value)) else {
            return false;
        };
        let (event, branches) = self.follow_branch(|event| {
            event.task == task
                && matches!(event.action, Action::Choice { value } if value < of && allows(value))
        });
        let value = match event.map(|event| event.action) {
            Some(Action::Choice { value }) => value,
            _ => first,
        };
        let mut spent = NONE;
        for value in (0..of).filter(|value| !allows(*value)) {
            let action = Action::Choice { value };
            self.pool.push(&mut spent, Event { task, action });
        }
        let turn = self.last_turn.map(|level| self.levels[level].moves);
        self.levels.push(Level {
            moves: turn.unwrap_or(0),
            known: places(),
            sleep: self.inherited_sleep(),
            branches,
            kind: Kind::Choice {
                task,
                of,
                value,
                spent,
            },
        });
        true
    }

    /// Repeats a turn. `None` if it is not the same as before.
    pub(super) fn repeat(&mut self, moves: &[Move]) -> Option<TaskId> {
        let level = self.levels[self.position];
        let same_moves = self.moves_from(level.moves).starts_with(moves);
        match level.kind {
            Kind::Turn { chosen, .. } if same_moves => Some(chosen),
            _ => None,
        }
    }

    /// Marks what the last level decides now as explored.
    pub(super) fn spend(&mut self) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match &mut level.kind {
            Kind::Turn { chosen, .. } => level.sleep |= only(*chosen),
            Kind::Choice {
                task, value, spent, ..
            } => {
                let action = Action::Choice { value: *value };
                let event = Event {
                    task: *task,
                    action,
                };
                self.pool.push(spent, event);
            }
        }
    }

    /// Lets the last level decide for its next branch, if it has one.
    ///
    /// A branch that begins with a task that could not go is passed over: the operation that it was
    /// planned for waits, inside a plain shuttle type, for the very operation that it was to
    /// precede. (Whether announced operations are enabled is asked when they are planned.)
    pub(super) fn advance(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        while let Some((event, mut behind)) = self.pool.take(&mut level.branches) {
            match (&mut level.kind, event.action) {
                (Kind::Turn { enabled, chosen }, Action::Turn { .. })
                    if *enabled & only(event.task) != 0 =>
                {
                    *chosen = event.task;
                }
                (Kind::Choice { value, .. }, Action::Choice { value: next }) => *value = next,
                _ => {
                    self.pool.discard(&mut behind);
                    continue;
                }
            }
            self.followed = behind;
            return true;
        }
        false
    }
}

/// The place after that of the last object of this execution so far.
fn places() -> usize {
    log::with(|log| log.objects.len() + 1)
}
