//! Histories on a recording device, cut by power failures everywhere.

pub mod images;
pub mod oracle;
pub mod random;
pub mod run;
pub mod seeded;
