//! A small real ext4: real locks, real journal, real image.

pub mod buffer;
pub mod device;
pub mod disk;
pub mod journal;
pub mod lock;
pub mod mkfs;
pub mod units;
