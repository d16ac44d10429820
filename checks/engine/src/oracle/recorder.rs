//! The history of an execution, while it runs.
//!
//! Which calls precede which is part of an execution, so the explorer must see it: otherwise two
//! executions that differ in nothing but that one call returned before another began would count
//! as one, and only one of them would be judged. A return adds to the set of returned calls, and an
//! invocation reads that set: operations of kinds that exist already ([`Op::Merge`] and
//! [`Op::Load`]), of which returns commute, and invocations do. Only an invocation against a return
//! of another task is a race.

use super::history::{CallId, History};
use super::linearize::{NotLinearizable, linearize, recoverable};
use super::specification::Specification;
use cutpoint_event::{TaskId, log};
use rt_shuttle::sync::LeafMutex;
use rt_shuttle::{Arg, Args, Class, Key, Object, Op, Value, acknowledged, always_op, step};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

static RETURNED: Class = Class::new("returned calls");

/// The invariant that a history violates if no order of its calls explains it.
pub const LINEARIZABILITY: &str = "linearizability";

/// Records the calls of one execution. Clones are the same recorder.
///
/// A recorder belongs to the execution in which it was made. [`crate::Checker::linearizable`] makes
/// one for each; code that makes its own calls [`Recorder::judge`] in the end.
pub struct Recorder<S: Specification> {
    shared: Arc<Shared<S>>,
}

impl<S: Specification> Clone for Recorder<S> {
    fn clone(&self) -> Recorder<S> {
        Recorder {
            shared: self.shared.clone(),
        }
    }
}

impl<S: Specification> fmt::Debug for Recorder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.history())
    }
}

struct Shared<S: Specification> {
    spec: Arc<S>,
    /// The set of returned calls.
    returned: Object,
    /// Its sections run inside operations on `returned`. Two of them that are not ordered so are
    /// two invocations, or two returns: they commute but for the numbers of calls, which nobody
    /// looks at but to tell calls apart.
    state: LeafMutex<State<S>>,
}

struct State<S: Specification> {
    history: History<S::Call, S::Return>,
    /// Per event of the history, the log's event that shows it.
    events: Vec<usize>,
    /// Per call, its task, and its number among that task's.
    of_task: Vec<(TaskId, usize)>,
}

/// A call under way. Dropped without a return, it is pending for ever.
#[must_use = "a call that does not return is pending for ever"]
pub struct Invocation<'a, S: Specification> {
    recorder: &'a Recorder<S>,
    id: CallId,
    name: &'static str,
}

impl<S: Specification> fmt::Debug for Invocation<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.id)
    }
}

impl<S: Specification> Recorder<S> {
    /// A recorder of an execution that begins, in which no call was made yet.
    pub fn new(spec: Arc<S>) -> Recorder<S> {
        Recorder {
            shared: Arc::new(Shared {
                spec,
                returned: Object::new(&RETURNED, Key::Only),
                state: LeafMutex::new(State {
                    history: History::new(),
                    events: Vec::new(),
                    of_task: Vec::new(),
                }),
            }),
        }
    }

    /// Makes a call: `body` is the code under test.
    pub fn call(&self, call: S::Call, body: impl FnOnce() -> S::Return) -> S::Return {
        let invocation = self.invoke(call);
        let value = body();
        invocation.returned(value.clone());
        value
    }

    /// Makes a call whose return is a promise that it survives power cuts.
    pub fn call_durably(&self, call: S::Call, body: impl FnOnce() -> S::Return) -> S::Return {
        let invocation = self.invoke(call);
        let value = body();
        invocation.returned_durably(value.clone());
        value
    }

    /// Makes a call that may fail. After an error it may have taken effect, or do so later, and
    /// nothing is promised; this holds for durability too, which a success promises.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn try_call_durably<E>(
        &self,
        call: S::Call,
        body: impl FnOnce() -> Result<S::Return, E>,
    ) -> Result<S::Return, E> {
        let invocation = self.invoke(call);
        let value = body()?;
        invocation.returned_durably(value.clone());
        Ok(value)
    }

    /// Makes every call durable that has returned by now, if `body` does not fail.
    ///
    /// # Errors
    /// Those of `body`; then nothing is promised.
    pub fn sync<E>(&self, body: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let shared = &self.shared;
        let returned = always_op(
            &shared.returned,
            Op::Load,
            || true,
            || {
                shared.state.with(|state| {
                    let calls = state.history.calls().iter().enumerate();
                    let returned = calls.filter(|(_, call)| call.returned_at.is_some());
                    returned.map(|(id, _)| id).collect::<Vec<CallId>>()
                })
            },
        );
        body()?;
        for id in returned {
            self.acknowledge(id, "sync");
        }
        Ok(())
    }

    /// Begins a call that ends elsewhere, or perhaps never.
    pub fn invoke(&self, call: S::Call) -> Invocation<'_, S> {
        let shared = &self.shared;
        let name = shared.spec.name(&call);
        let id = always_op(
            &shared.returned,
            Op::Load,
            || true,
            || {
                shared.state.with(|state| {
                    let task = log::current_task();
                    let theirs = state.of_task.iter().filter(|(of, _)| *of == task);
                    let number = theirs.count() + 1;
                    state.of_task.push((task, number));
                    state.history.invoke(task_name(task), call)
                })
            },
        );
        step(name, || self.arguments(id, "begins"));
        self.note_event();
        Invocation {
            recorder: self,
            id,
            name,
        }
    }

    /// The history so far.
    pub fn history(&self) -> History<S::Call, S::Return> {
        self.shared.state.with(|state| state.history.clone())
    }

    /// The history of a part of the execution: `contains` says of each event of the execution's
    /// log, by index, whether it is in it. See [`crate::crash::Cut::contains`].
    pub fn history_within(&self, contains: impl Fn(usize) -> bool) -> History<S::Call, S::Return> {
        self.shared.state.with(|state| {
            let events = &state.events;
            state.history.restricted(|at| contains(events[at]))
        })
    }

    /// The states that may be recovered if the power went when only a part of the execution had
    /// happened: see [`recoverable`].
    pub fn recoverable_within(&self, contains: impl Fn(usize) -> bool) -> BTreeSet<S::State> {
        recoverable(&*self.shared.spec, &self.history_within(contains))
    }

    /// Looks for an order of the calls so far that explains them.
    ///
    /// # Errors
    /// If there is none.
    pub fn linearize(&self) -> Result<Vec<CallId>, NotLinearizable> {
        linearize(&*self.shared.spec, &self.history())
    }

    /// Reports a violation of linearizability by the calls so far, if there is one, so that the
    /// execution ends. Calls that are under way count as pending, which never accuses wrongly.
    pub fn judge(&self) {
        // An operation, so that the returns of tasks that nobody joined are seen in both orders.
        always_op(&self.shared.returned, Op::Load, || true, || ());
        if let Err(error) = self.linearize() {
            let expected = "each call takes effect at one instant between its invocation and its \
                            return";
            rt_shuttle::finding(LINEARIZABILITY, || expected.into(), || error.to_string());
        }
    }

    fn acknowledge(&self, id: CallId, name: &'static str) {
        let state = &self.shared.state;
        state.with(|state| state.history.acknowledged(id));
        acknowledged(name, || self.arguments(id, "durable"));
        self.note_event();
    }

    /// Notes that the newest event of the log is the newest of the history: no other task ran
    /// since that was made.
    fn note_event(&self) {
        let at = log::with(|log| log.events.len().saturating_sub(1));
        self.shared.state.with(|state| state.events.push(at));
    }

    /// What the log says of a call's event. The number is that among the task's own calls, which
    /// does not depend on what other tasks do.
    fn arguments(&self, id: CallId, what: &'static str) -> Args {
        let (task, number) = self.shared.state.with(|state| state.of_task[id]);
        let argument = |key, value| Arg { key, value };
        let what = argument("", what.into());
        match task == log::current_task() {
            true => Args::new(&[what, argument("call", number.into())]),
            false => Args::new(&[
                what,
                argument("call", number.into()),
                argument("of task", Value::from(task.0)),
            ]),
        }
    }
}

impl<S: Specification> Invocation<'_, S> {
    /// The call returns.
    pub fn returned(self, value: S::Return) {
        self.finish(value);
    }

    /// The call returns, with the promise that it survives power cuts.
    pub fn returned_durably(self, value: S::Return) {
        let (recorder, id, name) = self.finish(value);
        recorder.acknowledge(id, name);
    }

    /// The call failed: it may have taken effect, or do so later, and nothing is promised. The same
    /// as to drop it.
    pub fn failed(self) {
        step(self.name, || self.recorder.arguments(self.id, "fails"));
    }
}

impl<'a, S: Specification> Invocation<'a, S> {
    fn finish(self, value: S::Return) -> (&'a Recorder<S>, CallId, &'static str) {
        let Invocation { recorder, id, name } = self;
        let shared = &recorder.shared;
        always_op(
            &shared.returned,
            Op::Merge,
            || true,
            || {
                shared.state.with(|state| state.history.returned(id, value));
            },
        );
        step(name, || recorder.arguments(id, "returns"));
        recorder.note_event();
        (recorder, id, name)
    }
}

fn task_name(task: TaskId) -> String {
    let name = log::with(|log| log.tasks.get(usize::from(task.0)).cloned());
    name.unwrap_or_else(|| format!("task {}", task.0))
}
