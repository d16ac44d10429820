//! Parts of one thing and of several: what is a cycle and what is not.

use super::*;

static PAGE_LOCK: Class = Class::new("page lock").part_of("page");
static PAGE_FLAG: Class = Class::new("page flag").part_of("page");

/// Pages of two locks each, taken one after the other as if by tasks that never meet.
fn pages(orders: Vec<[(&'static Class, u64); 2]>) -> LockGraph {
    graph(false, move || {
        let page = |n| [&PAGE_LOCK, &PAGE_FLAG].map(|class| mutex(class, Key::Two(12, n)));
        let pages: Vec<_> = (0..3).map(page).collect();
        let other = mutex(&A, Key::One(1));
        let lock = |(class, number): (&'static Class, u64)| match class.name {
            "page lock" => &pages[number as usize][0],
            "page flag" => &pages[number as usize][1],
            _ => &other,
        };
        for [first, second] in &orders {
            both(lock(*first), lock(*second));
        }
    })
}

#[test]
fn parts_of_different_things_are_no_cycle_in_one_order_of_the_things() {
    // The flag is waited for under the lock of its page, and a page is locked while an earlier one
    // has its flag: every task goes through the pages in ascending order.
    let graph = pages(vec![
        [(&PAGE_LOCK, 0), (&PAGE_FLAG, 0)],
        [(&PAGE_FLAG, 0), (&PAGE_LOCK, 1)],
        [(&PAGE_FLAG, 1), (&PAGE_LOCK, 2)],
        [(&PAGE_LOCK, 0), (&PAGE_LOCK, 2)],
    ]);
    assert_eq!(graph.cycles(), []);
}

#[test]
fn parts_of_different_things_are_a_cycle_in_both_orders_of_the_things() {
    // What was seen of page 0 alone is what a task would do to page 1, too.
    let graph = pages(vec![
        [(&PAGE_LOCK, 0), (&PAGE_FLAG, 0)],
        [(&PAGE_FLAG, 0), (&PAGE_LOCK, 1)],
        [(&PAGE_FLAG, 1), (&PAGE_LOCK, 0)],
    ]);
    let cycles = graph.cycles();
    let names: Vec<String> = cycles[0].locks().map(|lock| lock.to_string()).collect();
    let expected = [
        "page flag 12:0",
        "page lock 12:1",
        "page flag 12:1",
        "page lock 12:0",
    ];
    assert_eq!(names, expected);
    let part = serde_json::to_string(&graph.state()).unwrap();
    let mut again = LockGraph::new();
    again.absorb(serde_json::from_str(&part).unwrap());
    assert_eq!(again.cycles(), cycles);
}

#[test]
fn parts_of_one_thing_are_a_cycle_whichever_thing_it_was() {
    let graph = pages(vec![
        [(&PAGE_LOCK, 0), (&PAGE_FLAG, 0)],
        [(&PAGE_FLAG, 1), (&PAGE_LOCK, 1)],
    ]);
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1, "{cycles:?}");
    let names: Vec<String> = cycles[0].locks().map(|lock| lock.to_string()).collect();
    assert_eq!(names, ["page flag", "page lock"]);
}

#[test]
fn a_cycle_through_another_class_is_one_whichever_thing_it_was() {
    let graph = pages(vec![
        [(&PAGE_FLAG, 0), (&PAGE_LOCK, 1)],
        [(&PAGE_LOCK, 2), (&A, 0)],
        [(&A, 0), (&PAGE_FLAG, 1)],
    ]);
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1, "{cycles:?}");
    let names: Vec<String> = cycles[0].locks().map(|lock| lock.to_string()).collect();
    assert_eq!(names, ["A", "page flag", "page lock"]);
}

#[test]
fn classes_that_are_parts_of_nothing_are_a_cycle_whichever_objects_they_were() {
    let graph = graph(false, || {
        let locks = |class| [1, 2].map(|n| mutex(class, Key::One(n)));
        let (a, b) = (locks(&A), locks(&B));
        both(&a[0], &b[1]);
        both(&b[0], &a[1]);
    });
    assert_eq!(graph.cycles().len(), 1);
}
