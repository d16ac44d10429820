//! Power cuts: which ones to visit, what the device kept, and whether recovery copes.
//!
//! # The device
//!
//! Blocks of a fixed size. A write is *submitted* at its `Write` event and *complete* at its
//! `Completed` event; from its submission on it *may* be on the medium, whole or (with
//! [`Tear::Sector`]) in part, and in any order with other blocks' writes. It *must* be there
//!
//! - once a successful flush has returned that its successful completion happens before (by
//!   happens-before, not by the order of the log: a write that is concurrent with the flush only
//!   may be there); or
//! - once it has completed successfully, if it is a FUA write.
//!
//! A write that failed only ever may be there. So does one that completed before a flush that
//! failed: the device may have dropped it from its cache, so that a later successful flush does
//! not make it durable either. A write is beneath another one of its block if it had completed
//! before the other was submitted. Of two that are in flight at the same time either may be the
//! last, whichever was submitted first, and stay so when both are durable.
//!
//! # One cut per frontier
//!
//! Call a successful flush, or the successful completion of a FUA write, a *durability event* if it
//! makes a write durable that no such event before it made durable; the others change nothing. The
//! *frontier* of a consistent cut is the set of durability events in it: a down-set under
//! happens-before. Given a frontier D, let C(D) be the set of all events that no durability event
//! outside D happens before or is.
//!
//! 1. C(D) is a consistent cut: if it lacked a predecessor of one of its events, a durability
//!    event outside D would happen before that predecessor, so before the event.
//! 2. Its frontier is D: it contains no other durability event, and lacks none of D because D is
//!    a down-set.
//! 3. It contains every cut with frontier D: were an event of such a cut missing, the cut would
//!    contain, with that event, a durability event outside D.
//!
//! What must be on the medium depends on D alone, so it is the same for every cut with frontier D.
//! What may be there, and what was acknowledged, only grows with the cut. So every crash image of
//! any cut with frontier D is an image of C(D), where at least the same promises hold; and a check
//! of C(D) alone is a check of them all. The number of frontiers is linear in the number of
//! durability events if these are ordered.
//!
//! The argument assumes of the oracle:
//!
//! - *Promises only accumulate*: an image that breaks the promises of a cut breaks those of any
//!   larger cut with the same frontier. A promise that is withdrawn by a later call ("the file is
//!   absent", and then it is created again) keeps to this if contents tell their writers apart: an
//!   image of the smaller cut can not hold what a call that had not begun would write. An oracle
//!   that reads equal contents by different calls as the same thing can miss a finding here;
//!   [`CutMode::AllCuts`] does not rely on the assumption.
//! - It judges an image by the promises alone, not by which events came before the cut.
//!
//! And of the device: nothing durable is ever lost, reads after the power cut are stable, and a
//! sector is never a mixture.
//!
//! # Controls
//!
//! A check that finds fault must not be at fault itself. Beside the crash cases a control runs that
//! can not fail because of a power cut: recovery and oracle on the base image, to which nothing was
//! written, with the promises of an execution in which nothing has happened. No interleaving, write
//! or cut is part of it, so what fails there is the base image, the recovery as such or the oracle:
//! the harness is broken, and nobody is accused. Nothing is hidden so. The same image is a crash
//! case of every execution (the power went before anything reached the disk), so code that fails
//! there never passes; only the name of the failure differs.
//!
//! The image that the code under test leaves with nothing lost is *not* such a control. Code that
//! acknowledges what it never writes fails on it through no fault of the harness. That image is an
//! ordinary crash case (the power went after the end, and all was kept), and its failure is a
//! finding. It becomes a control only for an execution that the caller vouches for
//! ([`CrashChecker::control_by`]), and there an oracle that accepts everything fails too: it is
//! shown the base image with all the promises of that execution, and has to refuse it. A recovery
//! that looks by other means than the code under test can say more ([`Recover::control`]).
//!
//! # What is not modelled
//!
//! Bit rot, misdirected writes, and reads that fail after the power cut. While the power is on, a
//! read finds what was submitted last, even where another write of the block is in flight.
//!
//! # Parts
//!
//! - `order`: happens-before between the events of a log.
//! - [`frontier`]: cuts, and what must and may have reached the medium.
//! - [`candidates`]: per block, what it may hold.
//! - [`lazy`]: a disk that decides what it holds only where recovery looks.
//! - [`images`]: recovery on every image that it can tell apart.
//! - [`memory`]: cases that were judged before.
//! - [`minimal`]: the smallest power cut that shows a violation.
//! - [`check`]: the whole of it, for one execution after another.
//! - [`outcome`]: what comes of that.

mod order;

pub mod frontier;

pub mod candidates;

pub mod lazy;

pub mod images;

pub mod memory;

pub mod check;

pub mod outcome;

pub mod minimal;
pub mod state;

#[cfg(test)]
mod tests;

pub use candidates::{Base, Candidates, CrashCase, Ground, MemoryBase, Source, Tear, Version};
pub use check::{CrashChecker, CrashOptions, Recover};
pub use frontier::{Cut, CutMode, LogError, Persistence, WriteRecord};
pub use images::{Explored, Stopped, explore_images};
pub use lazy::{DiskError, Kept, LazyDisk, UnitCandidates};
pub use memory::{Fingerprint, Memory};
pub use outcome::{
    CrashFailure, CrashFinding, CrashStats, CrashViolation, Observations, RecoveryCrash,
};
pub use state::{CaseCounts, CrashState, Ledger};
