//! What an execution is made of, shared by every runtime and by the explorer.
//!
//! One controlled execution is a partial order of *events*: operations on synchronisation objects,
//! named protocol steps, device requests, acknowledgements. This crate holds the vocabulary and the
//! recorder, and depends on nothing, so that the runtimes (which produce events) and the explorer
//! (which consumes them) agree without knowing each other.
//!
//! - [`access`]: accesses to memory that are no operations.
//! - [`op`]: the kinds of operation and which of them commute.
//! - [`object`]: what operations act on, with names that are stable across executions.
//! - [`event`]: one entry of the log.
//! - [`log`]: the recorder of the current execution.
//! - [`part`]: parts of a scenario that a minimiser may leave out.
//! - [`pending`]: what each task is about to do, for schedulers.

pub mod access;
pub mod event;
pub mod log;
pub mod object;
pub mod op;
pub mod part;
pub mod pending;

pub use access::{Access, Memory, Use};
pub use event::{Arg, Args, Event, TaskId, Value, What};
pub use log::{Finding, Log};
pub use object::{Class, Key, ObjectId, ObjectName};
pub use op::{Op, Relation};
