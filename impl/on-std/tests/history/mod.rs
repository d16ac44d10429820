//! Histories of operations, played on the file system and on byte arrays.

pub mod model;
pub mod op;
pub mod player;

pub use model::Model;
pub use op::Op;
pub use player::Player;
