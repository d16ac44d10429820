//! The state of the search between two executions, as plain data.
//!
//! What one execution leaves for the next is the path that it took, as far as the next one repeats
//! it, and the branches that are still to be explored along the path. The events of that part of
//! the path and their races are not kept: the next execution repeats them, and finds them again.
//! The states in which operations were seen to wait are kept, because what is known of them decides
//! which executions are asked for.

use super::limits::{Limit, Limits};
use super::split::Part;
use super::wakeup::{Action, Event, Link, NONE, Pool};
use super::{Dpor, Kind, Level, Mistake, TASKS_MAX};
use crate::explore::turns::Move;
use cutpoint_event::{ObjectId, Op, TaskId};
use serde::{Deserialize, Serialize};

/// The state of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathState {
    levels: Vec<LevelState>,
    arena: Vec<MoveState>,
    followed: Vec<Branch>,
    waits: Vec<u64>,
    limits: Vec<Limit>,
    units: Vec<Vec<Limit>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LevelState {
    moves: u32,
    known: usize,
    sleep: u64,
    branches: Vec<Branch>,
    kind: KindState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum KindState {
    Turn {
        enabled: u64,
        chosen: u16,
    },
    Choice {
        task: u16,
        of: u64,
        value: u64,
        spent: Vec<Branch>,
    },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct MoveState(u16, u8, u32, bool);

/// A node of a tree, in the order in which it is explored. The depth counts from 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Branch(u32, EventState);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum EventState {
    Turn(u16, u8, u32, u64),
    Choice(u16, u64),
}

impl Dpor {
    /// The state, after an execution was prepared.
    pub(super) fn to_state(&self) -> PathState {
        let moves = self.arena.iter();
        let levels = self.levels.iter().map(|level| LevelState {
            moves: level.moves,
            known: level.known,
            sleep: level.sleep,
            branches: branches(&self.pool, level.branches),
            kind: match level.kind {
                Kind::Turn { enabled, chosen } => KindState::Turn {
                    enabled,
                    chosen: chosen.0,
                },
                Kind::Choice {
                    task,
                    of,
                    value,
                    spent,
                } => KindState::Choice {
                    task: task.0,
                    of,
                    value,
                    spent: branches(&self.pool, spent),
                },
            },
        });
        PathState {
            levels: levels.collect(),
            arena: moves
                .map(|turn| MoveState(turn.task.0, turn.op as u8, turn.object.0, turn.enabled))
                .collect(),
            followed: branches(&self.pool, self.followed),
            waits: self.waits.states(),
            limits: self.limits.list().to_vec(),
            units: self.units.as_slice().to_vec(),
        }
    }

    /// A search in this state, with the next execution prepared.
    ///
    /// # Errors
    /// If no search was ever in this state.
    pub(super) fn from_state(state: &PathState, plain_types: bool) -> Result<Dpor, String> {
        let mut dpor = Dpor::new(
            Mistake::None,
            Part {
                units: state.units.clone(),
                ..Part::default()
            },
            plain_types,
        );
        dpor.started = true;
        dpor.limits = Limits::new(state.limits.clone());
        state.waits.iter().for_each(|wait| dpor.waits.insert(*wait));
        dpor.followed = tree(&mut dpor.pool, &state.followed)?;
        for MoveState(task, op, object, enabled) in &state.arena {
            dpor.arena.push(Move {
                task: task_of(*task)?,
                op: op_of(*op)?,
                object: ObjectId(*object),
                enabled: *enabled,
            });
        }
        for level in &state.levels {
            if level.moves as usize > dpor.arena.len() {
                return Err("a level of the path has no moves".into());
            }
            let branches = tree(&mut dpor.pool, &level.branches)?;
            let kind = match &level.kind {
                KindState::Turn { enabled, chosen } => Kind::Turn {
                    enabled: *enabled,
                    chosen: task_of(*chosen)?,
                },
                KindState::Choice {
                    task,
                    of,
                    value,
                    spent,
                } => Kind::Choice {
                    task: task_of(*task)?,
                    of: *of,
                    value: *value,
                    spent: tree(&mut dpor.pool, spent)?,
                },
            };
            dpor.levels.push(Level {
                moves: level.moves,
                known: level.known,
                sleep: level.sleep,
                branches,
                kind,
            });
        }
        Ok(dpor)
    }
}

fn task_of(number: u16) -> Result<TaskId, String> {
    let is_valid = usize::from(number) < TASKS_MAX;
    let task = is_valid.then_some(TaskId(number));
    task.ok_or_else(|| format!("there is no task {number}"))
}

fn op_of(number: u8) -> Result<Op, String> {
    let op = Op::ALL.get(usize::from(number)).copied();
    op.ok_or_else(|| format!("there is no operation {number}"))
}

impl EventState {
    fn of(event: &Event) -> EventState {
        match event.action {
            Action::Turn { op, object, name } => {
                EventState::Turn(event.task.0, op as u8, object.0, name)
            }
            Action::Choice { value } => EventState::Choice(event.task.0, value),
        }
    }

    fn event(self) -> Result<Event, String> {
        Ok(match self {
            EventState::Turn(task, op, object, name) => Event {
                task: task_of(task)?,
                action: Action::Turn {
                    op: op_of(op)?,
                    object: ObjectId(object),
                    name,
                },
            },
            EventState::Choice(task, value) => Event {
                task: task_of(task)?,
                action: Action::Choice { value },
            },
        })
    }
}

/// A tree as a list.
fn branches(pool: &Pool, root: Link) -> Vec<Branch> {
    let nodes = pool.walk(root);
    nodes
        .map(|(depth, event)| Branch(depth, EventState::of(&event)))
        .collect()
}

/// The tree of such a list.
fn tree(pool: &mut Pool, branches: &[Branch]) -> Result<Link, String> {
    // The last node seen so far on every depth.
    let mut lasts: Vec<Link> = Vec::new();
    let mut root = NONE;
    for Branch(depth, event) in branches {
        let depth = *depth as usize;
        if depth > lasts.len() {
            return Err("a branch begins nowhere".into());
        }
        let node = pool.leaf(event.event()?);
        match (lasts.get(depth), depth.checked_sub(1)) {
            (Some(brother), _) => pool.put_beside(*brother, node),
            (None, Some(above)) => pool.put_behind(lasts[above], node),
            (None, None) => root = node,
        }
        lasts.truncate(depth);
        lasts.push(node);
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_survives() {
        let choice = |depth, value| Branch(depth, EventState::Choice(1, value));
        let list = [
            choice(0, 1),
            choice(1, 2),
            choice(2, 3),
            choice(1, 4),
            choice(0, 5),
            choice(1, 6),
        ];
        let mut pool = Pool::new();
        let root = tree(&mut pool, &list).unwrap();
        let again = branches(&pool, root);
        assert_eq!(format!("{again:?}"), format!("{list:?}"));
        assert!(tree(&mut pool, &[choice(1, 1)]).is_err());
        assert!(tree(&mut pool, &[Branch(0, EventState::Choice(64, 1))]).is_err());
        assert!(tree(&mut pool, &[Branch(0, EventState::Turn(1, 255, 0, 0))]).is_err());
    }

    #[test]
    fn a_path_without_its_moves_is_refused() {
        let mut state = Dpor::new(Mistake::None, Part::default(), false).to_state();
        assert!(Dpor::from_state(&state, false).is_ok());
        state.levels.push(LevelState {
            moves: 1,
            known: 0,
            sleep: 0,
            branches: Vec::new(),
            kind: KindState::Turn {
                enabled: 1,
                chosen: 0,
            },
        });
        assert!(Dpor::from_state(&state, false).is_err());
    }
}
