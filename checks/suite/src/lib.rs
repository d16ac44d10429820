//! Scenarios, seeded variants and oracles for the file-system core: the only place that sees the
//! core, the model and the explorer together.
//!
//! Scenarios and variants are written once and compiled for each runtime, like the core itself:
//! [`on_shuttle`] and [`on_loom`] run them, [`on_std`] recovers what a power cut leaves of them.

// One source for three runtimes is the point: see above.
#![allow(clippy::duplicate_mod)]

mod names;

pub mod catalogue;
pub mod request;

pub mod conformance;

pub mod check;
pub mod guided;
pub mod minimise;
pub mod replay;

pub mod content;
pub mod contract;
pub mod e2fsck;
pub mod oracle;
pub mod reach;
pub mod record;
pub mod report;
pub mod resume;
pub mod usage;

pub mod on_loom;
pub mod on_shuttle;
pub mod on_std;
