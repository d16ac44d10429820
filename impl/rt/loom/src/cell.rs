//! A cell whose accesses loom checks for data races.
//!
//! Made outside a recorded execution it is std's: loom's can not exist outside its model, and
//! single-threaded tests of the checked code run there.

use cutpoint_event::log;

/// Like `std::cell::UnsafeCell`, with pointers that are checked while they live.
#[derive(Debug)]
pub struct UnsafeCell<T>(Held<T>);

#[derive(Debug)]
enum Held<T> {
    Plain(rt_std::cell::UnsafeCell<T>),
    Modelled(loom::cell::UnsafeCell<T>),
}

impl<T> UnsafeCell<T> {
    /// A cell with a value.
    pub fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(if log::is_recording() {
            Held::Modelled(loom::cell::UnsafeCell::new(value))
        } else {
            Held::Plain(rt_std::cell::UnsafeCell::new(value))
        })
    }

    /// The value, when nobody shares the cell any more.
    pub fn into_inner(self) -> T {
        match self.0 {
            Held::Plain(cell) => cell.into_inner(),
            Held::Modelled(cell) => cell.into_inner(),
        }
    }

    /// A pointer for reading. Valid while no writer has one.
    pub fn get(&self) -> ConstPtr<T> {
        ConstPtr(match &self.0 {
            Held::Plain(cell) => Pointer::Plain(cell.get()),
            Held::Modelled(cell) => Pointer::Modelled(cell.get()),
        })
    }

    /// A pointer for writing. Valid while nobody else has one.
    pub fn get_mut(&self) -> MutPtr<T> {
        MutPtr(match &self.0 {
            Held::Plain(cell) => Pointer::Plain(cell.get_mut()),
            Held::Modelled(cell) => Pointer::Modelled(cell.get_mut()),
        })
    }
}

#[derive(Debug)]
enum Pointer<P, M> {
    Plain(P),
    Modelled(M),
}

/// A pointer for reading; loom counts it as an access for as long as it lives.
#[derive(Debug)]
pub struct ConstPtr<T>(Pointer<rt_std::cell::ConstPtr<T>, loom::cell::ConstPtr<T>>);

/// A pointer for writing; loom counts it as an access for as long as it lives.
#[derive(Debug)]
pub struct MutPtr<T>(Pointer<rt_std::cell::MutPtr<T>, loom::cell::MutPtr<T>>);

impl<T> ConstPtr<T> {
    /// The value.
    ///
    /// # Safety
    /// Nobody may write to the cell while the reference lives.
    pub unsafe fn deref(&self) -> &T {
        match &self.0 {
            // SAFETY: the caller promises that nobody writes.
            Pointer::Plain(pointer) => unsafe { pointer.deref() },
            // SAFETY: as above.
            Pointer::Modelled(pointer) => unsafe { pointer.deref() },
        }
    }
}

impl<T> MutPtr<T> {
    /// The value.
    ///
    /// # Safety
    /// Nobody else may access the cell while the reference lives.
    #[allow(clippy::mut_from_ref)] // the cell is what makes it exclusive, as for a raw pointer
    pub unsafe fn deref(&self) -> &mut T {
        match &self.0 {
            // SAFETY: the caller promises that nobody else accesses the cell.
            Pointer::Plain(pointer) => unsafe { pointer.deref() },
            // SAFETY: as above.
            Pointer::Modelled(pointer) => unsafe { pointer.deref() },
        }
    }
}
