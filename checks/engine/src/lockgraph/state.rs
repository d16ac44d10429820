//! The graph as plain data, to be kept, or put together from several processes.

use super::{Edge, Lock, LockGraph, Mode, Witness, is_subset};
use crate::state::intern;
use cutpoint_event::Key;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The edges with their witnesses, and the locks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphState {
    edges: Vec<(Edge, Vec<Witness>)>,
    awaited: Vec<Lock>,
    exclusive: Vec<Lock>,
}

/// A lock: the class's name, the object's key of up to two numbers and generation, and whether it
/// is a queue.
#[derive(Serialize, Deserialize)]
pub(super) struct LockState(String, Option<(Vec<u64>, u32)>, bool);

impl From<Lock> for LockState {
    fn from(lock: Lock) -> LockState {
        let object = lock
            .object
            .map(|(key, generation)| (numbers(key), generation));
        LockState(lock.class.into(), object, lock.is_queue)
    }
}

impl<'de> Deserialize<'de> for Lock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lock, D::Error> {
        let LockState(class, object, is_queue) = LockState::deserialize(deserializer)?;
        let object = match object {
            None => None,
            Some((numbers, generation)) => Some((key(&numbers)?, generation)),
        };
        let class = intern(&class);
        Ok(Lock {
            class,
            object,
            is_queue,
        })
    }
}

fn numbers(key: Key) -> Vec<u64> {
    match key {
        Key::Only => Vec::new(),
        Key::One(a) => vec![a],
        Key::Two(a, b) => vec![a, b],
    }
}

fn key<E: Error>(numbers: &[u64]) -> Result<Key, E> {
    match *numbers {
        [] => Ok(Key::Only),
        [a] => Ok(Key::One(a)),
        [a, b] => Ok(Key::Two(a, b)),
        _ => Err(E::custom("a key of more than two numbers")),
    }
}

/// An object's key and generation.
pub(super) mod identity {
    use super::{Deserialize, Key, Serialize};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        (key, generation): &(Key, u32),
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        (super::numbers(*key), generation).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Key, u32), D::Error> {
        let (numbers, generation) = <(Vec<u64>, u32)>::deserialize(deserializer)?;
        Ok((super::key(&numbers)?, generation))
    }
}

/// Maps whose keys are not texts, as lists of pairs.
pub(super) mod pairs {
    use super::{BTreeMap, Deserialize, Lock, Mode, Serialize};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<Lock, Mode>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Lock, Mode>, D::Error> {
        let pairs = Vec::<(Lock, Mode)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

impl LockGraph {
    /// The graph as plain data.
    pub fn state(&self) -> GraphState {
        let edges = self.edges.iter();
        GraphState {
            edges: edges
                .map(|(edge, witnesses)| (*edge, witnesses.clone()))
                .collect(),
            awaited: self.awaited.iter().copied().collect(),
            exclusive: self.exclusive.iter().copied().collect(),
        }
    }

    /// Adds what another graph shows. Its witnesses name executions by their numbers there.
    pub fn absorb(&mut self, other: GraphState) {
        self.awaited.extend(other.awaited);
        self.exclusive.extend(other.exclusive);
        for (edge, witnesses) in other.edges {
            let known = self.edges.entry(edge).or_default();
            for witness in witnesses {
                if known
                    .iter()
                    .any(|old| is_subset(&old.locks, &witness.locks))
                {
                    continue;
                }
                known.retain(|old| !is_subset(&witness.locks, &old.locks));
                known.push(witness);
            }
        }
    }
}
