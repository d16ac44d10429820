//! A cell whose accesses loom checks for data races.

pub use loom::cell::{ConstPtr, MutPtr, UnsafeCell};
