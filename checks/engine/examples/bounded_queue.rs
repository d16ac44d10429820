//! A bounded queue that loses a wake-up, and its corrected twin.
//!
//! Producers and consumers of the queue wait for different things: room, and an item. With one
//! condition for both and `notify_one`, a consumer that has made room may wake another consumer,
//! which finds nothing and goes back to sleep, while the producer is never told. It takes three
//! tasks and a full queue to see. The corrected queue has a condition for each.
//!
//! Run it with `cargo run --example bounded_queue`.

use cutpoint::rt::sync::{Arc, Condvar, Mutex};
use cutpoint::rt::{Class, Key, step, thread};
use cutpoint::{Checker, Report};
use std::collections::VecDeque;

static ITEMS: Class = Class::new("queue");
static NOT_EMPTY: Class = Class::new("not empty");
static NOT_FULL: Class = Class::new("not full");
static CHANGED: Class = Class::new("changed");

/// A queue with room for one item.
struct Queue {
    items: Mutex<VecDeque<u32>>,
    not_empty: Arc<Condvar>,
    not_full: Arc<Condvar>,
}

const CAPACITY: usize = 1;

impl Queue {
    fn new(not_empty: Arc<Condvar>, not_full: Arc<Condvar>) -> Queue {
        Queue {
            items: Mutex::named(&ITEMS, Key::Only, VecDeque::new()),
            not_empty,
            not_full,
        }
    }

    fn with_one_condition() -> Queue {
        let changed = Arc::new(Condvar::named(&CHANGED, Key::Only));
        Queue::new(changed.clone(), changed)
    }

    fn with_two_conditions() -> Queue {
        let condition = |class| Arc::new(Condvar::named(class, Key::Only));
        Queue::new(condition(&NOT_EMPTY), condition(&NOT_FULL))
    }

    fn push(&self, item: u32) {
        let mut items = self.items.lock();
        while items.len() == CAPACITY {
            step("wait for room", Default::default);
            items = self.not_full.wait(items);
        }
        items.push_back(item);
        step("push and notify one", Default::default);
        self.not_empty.notify_one();
    }

    fn pop(&self) -> u32 {
        let mut items = self.items.lock();
        loop {
            if let Some(item) = items.pop_front() {
                step("pop and notify one", Default::default);
                self.not_full.notify_one();
                return item;
            }
            step("wait for an item", Default::default);
            items = self.not_empty.wait(items);
        }
    }
}

/// Two items go through the queue, to two consumers.
fn check(name: &str, queue: fn() -> Queue) -> Report {
    Checker::new(name).run(move || {
        let queue = Arc::new(queue());
        let consumers = ["consumer 1", "consumer 2"].map(|name| {
            let queue = queue.clone();
            thread::spawn(name, move || queue.pop())
        });
        let theirs = queue.clone();
        let producer = thread::spawn("producer", move || {
            theirs.push(1);
            theirs.push(2);
        });
        producer.join();
        let popped: u32 = consumers.map(|task| task.join()).into_iter().sum();
        assert_eq!(popped, 3, "each item is popped once");
    })
}

fn main() {
    println!(
        "{}",
        check("queue with one condition", Queue::with_one_condition)
    );
    println!(
        "{}",
        check("queue with two conditions", Queue::with_two_conditions)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutpoint::verdict::Verdict;

    #[test]
    fn one_condition_loses_a_wake_up() {
        let report = check("queue with one condition", Queue::with_one_condition);
        let trace = report.trace.as_ref().expect("a counterexample");
        assert_eq!(trace.violation.invariant, "deadlock");
        let told = report.to_string();
        for words in ["wait for room", "producer waits: ConditionAwait of changed"] {
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn two_conditions_hold() {
        let report = check("queue with two conditions", Queue::with_two_conditions);
        assert!(
            matches!(report.verdict, Verdict::Exhausted { .. }),
            "{report}"
        );
    }
}
