//! Counterexample traces: one JSON document per counterexample, and the ways to look at it.
//!
//! A trace says which schedule was run, where the power was cut, what the device kept, how recovery
//! went, and which invariant does not hold. It is plain data: this package knows neither the code
//! under test, nor the model, nor the engine that found the counterexample. The engine converts
//! what it recorded into a [`Trace`].
//!
//! `FORMAT.md` beside this package's manifest is the reference of the document.
//!
//! **Invariant:** no bytes make this package panic. [`Trace::read`] and [`Trace::from_slice`]
//! refuse what is not a consistent trace, and every view checks a trace that was built by hand in
//! the same way before it looks at it.

pub mod file;
pub mod format;
mod order;
mod read;
mod validate;
pub mod view;
mod write;

pub use format::Trace;
pub use read::{ReadError, ReadErrorKind};
pub use validate::Inconsistency;
pub use write::{WriteError, WriteErrorKind};
