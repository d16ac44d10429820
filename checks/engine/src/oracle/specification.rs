//! What calls do one at a time.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential specification: a state, and what each call makes of it.
///
/// ```
/// use cutpoint::oracle::Specification;
///
/// /// A counter that starts at zero.
/// struct Counter;
///
/// #[derive(Clone, Debug)]
/// enum Call {
///     Add(u32),
///     Read,
/// }
///
/// impl Specification for Counter {
///     type State = u32;
///     type Call = Call;
///     type Return = u32;
///
///     fn initial(&self) -> u32 {
///         0
///     }
///
///     fn apply(&self, count: &mut u32, call: &Call) -> u32 {
///         if let Call::Add(by) = call {
///             *count += by;
///         }
///         *count
///     }
/// }
///
/// assert_eq!(Counter.after(&3, &Call::Add(2), Some(&5)), [5]);
/// assert!(Counter.after(&3, &Call::Read, Some(&5)).is_empty());
/// ```
pub trait Specification: Send + Sync + 'static {
    /// What calls act on, as far as any call or any recovery can tell. States that no call can tell
    /// apart should be equal, or the search takes longer.
    type State: Clone + Ord + Hash + Debug;
    /// A call with its arguments.
    type Call: Clone + Debug + Send + 'static;
    /// What a call returns.
    type Return: Clone + PartialEq + Debug + Send + 'static;

    /// The state before any call.
    fn initial(&self) -> Self::State;

    /// Makes a call: changes the state and returns what the caller gets.
    fn apply(&self, state: &mut Self::State, call: &Self::Call) -> Self::Return;

    /// The states in which a call may leave `state`, if it returns `returned`, or whatever it
    /// returns if that is `None`; none if it can not return that. Override this where a call has
    /// more than one outcome; [`Specification::apply`] is then not used.
    fn after(
        &self,
        state: &Self::State,
        call: &Self::Call,
        returned: Option<&Self::Return>,
    ) -> Vec<Self::State> {
        let mut after = state.clone();
        let gets = self.apply(&mut after, call);
        match returned.is_none_or(|returned| *returned == gets) {
            true => vec![after],
            false => Vec::new(),
        }
    }

    /// The name of a call in traces, without its arguments.
    fn name(&self, _call: &Self::Call) -> &'static str {
        "call"
    }
}
