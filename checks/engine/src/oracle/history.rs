//! Which calls overlapped, what they returned, and which were acknowledged durable.

use std::fmt;

/// A call's number in its [`History`], counting invocations from 0.
pub type CallId = usize;

/// One call of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<C, R> {
    /// Who made it.
    pub task: String,
    /// What was called.
    pub call: C,
    /// What it returned. `None` if it never did: because the power went, the history ends, or the
    /// call failed. It may then have taken effect, or take effect at any later time.
    pub returned: Option<R>,
    /// When it was invoked, counted in events of the history.
    pub invoked_at: usize,
    /// When it returned.
    pub returned_at: Option<usize>,
    /// When it was acknowledged durable.
    pub durable_at: Option<usize>,
}

/// Calls with the order of their invocations and returns.
///
/// ```
/// use cutpoint::oracle::History;
///
/// let mut history = History::new();
/// let push = history.invoke("producer", "push 1");
/// let pop = history.invoke("consumer", "pop");
/// history.returned(push, None);
/// history.returned(pop, Some(1));
/// let again = history.invoke("consumer", "pop");
/// assert!(history.precedes(pop, again) && !history.precedes(push, pop));
/// assert_eq!(
///     history.to_string(),
///     "producer: \"push 1\" returned None (0 to 2); \
///      consumer: \"pop\" returned Some(1) (1 to 3); consumer: \"pop\" did not return (4)",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<C, R> {
    calls: Vec<Call<C, R>>,
    events: usize,
}

impl<C, R> Default for History<C, R> {
    fn default() -> History<C, R> {
        History {
            calls: Vec::new(),
            events: 0,
        }
    }
}

impl<C, R> History<C, R> {
    /// A history without calls.
    pub fn new() -> History<C, R> {
        History::default()
    }

    /// A call begins.
    pub fn invoke(&mut self, task: impl Into<String>, call: C) -> CallId {
        let invoked_at = self.tick();
        self.calls.push(Call {
            task: task.into(),
            call,
            returned: None,
            invoked_at,
            returned_at: None,
            durable_at: None,
        });
        self.calls.len() - 1
    }

    /// A call returns.
    ///
    /// # Panics
    /// If there is no such call, or it has returned.
    pub fn returned(&mut self, call: CallId, value: R) {
        let at = self.tick();
        let call = &mut self.calls[call];
        assert!(call.returned_at.is_none(), "the call has returned already");
        (call.returned, call.returned_at) = (Some(value), Some(at));
    }

    /// Somebody is promised that the call survives any later power cut. A second promise adds
    /// nothing.
    ///
    /// # Panics
    /// If there is no such call.
    pub fn acknowledged(&mut self, call: CallId) {
        let at = self.tick();
        self.calls[call].durable_at.get_or_insert(at);
    }

    /// The calls, in the order of their invocations.
    pub fn calls(&self) -> &[Call<C, R>] {
        &self.calls
    }

    /// How many events there were: invocations, returns, acknowledgements.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Whether call `a` returned before call `b` was invoked.
    ///
    /// # Panics
    /// If there are no such calls.
    pub fn precedes(&self, a: CallId, b: CallId) -> bool {
        let invoked_at = self.calls[b].invoked_at;
        self.calls[a].returned_at.is_some_and(|at| at < invoked_at)
    }

    fn tick(&mut self) -> usize {
        self.events += 1;
        self.events - 1
    }
}

impl<C: Clone, R: Clone> History<C, R> {
    /// What is left of the history where only the events had happened that `contains` says: calls
    /// not invoked are gone, and calls not returned are pending. Times stay as they are.
    pub fn restricted(&self, contains: impl Fn(usize) -> bool) -> History<C, R> {
        let invoked = self.calls.iter().filter(|call| contains(call.invoked_at));
        let calls = invoked.map(|call| {
            let mut call = call.clone();
            call.returned_at = call.returned_at.filter(|&at| contains(at));
            call.durable_at = call.durable_at.filter(|&at| contains(at));
            if call.returned_at.is_none() {
                call.returned = None;
            }
            call
        });
        History {
            calls: calls.collect(),
            events: self.events,
        }
    }
}

impl<C: fmt::Debug, R: fmt::Debug> fmt::Display for Call<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} ", self.task, self.call)?;
        match (&self.returned, self.returned_at) {
            (Some(value), Some(at)) => {
                write!(f, "returned {value:?} ({} to {at}", self.invoked_at)?;
            }
            _ => write!(f, "did not return ({}", self.invoked_at)?,
        }
        match self.durable_at {
            Some(at) => write!(f, ", durable at {at})"),
            None => f.write_str(")"),
        }
    }
}

impl<C: fmt::Debug, R: fmt::Debug> fmt::Display for History<C, R> {
    /// The calls in one line, with the times of their events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, call) in self.calls.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{call}")?;
        }
        Ok(())
    }
}
