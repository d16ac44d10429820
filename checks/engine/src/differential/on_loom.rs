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
        pub fn new(_others: usize) -> Plain {
            Plain
        }

        pub fn lock(&self) {
            never();
        }

        pub fn add(&self) {
            never();
        }

        pub fn park(&self) {
            never();
        }

        pub fn unpark(&self) {
            never();
        }

        pub fn end(&self) {
            never();
        }
    }

    fn never() {
        unreachable!("programs with plain shuttle types are not for loom");
    }
}
