//! Histories of operations, played on the file system and on byte arrays.

pub mod model;
pub mod op;
pub mod player;

pub use model::Model;
pub use op::Op;
pub use player::Player;

/// How many histories to play: what the environment variable `CUTPOINT_SEQUENCES` says, or
/// `default` if it says nothing.
pub fn sequences(default: u32) -> u32 {
    match std::env::var("CUTPOINT_SEQUENCES") {
        Ok(number) => number.parse().expect("CUTPOINT_SEQUENCES is a number"),
        Err(_) => default,
    }
}
