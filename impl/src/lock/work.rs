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
    /// The numbers handed over, for asking whether a wait would end. Changed with `items`.
    handed_over: LeafMutex<BTreeSet<u64>>,
    /// The object of each number. Who makes it first does not show: its name is its number.
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

    /// Adds work and wakes a sleeping worker. After [`WorkList::close`] nobody takes it.
    pub fn push(&self, item: T) {
        self.hand_over(Some(item));
    }

    /// Says that no more work will come.
    pub fn close(&self) {
        self.hand_over(None);
    }

    /// Takes the oldest item, waiting for one. `None` once the list is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let number = take_number(&self.head_object, &self.head);
        let taken = rt::op(
            &self.object(number),
            Op::FlagAwait,
            || self.handed_over.with(|numbers| numbers.contains(&number)),
            || {
                self.waiting.wait_until(|| {
                    let mut items = self.items.lock();
                    match items.get(&number) {
                        None => None,
                        // The end stays for the next who asks.
                        Some(None) => {
                            self.end_at(&mut items, number + 1);
                            Some(None)
                        }
                        Some(Some(_)) => items.remove(&number),
                    }
                })
            },
        );
        // Nobody asks for this number again.
        self.handed_over.with(|numbers| numbers.remove(&number));
        self.objects.with(|objects| objects.remove(&number));
        taken
    }

    /// Takes the oldest item if there is one.
    ///
    /// # Locking
    /// Requires: that nobody else takes items out.
    pub fn try_pop(&self) -> Option<T> {
        let number = self.head.load(Ordering::Relaxed);
        let is_there = self.items.lock().get(&number).is_some_and(Option::is_some);
        if is_there { self.pop() } else { None }
    }

    /// How many numbers are remembered: of items not yet taken, and of those who wait for one.
    pub fn peek_remembered(&self) -> usize {
        let handed_over = self.handed_over.with(|numbers| numbers.len());
        handed_over.max(self.objects.with(|objects| objects.len()))
    }

    fn hand_over(&self, item: Option<T>) {
        let number = take_number(&self.tail_object, &self.tail);
        rt::op(
            &self.object(number),
            Op::FlagClear,
            || true,
            || {
                let mut items = self.items.lock();
                match item {
                    Some(item) => {
                        items.insert(number, Some(item));
                        self.handed_over.with(|numbers| numbers.insert(number));
                    }
                    None => self.end_at(&mut items, number),
                }
                drop(items);
                self.waiting.wake_all();
            },
        );
    }

    fn end_at(&self, items: &mut BTreeMap<u64, Option<T>>, number: u64) {
        items.entry(number).or_insert(None);
        self.handed_over.with(|numbers| numbers.insert(number));
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
