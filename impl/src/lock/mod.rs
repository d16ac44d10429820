//! The locks of the core. They are real: built on the runtime's atomics and parking, the same code
//! on every runtime.
//!
//! To the explorer an acquisition is one operation of a named object ([`rt::op`]); at atomic
//! granularity the atomics inside are the operations, and loom checks their orderings.
//!
//! Every lock belongs to a [`Class`] of [`class`], and the classes have an order per design.

pub mod class;
pub mod count;
pub mod flag;
pub mod gate;
pub mod mutex;
pub mod rwsem;
pub mod spin;
pub mod value;
pub mod work;

mod raw;
mod wait;

pub use count::Outstanding;
pub use flag::Flag;
pub use gate::Gate;
pub use mutex::{Mutex, MutexGuard};
pub use rt::{Class, Key};
pub use rwsem::{ReadGuard, RwSem, WriteGuard};
pub use spin::SpinLock;
pub use value::LocklessSize;
pub use work::WorkList;
