//! Generated programs on loom.

use rt_loom as rt;

#[path = "world.rs"]
#[expect(clippy::duplicate_mod, reason = "one source for both runtimes")]
mod world;

pub use world::body;

mod plain {
    //! loom has no counterpart of shuttle's own types, and runs no program that uses them
    //! ([`super::super::program::Program::is_for_loom`]).

    pub struct Plain;

    impl Plain {
        pub fn new() -> Plain {
            Plain
        }

        pub fn lock(&self) {
            unreachable!("programs with plain shuttle types are not for loom");
        }

        pub fn add(&self) {
            unreachable!("programs with plain shuttle types are not for loom");
        }
    }
}
