//! What the protocols promise, as stateright models apart from any code.
//!
//! A model is one race of the file system: a few actors, the steps that the protocol gives them,
//! a power cut that may come between any two steps, and recovery. The checker visits every state
//! that these can reach. What must hold in them are the [`invariants`]; what the protocol asks of
//! its actors are the [rules](rule::Rule), each of which can be switched off to see what breaks.
//!
//! In reading order:
//!
//! - [`file`](mod@file): the parts of a state that every model shares, one file and one disk.
//! - [`step`]: who acts, and the names of the steps.
//! - [`rule`]: the rules of the protocols.
//! - [`invariants`]: what must hold, one function for each id.
//! - [`readable`]: states for people.
//! - [`check`](mod@check): running the checker, and the shortest counterexample.
//! - [`writeback_truncate`]: writeback against truncate, through crash and recovery.
//! - [`short_write_punch`]: a short write against a fault.
//! - [`dio_extension`]: direct writes that extend a file.
//! - [`lock_order`]: what is taken and waited for under what.
//! - [`journal`]: commit, checkpoint, revoke, and recovery with power cuts inside it.
//! - [`specs`]: the models by name.
//!
//! A new race is one more module beside `writeback_truncate`. It adds its rules to
//! [`Rule`](rule::Rule) and its step names to [`Step`](step::Step), reuses the invariants that
//! its state has the parts for, implements [`Specification`](check::Specification), and is listed
//! in [`specs::SPECS`].

pub mod file;
pub mod step;

pub mod rule;

pub mod invariants;

pub mod readable;

pub mod check;

pub mod writeback_truncate;

pub mod short_write_punch;

pub mod dio_extension;

pub mod journal;

pub mod lock_order;

pub mod specs;
