//! Who may change what, and what is written where.
//!
//! Every shared file begins with a *base* of stripes. Each stripe belongs to one thread, which
//! alone changes its bytes, so that it knows them; but stripes end in the middle of blocks and of
//! folios, so threads meet in both. Behind the base lies the *tail*, which is truncated, extended
//! and punched. In every other file the tail is coordinated: who changes it holds a lock of this
//! program's, and knows its content. In the rest anybody changes it at any time; there a byte is
//! zero or what belongs at that place, and nothing else.
//!
//! The same every other file is written past the page cache too, and the rest through mappings: in
//! one file the two would not agree, in Linux as here, because a page that is stored to may hold,
//! beside that, what it was read with before a direct write.

use extfs_std::design::Design;
use std::ops::Range;

/// Bytes of a stripe: a few blocks, and a part of one.
pub const STRIPE: u64 = 2_900;
/// How often the threads take turns in the base of a file.
const ROUNDS: u64 = 3;
/// Bytes that a tail may have.
pub const TAIL_MAX: u64 = 16 * 1024;
/// Private files of a thread.
pub const PRIVATE: usize = 2;
/// Bytes that a private file may have.
pub const PRIVATE_MAX: u64 = 8 * 1024;

/// What a run consists of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads that use the files.
    pub threads: usize,
    /// Files that they share.
    pub files: usize,
    /// What the random numbers start from.
    pub seed: u64,
    /// The design of the file system.
    pub design: Design,
}

/// A part of the files that one thread at a time changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The stripes of a thread in a shared file.
    Own { thread: usize, file: usize },
    /// The coordinated tail of a shared file.
    Tail { file: usize },
    /// A file that one thread makes and removes.
    Private { thread: usize, slot: usize },
}

impl Plan {
    /// Where the base of a shared file ends, in bytes.
    pub fn base(&self) -> u64 {
        STRIPE * self.threads as u64 * ROUNDS
    }

    /// Whether the tail of a file is coordinated.
    pub fn is_coordinated(&self, file: usize) -> bool {
        file.is_multiple_of(2)
    }

    /// Whether a file is written directly; else it is stored to through mappings.
    pub fn is_direct(&self, file: usize) -> bool {
        self.is_coordinated(file)
    }

    /// A stripe of a thread, by number.
    pub fn stripe(&self, thread: usize, number: u64) -> Range<u64> {
        let start = ((number % ROUNDS) * self.threads as u64 + thread as u64) * STRIPE;
        start..start + STRIPE
    }

    /// The stripes of a thread.
    pub fn stripes(&self, thread: usize) -> impl Iterator<Item = Range<u64>> {
        (0..ROUNDS).map(move |number| self.stripe(thread, number))
    }

    /// Every part.
    pub fn parts(&self) -> Vec<Part> {
        let own = (0..self.threads)
            .flat_map(|thread| (0..self.files).map(move |file| Part::Own { thread, file }));
        let tails = (0..self.files).filter(|file| self.is_coordinated(*file));
        let private = (0..self.threads)
            .flat_map(|thread| (0..PRIVATE).map(move |slot| Part::Private { thread, slot }));
        own.chain(tails.map(|file| Part::Tail { file }))
            .chain(private)
            .collect()
    }

    /// Whether a byte of the part's file belongs to the part.
    pub fn covers(&self, part: Part, offset: u64) -> bool {
        match part {
            Part::Own { thread, .. } => {
                offset < self.base() && offset / STRIPE % self.threads as u64 == thread as u64
            }
            Part::Tail { .. } => offset >= self.base(),
            Part::Private { .. } => true,
        }
    }
}

impl Part {
    /// The name of the file that it is a part of.
    pub fn file_name(&self) -> String {
        match self {
            Part::Own { file, .. } | Part::Tail { file } => shared_name(*file),
            Part::Private { thread, slot } => format!("private-{thread}-{slot}"),
        }
    }

    /// Its own name.
    pub fn name(&self) -> String {
        match self {
            Part::Own { thread, file } => format!("own-{thread}-{file}"),
            Part::Tail { file } => format!("tail-{file}"),
            Part::Private { thread, slot } => format!("private-{thread}-{slot}"),
        }
    }

    /// A number that no other part has.
    fn number(&self) -> u64 {
        match *self {
            Part::Own { thread, file } => (1 << 32) + ((thread as u64) << 16) + file as u64,
            Part::Tail { file } => (2 << 32) + file as u64,
            Part::Private { thread, slot } => (3 << 32) + ((thread as u64) << 16) + slot as u64,
        }
    }

    /// What write number `op` to this part puts at `offset`: never zero, and different for other
    /// parts and writes, or nearly always.
    pub fn byte(&self, op: u32, offset: u64) -> u8 {
        let key = mix(self.number() ^ mix(u64::from(op)));
        not_zero(mix(key ^ offset))
    }

    /// As [`Part::byte`], for a range.
    pub fn bytes(&self, op: u32, range: Range<u64>) -> Vec<u8> {
        range.map(|offset| self.byte(op, offset)).collect()
    }
}

/// The name of a shared file.
pub fn shared_name(file: usize) -> String {
    format!("shared-{file}")
}

/// What everybody writes at a byte of a tail that is not coordinated.
pub fn free_byte(file: usize, offset: u64) -> u8 {
    not_zero(mix((4 << 32) + file as u64) ^ mix(offset))
}

fn not_zero(number: u64) -> u8 {
    1 + (number % 255) as u8
}

/// SplitMix64's output function.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A small generator of random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a thread.
    pub fn new(seed: u64, thread: usize) -> Random {
        Random(mix(seed ^ mix(thread as u64)))
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0) % limit
    }

    /// A part of a range that is not empty, of at most `len_max` bytes.
    pub fn within(&mut self, range: Range<u64>, len_max: u64) -> Range<u64> {
        let start = range.start + self.below(range.end - range.start);
        let len = 1 + self.below(len_max.min(range.end - start));
        start..start + len
    }
}
