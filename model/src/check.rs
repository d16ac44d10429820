//! Running stateright over a model, and the shortest counterexample.
//!
//! The search is breadth first on one thread: with more threads the order of visits, and with it
//! the counterexample, would depend on the machine. Two properties of stateright 0.31 shape this
//! file. It stops early only between blocks of states, and a later violation in the same block
//! replaces an earlier one; so its path is not the shortest unless the violated property is the
//! only one, in which case the block ends with the first violation. [`check`] therefore searches
//! again for each property that the first search saw violated, alone. And it counts a state as
//! visited by a 64-bit fingerprint, so a collision could hide a state: with 10⁷ states that has a
//! chance of about three in a million.

use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::fmt::Debug;
use std::hash::Hash;
use std::panic;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A model that [`check`] can run.
pub trait Specification:
    Model<
        State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
        Action: Clone + Debug + PartialEq,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The same model with one of its `always` properties only, named as in
    /// [`Model::properties`].
    fn with_only(&self, property: &'static str) -> Self;
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// States generated, repeated ones included.
    pub states: usize,
    /// Different states.
    pub unique_states: usize,
    /// Length of the longest of the shortest paths to the states visited, in states.
    pub depth: usize,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<S, A> {
    /// Every state was visited, every property holds in it, and every situation that the model
    /// must be able to reach was reached.
    Holds,
    /// Every property holds, but these situations were never reached, so the properties may hold
    /// for lack of trying.
    Vacuous {
        /// Names of the `sometimes` properties without an example.
        unreached: Vec<&'static str>,
    },
    /// A property does not hold.
    Violated(Counterexample<S, A>),
}

/// The shortest way to a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample<S, A> {
    /// Name of the violated property.
    pub property: &'static str,
    /// The actions, in order.
    pub actions: Vec<A>,
    /// The states: the initial one, then the one after each action. The last one violates the
    /// property.
    pub states: Vec<S>,
}

/// The result of [`check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<S, A> {
    /// What was found.
    pub verdict: Verdict<S, A>,
    /// Size of the search that gave the verdict: of the whole state space unless a property is
    /// violated.
    pub explored: Progress,
}

/// Searches every state of `model`, or up to the shortest violation.
///
/// `progress` is called now and then from the calling thread while the search runs, and once at
/// its end. The outcome does not depend on when it is called.
///
/// Among violations of equal length the property that the model names first is reported.
///
/// # Panics
///
/// If the model has no `always` property: stateright then stops after a handful of states, and
/// its silence would look like success. Also if a step of the model panics.
pub fn check<M>(model: &M, progress: &mut dyn FnMut(Progress)) -> Outcome<M::State, M::Action>
where
    M: Specification,
{
    let properties = model.properties();
    let all_of = |wanted: Expectation| properties.iter().filter(move |p| p.expectation == wanted);
    assert!(
        all_of(Expectation::Always).next().is_some(),
        "a model needs an `always` property"
    );

    let (discovered, explored) = search(model.clone(), HasDiscoveries::AnyFailures, progress);
    let mut shortest: Option<Outcome<M::State, M::Action>> = None;
    for property in all_of(Expectation::Always).filter(|p| discovered.contains(&p.name)) {
        let outcome = search_for_violation(model.with_only(property.name), property.name, progress);
        let is_shorter = shortest
            .as_ref()
            .is_none_or(|best| length(&outcome) < length(best));
        if is_shorter {
            shortest = Some(outcome);
        }
    }
    shortest.unwrap_or_else(|| {
        let unreached: Vec<_> = all_of(Expectation::Sometimes)
            .map(|property| property.name)
            .filter(|name| !discovered.contains(name))
            .collect();
        Outcome {
            verdict: verdict_of(unreached),
            explored,
        }
    })
}

/// Maps a state to the one that stands for all that differ from it only in the names of things.
pub type Representative<S> = fn(&S) -> S;

/// As [`check`], but depth first, which needs a quarter of the memory, and counting states that a
/// `representative` makes equal as one.
///
/// [`Progress::depth`] is then that of the longest path the search happened to follow. If
/// something is violated, the answer is that of [`check`], which searches breadth first and without
/// symmetry: its counterexample is the shortest, and is made of real states throughout.
///
/// # Panics
///
/// As [`check`].
pub fn check_large<M>(
    model: &M,
    representative: Option<Representative<M::State>>,
    progress: &mut dyn FnMut(Progress),
) -> Outcome<M::State, M::Action>
where
    M: Specification,
{
    let builder = model.clone().checker();
    let builder = builder.threads(1).finish_when(HasDiscoveries::AnyFailures);
    let builder = match representative {
        Some(representative) => builder.symmetry_fn(representative),
        None => builder,
    };
    let mut checker = builder.spawn_dfs();
    let handles = checker.handles();
    wait(&checker, handles, progress);
    let discovered: Vec<_> = checker.discoveries().into_keys().collect();
    let properties = model.properties();
    let is_always = |p: &&stateright::Property<M>| p.expectation == Expectation::Always;
    assert!(
        properties.iter().any(|property| is_always(&property)),
        "a model needs an `always` property"
    );
    let mut always = properties.iter().filter(is_always);
    if always.any(|property| discovered.contains(&property.name)) {
        return check(model, progress);
    }
    let sometimes = properties.iter().filter(|property| !is_always(property));
    let unreached = sometimes.map(|property| property.name);
    Outcome {
        verdict: verdict_of(
            unreached
                .filter(|name| !discovered.contains(name))
                .collect(),
        ),
        explored: counts(&checker),
    }
}

/// The verdict of a search that saw no violation.
fn verdict_of<S, A>(unreached: Vec<&'static str>) -> Verdict<S, A> {
    if unreached.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Vacuous { unreached }
    }
}

/// The names of all properties that do not hold in `model`, in the model's order, and the size of
/// the search, which goes on after a violation.
///
/// [`check()`] answers what breaks first, this answers what breaks at all.
pub fn violated<M: Specification>(
    model: &M,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<&'static str>, Progress) {
    let (discovered, explored) = search(model.clone(), HasDiscoveries::All, progress);
    let properties = model.properties().into_iter();
    let violated = properties.filter(|property| property.expectation == Expectation::Always);
    let names = violated.map(|property| property.name);
    (
        names.filter(|name| discovered.contains(name)).collect(),
        explored,
    )
}

fn length<S, A>(outcome: &Outcome<S, A>) -> usize {
    match &outcome.verdict {
        Verdict::Violated(counterexample) => counterexample.actions.len(),
        Verdict::Holds | Verdict::Vacuous { .. } => usize::MAX,
    }
}

/// Runs one search to its end and returns the names of the properties with a discovery.
fn search<M: Specification>(
    model: M,
    finish_when: HasDiscoveries,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<&'static str>, Progress) {
    let checker = run(model, finish_when, progress);
    let names = checker.discoveries().into_keys().collect();
    (names, counts(&checker))
}

/// Searches `model`, which has one property that is known to be violated, for the shortest path.
fn search_for_violation<M: Specification>(
    model: M,
    property: &'static str,
    progress: &mut dyn FnMut(Progress),
) -> Outcome<M::State, M::Action> {
    let checker = run(model, HasDiscoveries::AnyFailures, progress);
    let path = checker.discovery(property);
    let path = path.expect("the search with all properties found it");
    let (states, actions): (Vec<_>, Vec<_>) = path.into_vec().into_iter().unzip();
    let actions = actions.into_iter().flatten().collect();
    let counterexample = Counterexample {
        property,
        actions,
        states,
    };
    Outcome {
        verdict: Verdict::Violated(counterexample),
        explored: counts(&checker),
    }
}

fn run<M: Specification>(
    model: M,
    finish_when: HasDiscoveries,
    progress: &mut dyn FnMut(Progress),
) -> impl Checker<M> {
    let mut checker = model
        .checker()
        .threads(1)
        .finish_when(finish_when)
        .spawn_bfs();
    let handles = checker.handles();
    wait(&checker, handles, progress);
    checker
}

/// Waits until a search has ended, and tells how far it has come in between.
fn wait<M: Model>(
    checker: &impl Checker<M>,
    handles: Vec<JoinHandle<()>>,
    progress: &mut dyn FnMut(Progress),
) {
    // Short searches must not wait for a long poll, long ones must not be slowed by a short one.
    let mut pause = Duration::from_millis(1);
    while !handles.iter().all(JoinHandle::is_finished) {
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
        progress(counts(checker));
    }
    for handle in handles {
        if let Err(payload) = handle.join() {
            panic::resume_unwind(payload);
        }
    }
    progress(counts(checker));
}

fn counts<M: Model>(checker: &impl Checker<M>) -> Progress {
    Progress {
        states: checker.state_count(),
        unique_states: checker.unique_state_count(),
        depth: checker.max_depth(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stateright::Property;

    /// Two counters; the search order makes the violation with the larger second counter the one
    /// that stateright keeps.
    #[derive(Clone)]
    struct Counters {
        limit: u8,
        only: Option<&'static str>,
    }

    impl Model for Counters {
        type State = (u8, u8);
        type Action = u8;

        fn init_states(&self) -> Vec<(u8, u8)> {
            vec![(0, 0)]
        }

        fn actions(&self, state: &(u8, u8), actions: &mut Vec<u8>) {
            actions.extend((state.0 < 20).then_some(0));
            actions.extend((state.1 < 20).then_some(1));
        }

        fn next_state(&self, state: &(u8, u8), action: u8) -> Option<(u8, u8)> {
            let (first, second) = *state;
            Some(if action == 0 {
                (first + 1, second)
            } else {
                (first, second + 1)
            })
        }

        fn properties(&self) -> Vec<Property<Self>> {
            let all = vec![
                Property::always("true", |_, _| true),
                Property::always("below", |model: &Self, state| state.0 < model.limit),
                Property::sometimes("ten", |_, state| *state == (10, 10)),
                Property::sometimes("thirty", |model: &Self, state: &(u8, u8)| {
                    model.limit > 50 || state.0 == 30
                }),
            ];
            let wanted = |p: &Property<Self>| self.only.is_none_or(|only| only == p.name);
            all.into_iter().filter(wanted).collect()
        }
    }

    impl Specification for Counters {
        fn with_only(&self, property: &'static str) -> Self {
            Self {
                only: Some(property),
                ..self.clone()
            }
        }
    }

    fn counters(limit: u8) -> Counters {
        Counters { limit, only: None }
    }

    #[test]
    fn the_counterexample_is_the_shortest() {
        let outcome = check(&counters(5), &mut |_| {});
        let Verdict::Violated(counterexample) = outcome.verdict else {
            panic!("the limit of 5 is passed");
        };
        assert_eq!(counterexample.property, "below");
        assert_eq!(counterexample.actions, [0; 5]);
        assert_eq!(counterexample.states.last(), Some(&(5, 0)));
        assert_eq!(violated(&counters(5), &mut |_| {}).0, ["below"]);
    }

    #[test]
    fn a_situation_never_reached_is_no_success() {
        let outcome = check(&counters(50), &mut |_| {});
        assert_eq!(
            outcome.verdict,
            Verdict::Vacuous {
                unreached: vec!["thirty"]
            }
        );
        assert_eq!(outcome.explored.unique_states, 21 * 21);
    }

    #[test]
    fn progress_ends_with_the_size_of_the_search() {
        let mut last = None;
        let outcome = check(&counters(60), &mut |progress| last = Some(progress));
        assert_eq!(outcome.verdict, Verdict::Holds);
        assert_eq!(last, Some(outcome.explored));
        assert_eq!(outcome.explored.depth, 41);
    }

    #[test]
    fn a_large_search_counts_symmetric_states_once_and_finds_the_shortest_path() {
        let sorted = |state: &(u8, u8)| (state.0.min(state.1), state.0.max(state.1));
        let outcome = check_large(&counters(60), Some(sorted), &mut |_| {});
        assert_eq!(outcome.verdict, Verdict::Holds);
        assert_eq!(outcome.explored.unique_states, 21 * 22 / 2);
        let all = check_large(&counters(60), None, &mut |_| {});
        assert_eq!(all.explored.unique_states, 21 * 21);
        let violated = check_large(&counters(5), None, &mut |_| {});
        assert_eq!(violated, check(&counters(5), &mut |_| {}));
    }

    #[test]
    fn a_model_without_always_is_refused() {
        let attempt = panic::catch_unwind(|| check(&counters(60).with_only("ten"), &mut |_| {}));
        assert!(attempt.is_err());
    }
}
