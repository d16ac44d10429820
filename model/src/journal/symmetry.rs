//! Symmetry: blocks have no order, so their numbers do not matter.

use super::device::{Content, Device, Location, Write};
use super::state::{Blocks, Commit, Handle, Map, Metadata, State, Transaction};

/// The state that stands for all which differ from `state` in the numbers of the blocks only: the
/// least of them.
pub fn representative(state: &State) -> State {
    // After a power cut the memory is empty, but the history has a length.
    let blocks = state.history[0].versions.len();
    let candidates = permutations(blocks).into_iter().map(|p| permute(state, &p));
    candidates.min().expect("there is the identity")
}

/// Every order of the numbers below `count`; element `i` is the new number of block `i`.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for number in 0..count {
        let places = all
            .iter()
            .flat_map(|order| (0..=number).map(move |at| (order, at)));
        let longer = places.map(|(order, at): (&Vec<usize>, usize)| {
            let mut longer = order.clone();
            longer.insert(at, number);
            longer
        });
        all = longer.collect();
    }
    all
}

fn permute(state: &State, order: &[usize]) -> State {
    let renumber = Renumber(order);
    State {
        memory: renumber.metadata(&state.memory),
        handle: state.handle.map(|handle| Handle {
            block: renumber.block(handle.block),
            ..handle
        }),
        running: renumber.transaction(&state.running),
        committing: state.committing.as_ref().map(|commit| Commit {
            transaction: renumber.transaction(&commit.transaction),
            frozen: renumber.metadata(&commit.frozen),
            stage: commit.stage,
        }),
        checkpoints: state
            .checkpoints
            .iter()
            .map(|checkpoint| super::state::Checkpoint {
                blocks: renumber.blocks(checkpoint.blocks),
                ..checkpoint.clone()
            })
            .collect(),
        device: renumber.device(&state.device),
        history: state.history.iter().map(|m| renumber.metadata(m)).collect(),
        ..state.clone()
    }
}

struct Renumber<'a>(&'a [usize]);

impl Renumber<'_> {
    fn block(&self, block: u8) -> u8 {
        u8::try_from(self.0[usize::from(block)]).expect("a model has few blocks")
    }

    fn blocks(&self, blocks: Blocks) -> Blocks {
        let mut renumbered = Blocks::default();
        blocks
            .iter()
            .for_each(|block| renumbered.insert(self.block(block)));
        renumbered
    }

    fn each<T: Clone>(&self, items: &[T]) -> Vec<T> {
        let mut renumbered = items.to_vec();
        for (index, item) in items.iter().enumerate() {
            renumbered[self.0[index]] = item.clone();
        }
        renumbered
    }

    fn map(&self, map: &Map) -> Map {
        Map {
            tid: map.tid,
            owners: self.each(&map.owners),
        }
    }

    fn metadata(&self, metadata: &Metadata) -> Metadata {
        Metadata {
            map: self.map(&metadata.map),
            versions: self.each(&metadata.versions),
        }
    }

    fn transaction(&self, transaction: &Transaction) -> Transaction {
        Transaction {
            tid: transaction.tid,
            modified: self.blocks(transaction.modified),
            freed: self.blocks(transaction.freed),
            revoked: self.blocks(transaction.revoked),
            ordered: self.blocks(transaction.ordered),
        }
    }

    fn location(&self, location: Location) -> Location {
        match location {
            Location::Home(block) => Location::Home(self.block(block)),
            Location::Copy(slot, block) => Location::Copy(slot, self.block(block)),
            other => other,
        }
    }

    fn content(&self, content: &Content) -> Content {
        match content {
            Content::Map(map) => Content::Map(self.map(map)),
            Content::Descriptor {
                tid,
                tags,
                revoked,
                map,
            } => Content::Descriptor {
                tid: *tid,
                tags: self.blocks(*tags),
                revoked: self.blocks(*revoked),
                map: self.map(map),
            },
            other => other.clone(),
        }
    }

    /// Writes to different locations commute, so their order is made that of the locations.
    fn device(&self, device: &Device) -> Device {
        let medium = device.medium.iter();
        let mut medium: Vec<_> = medium
            .map(|(location, content)| (self.location(*location), self.content(content)))
            .collect();
        medium.sort();
        let pending = device.pending.iter();
        let mut pending: Vec<_> = pending
            .map(|write| Write {
                location: self.location(write.location),
                content: self.content(&write.content),
                in_flight: write.in_flight,
            })
            .collect();
        pending.sort_by_key(|write| write.location);
        Device { medium, pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_orders_as_there_should_be() {
        assert_eq!(permutations(0).len(), 1);
        assert_eq!(permutations(1), [vec![0]]);
        assert_eq!(permutations(3).len(), 6);
    }
}
