//! Oracles over histories: which outcomes of concurrent calls, and of power cuts, are allowed.
//!
//! A [`Specification`] says what calls do one at a time. A [`History`] says which calls overlapped,
//! what they returned, and which were acknowledged durable. Between the two stands
//! *linearizability* (Herlihy and Wing, TOPLAS 1990): each call takes effect at one instant between
//! its invocation and its return. A call that never returned may have taken effect or not.
//!
//! After a power cut the rule is *durable linearizability* (Izraelevitz, Mendes, Scott, DISC 2016),
//! in its buffered form with explicit sets. Calls acknowledged durable *must* be there; calls that
//! were invoked *may* be; and what is recovered is the state after a prefix of a linearization of
//! the whole history that contains all that must be there. So a call can survive only together
//! with every call that took effect before it, and nothing that a returned call has shown to
//! others is taken back while its consequences stay. If every call is acknowledged when it returns,
//! this is the strict form.
//!
//! A call that failed, or whose flush did, is like one that never returned: it may survive, and
//! nobody is promised that it does.
//!
//! [`crate::Checker::linearizable`] and [`crate::Checker::durably_linearizable`] check scenarios
//! against a specification; [`linearize()`] and [`recoverable`] are for histories made by other
//! means.
//!
//! ```
//! use cutpoint::crash::MemoryBase;
//! use cutpoint::disk::Disk;
//! use cutpoint::oracle::Specification;
//!
//! /// One byte, which every call overwrites.
//! struct Register;
//!
//! impl Specification for Register {
//!     type State = u8;
//!     type Call = u8;
//!     type Return = ();
//!
//!     fn initial(&self) -> u8 {
//!         0
//!     }
//!
//!     fn apply(&self, byte: &mut u8, new: &u8) {
//!         *byte = *new;
//!     }
//! }
//!
//! let recover = |disk: &Disk| match disk.read(0) {
//!     Ok(block) => Ok(block[0]),
//!     Err(error) => Err(error.to_string()),
//! };
//! let checker = |name| {
//!     let base = MemoryBase::zeroed(16, 1);
//!     cutpoint::Checker::new(name).durably_linearizable(Register, base, recover)
//! };
//! checker("register").check(|disk, register| {
//!     for byte in [1, 2] {
//!         let stored = register.try_call_durably(byte, || {
//!             disk.write(0, &[byte; 16])?;
//!             disk.flush()
//!         });
//!         stored.expect("the disk does not fail");
//!     }
//! });
//! # let directory = std::env::temp_dir().join("cutpoint-doctest");
//! # let checker = |name| {
//! #     let base = MemoryBase::zeroed(16, 1);
//! #     let checker = cutpoint::Checker::new(name).traces_in(&directory);
//! #     checker.durably_linearizable(Register, base, recover)
//! # };
//! let report = checker("register in the cache").run(|disk, register| {
//!     let stored = register.try_call_durably(1, || disk.write(0, &[1; 16]));
//!     stored.expect("the disk does not fail");
//! });
//! assert!(report.to_string().contains("expected 1, observed 0"), "{report}");
//! ```
//!
//! Calls should be told apart by what they store. One power cut is tried for several that permit
//! the same images (see [`crate::crash`]), and an image that holds what an earlier call stored can
//! pass for a later one's if both stored the same.
//!
//! # Parts
//!
//! - [`specification`]: what calls do one at a time.
//! - [`history`]: which calls overlapped.
//! - [`mod@linearize`]: the search for an order of the calls.
//! - [`recorder`]: the history of an execution, while it runs.

pub mod specification;

pub mod history;

pub mod linearize;

pub mod recorder;

#[cfg(test)]
mod tests;

pub use history::{Call, CallId, History};
pub use linearize::{NotLinearizable, linearize, recoverable};
pub use recorder::{Invocation, Recorder};
pub use specification::Specification;
