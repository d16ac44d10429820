//! General locks for code that has none of its own: a mutex, a reader-writer lock with downgrade,
//! and a condition variable. The same source serves the loom façade.
//!
//! They follow `std::sync` without poisoning. Every acquisition and release is one announced
//! operation at either granularity. A condition never wakes spuriously.
//!
//! While a task unwinds it takes no turns, so it does not wait either: a lock that is held is then
//! handed out all the same, to destructors of an execution that is being thrown away.

use crate::switch::always_op;
use crate::sync::LeafMutex;
use crate::{Class, Key, Object, Op};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static MUTEX: Class = Class::new("mutex");
static RW_LOCK: Class = Class::new("reader-writer lock");
static CONDITION: Class = Class::new("condition");

/// The state of a lock that a writer holds; smaller states count readers.
const WRITER: usize = usize::MAX;

/// What both locks are made of.
struct Core<T> {
    object: Object,
    state: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through guards, which follow the protocol of a reader-writer
// lock; the state that says who may is atomic. See `acquire` for the one exception.
unsafe impl<T: Send> Send for Core<T> {}
// SAFETY: as above; readers share the value, so it must be `Sync` for them, and writers move it.
unsafe impl<T: Send + Sync> Sync for Core<T> {}

impl<T> Core<T> {
    fn new(class: &'static Class, key: Key, value: T) -> Core<T> {
        Core {
            object: Object::new(class, key),
            state: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        }
    }

    fn may_read(&self) -> bool {
        self.state.load(SeqCst) != WRITER
    }

    fn may_write(&self) -> bool {
        self.state.load(SeqCst) == 0
    }

    /// Takes the lock now, if it is free.
    fn try_acquire(&self, shared: bool) -> Option<Hold<'_>> {
        let taken = self
            .state
            .fetch_update(SeqCst, SeqCst, |state| match (shared, state) {
                (true, WRITER) => None,
                (true, readers) => Some(readers + 1),
                (false, 0) => Some(WRITER),
                (false, _) => None,
            });
        taken.ok().map(|_| Hold(Some(&self.state)))
    }

    /// Takes the lock; its turn has come.
    fn acquire(&self, shared: bool) -> Hold<'_> {
        match self.try_acquire(shared) {
            Some(hold) => hold,
            // The holder is a suspended task of an execution that is over. It shares this OS
            // thread, so it does not run before this guard is gone, and it will only unwind.
            None if std::thread::panicking() => Hold(None),
            None => panic!(
                "waits for ever: {:?} is held and nobody can run",
                self.object
            ),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("object", &self.object)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A hold on a lock, given back when it is dropped.
#[derive(Debug)]
struct Hold<'a>(Option<&'a AtomicUsize>);

impl Hold<'_> {
    fn downgrade(&self) {
        if let Some(state) = self.0 {
            state.store(1, SeqCst);
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // A writer's hold leaves nothing, a reader's one less.
            let left = |state| Some(if state == WRITER { 0 } else { state - 1 });
            let _ = state.fetch_update(SeqCst, SeqCst, left);
        }
    }
}

/// A lock with one holder.
#[derive(Debug)]
pub struct Mutex<T>(Core<T>);

// SAFETY: nobody shares the value, so it need only be `Send`.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Mutex<T> {
        Mutex::named(&MUTEX, Key::Only, value)
    }

    /// An unlocked mutex with a name of its own.
    pub fn named(class: &'static Class, key: Key, value: T) -> Mutex<T> {
        Mutex(Core::new(class, key, value))
    }

    /// Locks it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let core = &self.0;
        let hold = always_op(
            &core.object,
            Op::AcquireExclusive,
            || core.may_write(),
            || core.acquire(false),
        );
        MutexGuard {
            core,
            hold: ManuallyDrop::new(hold),
        }
    }

    /// Locks it, if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let core = &self.0;
        let try_acquire = || core.try_acquire(false);
        let hold = always_op(&core.object, Op::TryAcquireExclusive, || true, try_acquire)?;
        Some(MutexGuard {
            core,
            hold: ManuallyDrop::new(hold),
        })
    }

    /// The value, when nobody shares it any more.
    pub fn into_inner(self) -> T {
        self.0.value.into_inner()
    }
}

/// Access to a locked value.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    core: &'a Core<T>,
    hold: ManuallyDrop<Hold<'a>>,
}

/// Shared access to a value.
#[derive(Debug)]
pub struct RwLockReadGuard<'a, T> {
    core: &'a Core<T>,
    hold: ManuallyDrop<Hold<'a>>,
}

/// Exclusive access to a value.
#[derive(Debug)]
pub struct RwLockWriteGuard<'a, T> {
    core: &'a Core<T>,
    hold: ManuallyDrop<Hold<'a>>,
}

macro_rules! guard {
    ($name:ident, $release:ident) => {
        impl<T> Deref for $name<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                // SAFETY: the guard holds the lock, so nobody writes.
                unsafe { &*self.core.value.get() }
            }
        }

        impl<T> Drop for $name<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the hold is taken nowhere but here and in `downgrade`, which forgets the
                // guard.
                let hold = unsafe { ManuallyDrop::take(&mut self.hold) };
                // If the task unwinds instead of getting its turn, the closure is dropped, and the
                // hold with it.
                always_op(&self.core.object, Op::$release, || true, move || drop(hold));
            }
        }
    };
}
guard!(MutexGuard, ReleaseExclusive);
guard!(RwLockReadGuard, ReleaseShared);
guard!(RwLockWriteGuard, ReleaseExclusive);

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock alone.
        unsafe { &mut *self.core.value.get() }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock alone.
        unsafe { &mut *self.core.value.get() }
    }
}

/// A lock with one writer or many readers.
#[derive(Debug)]
pub struct RwLock<T>(Core<T>);

impl<T> RwLock<T> {
    /// An unlocked lock.
    pub fn new(value: T) -> RwLock<T> {
        RwLock::named(&RW_LOCK, Key::Only, value)
    }

    /// An unlocked lock with a name of its own.
    pub fn named(class: &'static Class, key: Key, value: T) -> RwLock<T> {
        RwLock(Core::new(class, key, value))
    }

    /// Locks it for reading.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let core = &self.0;
        let hold = always_op(
            &core.object,
            Op::AcquireShared,
            || core.may_read(),
            || core.acquire(true),
        );
        RwLockReadGuard {
            core,
            hold: ManuallyDrop::new(hold),
        }
    }

    /// Locks it for writing.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let core = &self.0;
        let hold = always_op(
            &core.object,
            Op::AcquireExclusive,
            || core.may_write(),
            || core.acquire(false),
        );
        RwLockWriteGuard {
            core,
            hold: ManuallyDrop::new(hold),
        }
    }

    /// The value, when nobody shares it any more.
    pub fn into_inner(self) -> T {
        self.0.value.into_inner()
    }
}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Turns the exclusive hold into a shared one without letting go.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let core = self.core;
        // If the task unwinds in the operation, `self` is dropped as it is.
        always_op(
            &core.object,
            Op::Downgrade,
            || true,
            || self.hold.downgrade(),
        );
        let mut guard = ManuallyDrop::new(self);
        RwLockReadGuard {
            core,
            // SAFETY: the guard is never dropped, so its hold is taken only here.
            hold: ManuallyDrop::new(unsafe { ManuallyDrop::take(&mut guard.hold) }),
        }
    }
}

/// A condition that tasks wait for.
#[derive(Debug)]
pub struct Condvar {
    object: Object,
    waiters: LeafMutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    /// Tickets handed out so far.
    tickets: u64,
    /// Tickets of those who wait, in order of arrival.
    waiting: VecDeque<u64>,
    /// Tickets of those who were woken and have not gone on yet.
    woken: Vec<u64>,
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl Condvar {
    /// A condition nobody waits for.
    pub fn new() -> Condvar {
        Condvar::named(&CONDITION, Key::Only)
    }

    /// A condition with a name of its own.
    pub fn named(class: &'static Class, key: Key) -> Condvar {
        Condvar {
            object: Object::new(class, key),
            waiters: LeafMutex::new(Waiters::default()),
        }
    }

    /// Gives the lock back, waits to be notified, and takes the lock again. Queueing up comes
    /// before giving the lock back, so no notification is lost in between.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let queue_up = || {
            self.waiters.with(|waiters| {
                waiters.tickets += 1;
                waiters.waiting.push_back(waiters.tickets);
                waiters.tickets
            })
        };
        let ticket = always_op(&self.object, Op::ConditionAwait, || true, queue_up);
        let core = guard.core;
        drop(guard);
        let woken = || self.waiters.with(|waiters| waiters.woken.contains(&ticket));
        let go_on = || {
            self.waiters.with(|waiters| {
                waiters.woken.retain(|woken| *woken != ticket);
            });
        };
        always_op(&self.object, Op::ConditionAwait, woken, go_on);
        let hold = always_op(
            &core.object,
            Op::AcquireExclusive,
            || core.may_write(),
            || core.acquire(false),
        );
        MutexGuard {
            core,
            hold: ManuallyDrop::new(hold),
        }
    }

    /// Wakes the task that has waited longest, if any waits.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes every task that waits.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    fn notify(&self, most: usize) {
        let wake = || {
            self.waiters.with(|waiters| {
                let woken = waiters.waiting.len().min(most);
                waiters.woken.extend(waiters.waiting.drain(..woken));
            });
        };
        always_op(&self.object, Op::ConditionNotify, || true, wake);
    }
}
