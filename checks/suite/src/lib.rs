//! Scenarios, seeded variants and oracles for the file-system core: the only place that sees the
//! core, the model and the explorer together.

pub mod catalogue;
pub mod content;
pub mod e2fsck;
pub mod report;
pub mod request;
