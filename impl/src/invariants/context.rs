//! I35: what a step requires to be held is held. Like the kernel's assertions, these see that a
//! lock is held, not by whom.

use crate::lock::RwSem;

/// The step needs `lock` held exclusively.
pub fn expect_exclusive<T>(lock: &RwSem<T>, name: &'static str, step: &'static str) {
    if rt::CHECKED && !lock.peek_exclusive() {
        rt::finding(
            "I35",
            || format!("{step} holds {name} exclusively"),
            || "nobody holds it so".into(),
        );
    }
}
