//! The words in which the protocol's steps are told.

use crate::extent::Mapping;
use crate::units::Lblk;
use rt::{Arg, Args, Value};
use std::ops::Range;

pub use rt::step;

/// Named values; the name "" is for a value that needs none.
pub fn args<const N: usize>(list: [(&'static str, Value); N]) -> Args {
    Args::new(&list.map(|(key, value)| Arg { key, value }))
}

/// A range of blocks.
pub fn range(range: &Range<Lblk>) -> Value {
    Value::Range(u64::from(range.start.0), u64::from(range.end.0))
}

/// A mapping: its range, its status, and where it lies.
pub fn mapping(mapping: &Mapping) -> Args {
    let blocks = range(&(mapping.start..mapping.end()));
    match mapping.status.pblk() {
        Some(pblk) => args([
            ("", blocks),
            ("", mapping.status.word().into()),
            ("at", pblk.0.into()),
        ]),
        None => args([("", blocks), ("", mapping.status.word().into())]),
    }
}
