//! A small real ext4: real locks, real journal, real image.

pub mod units;

pub mod device;

pub mod disk;

pub mod lock;

pub mod buffer;

pub mod journal;

pub mod mkfs;
