//! Units as types, so that a logical block can not be used as a physical one.
//!
//! Ranges are half-open everywhere. Block numbers count blocks of [`BLOCK_SIZE`] bytes.

use std::fmt;

/// Bytes in a file-system block. One size is supported: 1 KiB, the smallest that ext4 knows, so
/// that images, and with them crash states, stay small.
pub const BLOCK_SIZE: usize = 1024;

/// The content of one block.
pub type Block = [u8; BLOCK_SIZE];

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

unit! {
    /// A logical block number: the position of a block in its file.
    Lblk(u32)
}
unit! {
    /// A physical block number: the position of a block on the device.
    Pblk(u64)
}
unit! {
    /// An inode number. The first is 1; 0 means "no inode".
    Ino(u32)
}
unit! {
    /// A transaction number. Numbers wrap around; compare with [`Tid::is_after`], never with `<`.
    Tid(u32)
}

impl Lblk {
    /// The block that holds byte `offset` of a file.
    pub fn containing(offset: u64) -> Lblk {
        Lblk((offset / BLOCK_SIZE as u64) as u32)
    }

    /// The first block that begins at or after byte `offset`: the number of blocks that `offset`
    /// bytes occupy.
    pub fn round_up(offset: u64) -> Lblk {
        Lblk(offset.div_ceil(BLOCK_SIZE as u64) as u32)
    }

    /// The offset in bytes of the block's first byte.
    pub fn offset(self) -> u64 {
        u64::from(self.0) * BLOCK_SIZE as u64
    }
}

impl Tid {
    /// Whether this number was given out later than `other`, across wrap-around.
    pub fn is_after(self, other: Tid) -> bool {
        self.0.wrapping_sub(other.0) as i32 > 0
    }

    /// Whether this number was given out no earlier than `other`, across wrap-around.
    pub fn is_at_or_after(self, other: Tid) -> bool {
        self.0.wrapping_sub(other.0) as i32 >= 0
    }

    /// The number that follows.
    pub fn next(self) -> Tid {
        Tid(self.0.wrapping_add(1))
    }
}
