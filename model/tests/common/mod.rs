//! What the tests of all models share: tables of what breaks without each rule.
//!
//! A table is text, so that a change of the protocol as modelled shows as a changed line in the
//! review. On a difference the whole table as it is now is printed.

use cutpoint_model::check::{self, Outcome, Progress, Specification, Verdict};
use cutpoint_model::invariants::Invariant;
use cutpoint_model::rule::Rule;
use std::fmt::Display;

/// Ignores how far a search has come.
pub fn quietly() -> impl FnMut(Progress) {
    |_| {}
}

/// Asserts that everything holds and is reached, and how many states there are on how long paths.
pub fn holds<M>(model: &M, unique_states: usize, depth: usize)
where
    M: Specification,
    M::Action: Display,
{
    let outcome = check::check(model, &mut quietly());
    assert_holds(&outcome, unique_states, depth);
}

/// Asserts an outcome.
pub fn assert_holds<S: std::fmt::Debug, A: Display + std::fmt::Debug>(
    outcome: &Outcome<S, A>,
    unique_states: usize,
    depth: usize,
) {
    if let Verdict::Violated(found) = &outcome.verdict {
        let steps: Vec<_> = found.actions.iter().map(A::to_string).collect();
        let last = found.states.last();
        panic!("{}\n{}\n{last:#?}", found.property, steps.join("\n"));
    }
    let explored = outcome.explored;
    assert!(
        matches!(outcome.verdict, Verdict::Holds)
            && (explored.unique_states, explored.depth) == (unique_states, depth),
        "{:?} {explored:?}",
        outcome.verdict
    );
}

/// One line: the rule, the invariant, the length of the shortest counterexample, its last step.
fn line<M>(rule: Rule, model: &M) -> String
where
    M: Specification,
    M::Action: Display,
{
    let outcome = check::check(model, &mut quietly());
    let Verdict::Violated(found) = outcome.verdict else {
        panic!("nothing breaks without {rule}");
    };
    assert_eq!(found.states.len(), found.actions.len() + 1);
    let last = found.actions.last().expect("the initial state is good");
    format!("{rule} {} {} {last}", found.property, found.actions.len())
}

/// Asserts what breaks without each of `rules`, one at a time, where `model` gives the model
/// without a rule: for every rule the shortest counterexample of all, and for the pairs in `also`
/// the shortest one of that invariant. Together they must break every one of `invariants`, so that
/// none is vacuous.
pub fn breaks_without<M>(
    rules: &[Rule],
    invariants: impl Iterator<Item = Invariant>,
    model: impl Fn(Rule) -> M,
    also: &[(Rule, Invariant)],
    expected: &str,
) where
    M: Specification,
    M::Action: Display,
{
    let shortest = rules.iter().map(|rule| line(*rule, &model(*rule)));
    let mut table: Vec<_> = shortest.collect();
    let also = also.iter();
    table.extend(also.map(|(rule, id)| line(*rule, &model(*rule).with_only(id.id()))));
    let expected: Vec<_> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert!(table == expected, "the table is now:\n{}", table.join("\n"));
    for invariant in invariants {
        let names = |line: &String| line.split(' ').nth(1) == Some(invariant.id());
        assert!(table.iter().any(names), "nothing breaks {invariant}");
    }
}
