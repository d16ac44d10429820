//! A small real ext4: real locks, real journal, real image.

pub mod device;
pub mod lock;
pub mod units;
