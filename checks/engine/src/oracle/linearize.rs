//! The search for an order of the calls that explains a history.
//!
//! Wing and Gong, *Testing and verifying concurrent objects* (JPDC 1993): a call can come next if
//! no call that is still missing returned before it was invoked. With the memory that Lowe adds
//! (*Testing for linearizability*, CCPE 2017): what can follow depends only on the set of calls
//! done and on the state, so each such pair is visited once. Departures: no recursion, and for
//! power cuts the search covers every pair, to learn which states lie on the way of a complete
//! linearization.
//!
//! Deciding linearizability is NP-complete (Gibbons and Korach, SIAM J. Comput. 1997). The search
//! is exponential in the calls that overlap, and in those that never returned, and linear in
//! everything else.

use super::history::{CallId, History};
use super::specification::Specification;
use std::collections::{BTreeMap, BTreeSet};

/// A history that no order of its calls explains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no order of the calls explains {call} among: {history}")]
pub struct NotLinearizable {
    /// The call whose return nothing explains; up to there an order exists.
    pub culprit: CallId,
    /// That call, in words.
    pub call: String,
    /// The history up to that return, in words.
    pub history: String,
}

/// The history of a specification.
type Of<S> = History<<S as Specification>::Call, <S as Specification>::Return>;

/// A set of calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Calls(Vec<u64>);

impl Calls {
    fn none(calls: usize) -> Calls {
        Calls(vec![0; calls.div_ceil(64)])
    }

    fn contains(&self, call: CallId) -> bool {
        self.0[call / 64] >> (call % 64) & 1 == 1
    }

    fn with(&self, call: CallId) -> Calls {
        let mut more = self.clone();
        more.0[call / 64] |= 1 << (call % 64);
        more
    }
}

/// The calls done, and the state that they leave.
type Node<S> = (Calls, <S as Specification>::State);

/// Every way to go on: the next call, and the node after it.
fn successors<S: Specification>(
    spec: &S,
    history: &Of<S>,
    (done, state): &Node<S>,
) -> Vec<(CallId, Node<S>)> {
    let missing = || {
        let numbered = history.calls().iter().enumerate();
        numbered.filter(|(call, _)| !done.contains(*call))
    };
    let first_return = missing().filter_map(|(_, call)| call.returned_at).min();
    let can_be_next = |invoked_at| first_return.is_none_or(|at| invoked_at < at);
    let mut next = Vec::new();
    for (id, call) in missing().filter(|(_, call)| can_be_next(call.invoked_at)) {
        for after in spec.after(state, &call.call, call.returned.as_ref()) {
            next.push((id, (done.with(id), after)));
        }
    }
    next
}

/// Whether every call that returned is done.
fn is_complete<S: Specification>(history: &Of<S>, done: &Calls) -> bool {
    let mut numbered = history.calls().iter().enumerate();
    numbered.all(|(id, call)| call.returned_at.is_none() || done.contains(id))
}

fn start<S: Specification>(spec: &S, history: &Of<S>) -> Node<S> {
    (Calls::none(history.calls().len()), spec.initial())
}

/// An order of the calls that explains what they returned: it keeps the order of calls that did not
/// overlap, and holds every call that returned and perhaps some that did not.
///
/// # Errors
/// If there is none.
pub fn linearize<S: Specification>(
    spec: &S,
    history: &Of<S>,
) -> Result<Vec<CallId>, NotLinearizable> {
    if let Some(order) = search(spec, history) {
        return Ok(order);
    }
    // A prefix of a history that can be explained can be explained, so the first return that can
    // not is the culprit.
    let mut returns: Vec<(usize, CallId)> = history
        .calls()
        .iter()
        .enumerate()
        .filter_map(|(id, call)| Some((call.returned_at?, id)))
        .collect();
    returns.sort_unstable();
    let until = |end: usize| history.restricted(|at| at <= end);
    let fails = |&&(at, _): &&(usize, CallId)| search(spec, &until(at)).is_none();
    let &(at, culprit) = returns
        .iter()
        .find(fails)
        .expect("with its last return the history is complete, and it fails");
    Err(NotLinearizable {
        culprit,
        call: history.calls()[culprit].to_string(),
        history: until(at).to_string(),
    })
}

/// Depth first, the earliest invocation first.
fn search<S: Specification>(spec: &S, history: &Of<S>) -> Option<Vec<CallId>> {
    let root = start(spec, history);
    let mut seen = BTreeSet::from([root.clone()]);
    let mut open = vec![(root, Vec::new())];
    while let Some((node, order)) = open.pop() {
        if is_complete::<S>(history, &node.0) {
            return Some(order);
        }
        for (call, next) in successors(spec, history, &node).into_iter().rev() {
            if seen.insert(next.clone()) {
                open.push((next, [&order[..], &[call]].concat()));
            }
        }
    }
    None
}

/// The states that may be recovered after a power cut at the end of `history`: those after a prefix
/// of some linearization of it that holds every call acknowledged durable.
///
/// Empty only if the history is not linearizable, or if no outcome of an acknowledged call that
/// never returned is allowed.
pub fn recoverable<S: Specification>(spec: &S, history: &Of<S>) -> BTreeSet<S::State> {
    let root = start(spec, history);
    let mut numbers = BTreeMap::from([(root.clone(), 0)]);
    let mut nodes = vec![root];
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < nodes.len() {
        for (_, next) in successors(spec, history, &nodes[at]) {
            let number = *numbers.entry(next.clone()).or_insert_with(|| {
                nodes.push(next);
                before.push(Vec::new());
                nodes.len() - 1
            });
            before[number].push(at);
        }
        at += 1;
    }
    // Backwards from the ends of complete linearizations: everything on the way to one.
    let is_end = |node: &usize| is_complete::<S>(history, &nodes[*node].0);
    let mut open: Vec<usize> = (0..nodes.len()).filter(is_end).collect();
    let mut leads_on: BTreeSet<usize> = open.iter().copied().collect();
    while let Some(node) = open.pop() {
        let new = before[node]
            .iter()
            .filter(|earlier| leads_on.insert(**earlier));
        open.extend(new);
    }
    let must: Vec<CallId> = (0..history.calls().len())
        .filter(|id| history.calls()[*id].durable_at.is_some())
        .collect();
    let holds_all = |(done, _): &&Node<S>| must.iter().all(|id| done.contains(*id));
    let prefixes = leads_on.into_iter().map(|node| &nodes[node]);
    prefixes
        .filter(holds_all)
        .map(|(_, state)| state.clone())
        .collect()
}
