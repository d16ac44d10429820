//! A cell whose accesses the runtime can check for data races.

/// Like `std::cell::UnsafeCell`, with closures in place of raw pointers.
#[derive(Debug, Default)]
pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell with a value.
    #[inline]
    pub const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// The value, when nobody shares the cell any more.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// A pointer for reading. Valid while no writer has one.
    #[inline]
    pub fn get(&self) -> ConstPtr<T> {
        ConstPtr(self.0.get())
    }

    /// A pointer for writing. Valid while nobody else has one.
    #[inline]
    pub fn get_mut(&self) -> MutPtr<T> {
        MutPtr(self.0.get())
    }
}

/// A pointer for reading, checked on runtimes that can.
#[derive(Debug)]
pub struct ConstPtr<T: ?Sized>(*const T);

/// A pointer for writing, checked on runtimes that can.
#[derive(Debug)]
pub struct MutPtr<T: ?Sized>(*mut T);

impl<T: ?Sized> ConstPtr<T> {
    /// The value.
    ///
    /// # Safety
    /// Nobody may write to the cell while the reference lives.
    #[inline]
    pub unsafe fn deref(&self) -> &T {
        // SAFETY: the caller promises that nobody writes.
        unsafe { &*self.0 }
    }
}

impl<T: ?Sized> MutPtr<T> {
    /// The value.
    ///
    /// # Safety
    /// Nobody else may access the cell while the reference lives.
    #[inline]
    #[allow(clippy::mut_from_ref)] // the cell is what makes it exclusive, as for a raw pointer
    pub unsafe fn deref(&self) -> &mut T {
        // SAFETY: the caller promises that nobody else accesses the cell.
        unsafe { &mut *self.0 }
    }
}
