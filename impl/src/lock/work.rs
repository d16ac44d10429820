//! A list of work for background threads, which sleep while there is none.
//!
//! Work is handed over by number: the n-th item put in is the n-th taken out, and the handing over
//! of each is an operation of its own object. So putting in and taking out order each other only
//! where one really waits for the other, and otherwise only those who put in, among themselves, and
//! those who take out.

use super::wait::WaitQueue;
use rt::sync::atomic::{AtomicU64, Ordering};
use rt::sync::{Arc, LeafMutex, Mutex};
use rt::{Class, Key, Object, Op};
use std::collections::{BTreeMap, BTreeSet};

/// Work in order of arrival.
#[derive(Debug)]
pub struct WorkList<T> {
    class: &'static Class,
    /// The number of the next item put in, and of the next taken out.
    tail: AtomicU64,
    head: AtomicU64,
    tail_object: Object,
    head_object: Object,
    /// Items handed over and not yet taken. `None` says that there are no more from there on.
    items: Mutex<BTreeMap<u64, Option<T>>>,
    /// The numbers handed over, for asking whether a wait would end. Changed with `items`, inside
    /// the operation that hands one over; and by who takes one, which nobody asks for again.
    handed_over: LeafMutex<BTreeSet<u64>>,
    /// The object of each number. Sections commute: who makes it first does not show, as its name
    /// is its number, and it goes once it has been used for the last time.
    objects: LeafMutex<BTreeMap<u64, Arc<Object>>>,
    waiting: WaitQueue,
}

impl<T> WorkList<T> {
    /// An empty, open list.
    pub fn new(class: &'static Class, key: Key) -> WorkList<T> {
        WorkList {
            class,
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            tail_object: Object::new(class, key),
            head_object: Object::new(class, key),
            items: Mutex::new(BTreeMap::new()),
            handed_over: LeafMutex::new(BTreeSet::new()),
            objects: LeafMutex::new(BTreeMap::new()),
            waiting: WaitQueue::new(),
        }
    }

    /// Adds work and wakes the sleeping workers.
    ///
    /// # Locking
    /// Requires: that the list has not been closed.
    pub fn push(&self, item: T) {
        let number = take_number(&self.tail_object, &self.tail);
        self.hand_over(number, Some(item));
    }

    /// Says that no more work will come: every worker ends, once what was put in is taken.
    pub fn close(&self) {
        let number = take_number(&self.tail_object, &self.tail);
        self.hand_over(number, None);
    }

    /// Takes the oldest item, waiting for one. `None` once the list is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let number = take_number(&self.head_object, &self.head);
        let taken = rt::op(
            &self.object(number),
            Op::FlagAwait,
            || self.handed_over.with(|numbers| numbers.contains(&number)),
            || {
                self.waiting
                    .wait_until(|| self.items.lock().remove(&number))
            },
        );
        // Nobody asks for this number again.
        self.handed_over.with(|numbers| numbers.remove(&number));
        self.objects.with(|objects| objects.remove(&number));
        if taken.is_none() {
            self.pass_end_on(number + 1);
        }
        taken
    }

    /// Takes the oldest item if there is one.
    ///
    /// # Locking
    /// Requires: that nobody else takes items out.
    pub fn try_pop(&self) -> Option<T> {
        // Relaxed: only the caller changes it.
        let number = self.head.load(Ordering::Relaxed);
        let is_there = rt::op(
            &self.object(number),
            Op::Load,
            || true,
            || self.items.lock().get(&number).is_some_and(Option::is_some),
        );
        if is_there { self.pop() } else { None }
    }

    /// How many numbers are remembered: of items not yet taken, and of those who wait for one.
    pub fn peek_remembered(&self) -> usize {
        let handed_over = self.handed_over.with(|numbers| numbers.len());
        handed_over.max(self.objects.with(|objects| objects.len()))
    }

    fn hand_over(&self, number: u64, item: Option<T>) {
        rt::op(
            &self.object(number),
            Op::FlagClear,
            || true,
            || {
                let mut items = self.items.lock();
                items.insert(number, item);
                self.handed_over.with(|numbers| numbers.insert(number));
                drop(items);
                self.waiting.wake_all();
            },
        );
    }

    /// The end is there for whoever asks next, too, and that may be someone who sleeps already.
    fn pass_end_on(&self, number: u64) {
        self.hand_over(number, None);
    }

    fn object(&self, number: u64) -> Arc<Object> {
        self.objects.with(|objects| {
            let object = objects.entry(number);
            object
                .or_insert_with(|| Arc::new(Object::new(self.class, Key::Two(0, number))))
                .clone()
        })
    }
}

fn take_number(object: &Object, next: &AtomicU64) -> u64 {
    // Relaxed: the number only has to be unique; the item is published by its mutex.
    rt::op(
        object,
        Op::Update,
        || true,
        || next.fetch_add(1, Ordering::Relaxed),
    )
}
