//! Histories of every way to reach a file's bytes, played on the file system and on a byte array.

pub mod op;
pub mod player;
pub mod seeded;

pub use op::Op;
pub use player::Player;
