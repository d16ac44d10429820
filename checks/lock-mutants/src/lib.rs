//! The core's locks, in many copies with one change each: a memory ordering weakened, or a wake-up
//! left out. The build script makes them of the lock sources.
//!
//! Every copy must be found wrong by some check. The test in `tests/` says by which.

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));
