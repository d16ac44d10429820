//! A cell. shuttle does not look for data races, so this is std's.

pub use rt_std::cell::{ConstPtr, MutPtr, UnsafeCell};
