//! Requests that a device fails, because a script says so or because the explorer chooses it.
//!
//! # What a failed request leaves
//! A write that fails has not reached what reads see, so whoever reads the block gets what it held
//! before; after a power cut it may hold either. Of what was in the cache when a flush failed,
//! nothing is known from then on: it may survive a power cut and it may not, and no later flush
//! changes that. A read that fails says nothing.
//!
//! # Locking
//! The count of what has failed is kept for each block, because requests for one block are ordered
//! by the device and those for different blocks are not. Flushes are ordered with one another where
//! they may fail, and only there.

use crate::device::DeviceError;
use crate::units::Pblk;
use rt::sync::LeafMutex;
use rt::{Class, Key, Object, Op};
use std::collections::BTreeMap;
use std::ops::Range;

static FLUSHES: Class = Class::new("device flush");

/// Whether requests of a kind fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// They succeed.
    #[default]
    Never,
    /// They fail, as often as [`Faults::times_max`] allows.
    Always,
    /// The explorer chooses for each, as often as [`Faults::times_max`] allows. Where there is no
    /// explorer they succeed.
    Chosen,
}

/// Which requests of a device fail. The default is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The blocks of which reads and writes fail.
    pub blocks: Range<Pblk>,
    /// Whether reads fail.
    pub reads: Fault,
    /// Whether writes fail. They do so when they complete.
    pub writes: Fault,
    /// Whether flushes fail.
    pub flushes: Fault,
    /// How many reads, and how many writes, of one block fail, and how many flushes.
    pub times_max: u32,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            blocks: Pblk(0)..Pblk(u64::MAX),
            reads: Fault::Never,
            writes: Fault::Never,
            flushes: Fault::Never,
            times_max: u32::MAX,
        }
    }
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    Read,
    Write,
    Flush,
}

/// What a device fails, and what it has failed.
#[derive(Debug)]
pub(super) struct FaultPlan {
    /// The plan is set while nobody else uses the device. The counts of a block are ordered by its
    /// requests, and those of flushes by operations of the object below.
    state: LeafMutex<State>,
    flushes: Object,
}

#[derive(Debug, Default)]
struct State {
    faults: Option<Faults>,
    failed: BTreeMap<(Request, Pblk), u32>,
}

impl FaultPlan {
    /// A plan by which nothing fails.
    pub(super) fn new() -> FaultPlan {
        FaultPlan {
            state: LeafMutex::new(State::default()),
            flushes: Object::new(&FLUSHES, Key::Only),
        }
    }

    /// Replaces the plan. What has failed so far does not count.
    pub(super) fn set(&self, faults: Faults) {
        self.state.with(|state| {
            *state = State {
                faults: Some(faults),
                failed: BTreeMap::new(),
            };
        });
    }

    /// Whether there has never been anything that might fail.
    pub(super) fn is_faultless(&self) -> bool {
        self.state.with(|state| state.faults.is_none())
    }

    /// Whether a request fails; for reads and writes, to be asked where requests for the block are
    /// ordered.
    pub(super) fn fails(&self, request: Request, block: Pblk) -> bool {
        let fault = self.state.with(|state| {
            let faults = state.faults.as_ref()?;
            let failed = state.failed.get(&(request, block)).copied().unwrap_or(0);
            let is_meant = request == Request::Flush || faults.blocks.contains(&block);
            (is_meant && failed < faults.times_max).then_some(match request {
                Request::Read => faults.reads,
                Request::Write => faults.writes,
                Request::Flush => faults.flushes,
            })
        });
        let fails = match fault {
            None | Some(Fault::Never) => false,
            Some(Fault::Always) => true,
            Some(Fault::Chosen) => rt::choose(request.fails(), 2) == 1,
        };
        if fails {
            self.state
                .with(|state| *state.failed.entry((request, block)).or_default() += 1);
        }
        fails
    }

    /// Whether a flush fails.
    pub(super) fn flush_fails(&self) -> bool {
        if self.is_faultless() {
            return false;
        }
        rt::op(&self.flushes, Op::Update, || true, || {});
        self.fails(Request::Flush, Pblk(0))
    }
}

impl Request {
    /// The request's failure as the explorer's choice of it is called.
    fn fails(self) -> &'static str {
        match self {
            Request::Read => "read fails",
            Request::Write => "write fails",
            Request::Flush => "flush fails",
        }
    }

    /// The error that a request which was made to fail returns.
    pub(super) fn error(self, block: Pblk) -> DeviceError {
        let operation = match self {
            Request::Read => "read",
            Request::Write => "write",
            Request::Flush => "flush",
        };
        DeviceError::Io {
            operation,
            block,
            reason: "the device was told to fail it".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_counted_for_each_block() {
        let plan = FaultPlan::new();
        assert!(plan.is_faultless() && !plan.fails(Request::Write, Pblk(7)));
        plan.set(Faults {
            blocks: Pblk(5)..Pblk(9),
            writes: Fault::Always,
            times_max: 2,
            ..Faults::default()
        });
        assert!(!plan.is_faultless());
        let fail = |block| plan.fails(Request::Write, Pblk(block));
        assert_eq!(
            [fail(7), fail(8), fail(7), fail(7)],
            [true, true, true, false]
        );
        assert!(!fail(4) && !fail(9), "others are not meant");
        assert!(!plan.fails(Request::Read, Pblk(7)) && !plan.flush_fails());
        plan.set(Faults {
            flushes: Fault::Always,
            times_max: 1,
            ..Faults::default()
        });
        assert!(plan.flush_fails() && !plan.flush_fails());
    }
}
