//! What projections see of an event: who, and a step, an operation or a choice.

use cutpoint_event::{Args, Event, Key, Log, Op, Value, What};
use std::ops::Range;

/// An event, as far as projections look at it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The task's name.
    pub who: &'a str,
    /// What it did.
    pub what: SeenWhat<'a>,
}

/// What a task did.
#[derive(Clone, Copy, Debug)]
pub enum SeenWhat<'a> {
    /// It took a step of the protocol.
    Step(&'static str, &'a Args),
    /// It operated on an object: the operation, the object's class, and where it is.
    Op(Op, &'static str, Place),
    /// The scenario chose.
    Chosen(&'static str, u64),
}

/// Which object of its class: the second number of its key, like a folio's index, or 0.
pub type Place = u64;

impl<'a> Seen<'a> {
    /// An event of a log; `None` if projections do not look at such events.
    pub fn of(log: &'a Log, event: &'a Event) -> Option<Seen<'a>> {
        let what = match &event.what {
            What::Step { name, args } => SeenWhat::Step(name, args),
            What::Op { op, object } => {
                let name = log.objects.get(object.0 as usize)?;
                let place = match name.key {
                    Key::Two(_, place) => place,
                    Key::Only | Key::One(_) => 0,
                };
                SeenWhat::Op(*op, name.class.name, place)
            }
            What::Chosen { name, value, .. } => SeenWhat::Chosen(name, *value),
            _ => return None,
        };
        let who = log.tasks.get(usize::from(event.task.0))?;
        Some(Seen { who, what })
    }
}

/// The first range of a step's values.
pub fn range(args: &Args) -> Option<Range<u64>> {
    args.as_slice().iter().find_map(|arg| match arg.value {
        Value::Range(start, end) => Some(start..end),
        _ => None,
    })
}

/// The first word of a step's values.
pub fn word(args: &Args) -> Option<&'static str> {
    args.as_slice().iter().find_map(|arg| match arg.value {
        Value::Word(word) => Some(word),
        _ => None,
    })
}

/// Whether a step's value of this name is yes.
pub fn is_set(args: &Args, key: &str) -> bool {
    args.get(key) == Some(Value::Bool(true))
}

/// A number of a step that is small in every scenario, or 255 if it is missing or is not.
pub fn small(args: &Args, key: &str) -> u8 {
    let number = args
        .number(key)
        .and_then(|number| u8::try_from(number).ok());
    number.unwrap_or(u8::MAX)
}

/// A block's number as the models count.
pub fn block(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
