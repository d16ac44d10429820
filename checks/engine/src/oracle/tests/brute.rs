//! The definitions, by all subsets and permutations, and the objects that tests are about.

use crate::oracle::{CallId, History, Specification};
use std::collections::{BTreeSet, VecDeque};

/// Calls of both objects under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Push(u8),
    Pop,
}

/// A first-in, first-out queue. A push returns nothing, as does a pop of an empty queue.
pub struct Queue;

impl Specification for Queue {
    type State = VecDeque<u8>;
    type Call = Call;
    type Return = Option<u8>;

    fn initial(&self) -> VecDeque<u8> {
        VecDeque::new()
    }

    fn apply(&self, items: &mut VecDeque<u8>, call: &Call) -> Option<u8> {
        match call {
            Call::Push(item) => {
                items.push_back(*item);
                None
            }
            Call::Pop => items.pop_front(),
        }
    }

    fn name(&self, call: &Call) -> &'static str {
        match call {
            Call::Push(_) => "push",
            Call::Pop => "pop",
        }
    }
}

/// A bag: a pop may return any item.
pub struct Bag;

impl Specification for Bag {
    type State = Vec<u8>;
    type Call = Call;
    type Return = Option<u8>;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }

    fn apply(&self, _items: &mut Vec<u8>, _call: &Call) -> Option<u8> {
        unreachable!("a bag overrides `after`")
    }

    fn after(&self, items: &Vec<u8>, call: &Call, returned: Option<&Option<u8>>) -> Vec<Vec<u8>> {
        let fits = |gets: Option<u8>| returned.is_none_or(|returned| *returned == gets);
        let mut after = Vec::new();
        match call {
            Call::Push(item) if fits(None) => after.push([&items[..], &[*item]].concat()),
            Call::Pop if items.is_empty() && fits(None) => after.push(Vec::new()),
            Call::Pop => {
                for at in (0..items.len()).filter(|at| fits(Some(items[*at]))) {
                    let mut left = items.clone();
                    left.remove(at);
                    after.push(left);
                }
            }
            Call::Push(_) => {}
        }
        after.iter_mut().for_each(|items| items.sort_unstable());
        after
    }
}

pub type Pushes = History<Call, Option<u8>>;

/// Every order of every set of calls that holds the returned ones and keeps real time, given as
/// the states after each of its calls, which it can have with the returns of the history.
fn linearizations<S>(spec: &S, history: &Pushes) -> Vec<(Vec<CallId>, Vec<S::State>)>
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    let calls = history.calls();
    let mut found = Vec::new();
    for subset in 0..1u32 << calls.len() {
        let chosen: Vec<CallId> = (0..calls.len())
            .filter(|id| subset >> id & 1 == 1)
            .collect();
        let mut left_out = (0..calls.len()).filter(|id| !chosen.contains(id));
        if left_out.any(|id| calls[id].returned_at.is_some()) {
            continue;
        }
        for order in permutations(&chosen) {
            let keeps_time = (0..order.len()).all(|at| {
                order[at + 1..]
                    .iter()
                    .all(|later| !history.precedes(*later, order[at]))
            });
            if keeps_time {
                for states in runs(spec, history, &order, vec![spec.initial()]) {
                    found.push((order.clone(), states));
                }
            }
        }
    }
    found
}

fn permutations(items: &[CallId]) -> Vec<Vec<CallId>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in items.iter().enumerate() {
        let rest = [&items[..at], &items[at + 1..]].concat();
        let rests = permutations(&rest).into_iter();
        all.extend(rests.map(|rest| [&[*first], &rest[..]].concat()));
    }
    all
}

fn runs<S>(
    spec: &S,
    history: &Pushes,
    order: &[CallId],
    so_far: Vec<S::State>,
) -> Vec<Vec<S::State>>
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    let Some((first, rest)) = order.split_first() else {
        return vec![so_far];
    };
    let (call, now) = (&history.calls()[*first], &so_far[so_far.len() - 1]);
    let after = spec
        .after(now, &call.call, call.returned.as_ref())
        .into_iter();
    after
        .flat_map(|state| runs(spec, history, rest, [&so_far[..], &[state]].concat()))
        .collect()
}

/// Whether some order explains the history.
pub fn is_linearizable<S>(spec: &S, history: &Pushes) -> bool
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    !linearizations(spec, history).is_empty()
}

/// The states after prefixes that hold all that was acknowledged.
pub fn recoverable<S>(spec: &S, history: &Pushes) -> BTreeSet<S::State>
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    let mut allowed = BTreeSet::new();
    for (order, states) in linearizations(spec, history) {
        for (length, state) in states.into_iter().enumerate() {
            let mut must =
                (0..history.calls().len()).filter(|id| history.calls()[*id].durable_at.is_some());
            if must.all(|id| order[..length].contains(&id)) {
                allowed.insert(state);
            }
        }
    }
    allowed
}

/// Whether an order is one of those that explain the history.
pub fn explains<S>(spec: &S, history: &Pushes, order: &[CallId]) -> bool
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    let mut all = linearizations(spec, history).into_iter();
    all.any(|(other, _)| other == order)
}
