//! Memory of crash cases across executions.
//!
//! Most interleavings differ in locks only, so most crash cases were judged before. A case is
//! remembered by a 128-bit fingerprint: two different cases with one fingerprint would hide one of
//! them, at a chance of about 2⁻⁸⁸ for a million cases.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A 128-bit hash: two runs of the standard library's hasher, which start apart. It is the same in
/// every process of one build, and no more than that.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    low: DefaultHasher,
    high: DefaultHasher,
}

impl Fingerprint {
    /// The hash of nothing.
    pub fn new() -> Fingerprint {
        let (low, mut high) = (DefaultHasher::new(), DefaultHasher::new());
        high.write_u8(1);
        Fingerprint { low, high }
    }

    /// The fingerprint of one value.
    pub fn of(value: &(impl Hash + ?Sized)) -> u128 {
        let mut fingerprint = Fingerprint::new();
        value.hash(&mut fingerprint);
        fingerprint.value()
    }

    /// The hash of all that was written so far.
    pub fn value(&self) -> u128 {
        u128::from(self.high.finish()) << 64 | u128::from(self.low.finish())
    }
}

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint::new()
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.low.write(bytes);
        self.high.write(bytes);
    }

    /// Half of the hash; [`Fingerprint::value`] is all of it.
    fn finish(&self) -> u64 {
        self.low.finish()
    }
}

/// What was judged before.
#[derive(Clone, Debug)]
pub struct Memory {
    pub(super) seen: BTreeSet<u128>,
    entries_max: usize,
    pub(super) forgotten: u64,
}

impl Memory {
    /// A memory of at most `entries_max` cases, of 16 bytes each and the set's overhead.
    pub fn new(entries_max: usize) -> Memory {
        Memory {
            seen: BTreeSet::new(),
            entries_max,
            forgotten: 0,
        }
    }

    /// Whether `case` is new, as far as the memory goes; it is remembered if there is room. A case
    /// that is forgotten is judged again and counted as distinct again, which costs time only.
    pub fn is_new(&mut self, case: u128) -> bool {
        if self.seen.contains(&case) {
            return false;
        }
        if self.seen.len() < self.entries_max {
            self.seen.insert(case);
        } else {
            self.forgotten += 1;
        }
        true
    }

    /// How many cases are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// How many times a case was not remembered for want of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_says_what_it_forgot() {
        let mut memory = Memory::new(2);
        assert!([1, 2].into_iter().all(|case| memory.is_new(case)));
        assert!(![1, 2].into_iter().any(|case| memory.is_new(case)));
        assert!(memory.is_new(3) && memory.is_new(3), "no room for a third");
        assert_eq!((memory.len(), memory.forgotten()), (2, 2));
    }

    #[test]
    fn the_halves_of_a_fingerprint_are_not_the_same_hash() {
        let value = Fingerprint::of(&[7u8; 32][..]);
        assert_ne!(value as u64, (value >> 64) as u64);
        assert_ne!(value, Fingerprint::of(&[8u8; 32][..]));
        assert_eq!(value, Fingerprint::of(&[7u8; 32][..]));
    }
}
