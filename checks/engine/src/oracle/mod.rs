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
