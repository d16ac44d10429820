//! Parts of a scenario that can be left out.
//!
//! A counterexample is easier to read without the tasks and operations that have no share in it. A
//! scenario names its parts ([`is_in`]); explorers run all of them, and a minimiser leaves out
//! those that a violation does not need.

use std::cell::RefCell;

#[derive(Default)]
struct Parts {
    left_out: Vec<String>,
    asked: Vec<&'static str>,
}

thread_local! {
    static PARTS: RefCell<Parts> = RefCell::default();
}

/// Whether the part of this name takes part. Remembers that it was asked for.
pub fn is_in(name: &'static str) -> bool {
    PARTS.with_borrow_mut(|parts| {
        if !parts.asked.contains(&name) {
            parts.asked.push(name);
        }
        !parts.left_out.iter().any(|left_out| left_out == name)
    })
}

/// Leaves these parts out of every execution on this thread from now on, and forgets which parts
/// were asked for.
pub fn leave_out(names: &[String]) {
    PARTS.with_borrow_mut(|parts| {
        *parts = Parts {
            left_out: names.to_vec(),
            asked: Vec::new(),
        };
    });
}

/// The parts asked for since [`leave_out`], in the order of the first question, those that were
/// left out included.
pub fn asked() -> Vec<&'static str> {
    PARTS.with_borrow(|parts| parts.asked.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_unless_left_out() {
        leave_out(&["b".into()]);
        assert_eq!(["a", "b", "a"].map(is_in), [true, false, true]);
        assert_eq!(asked(), ["a", "b"]);
        leave_out(&[]);
        assert!(asked().is_empty());
        assert!(is_in("b"));
        leave_out(&[]);
    }
}
