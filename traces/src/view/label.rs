//! Words for events, the same in every view.

use crate::format::{Arg, Event, Kind, Trace, Value};
use std::fmt::Write;

/// Whether an operation starts or ends a task. These order everything and explain nothing.
pub(crate) fn is_lifecycle(op: &str) -> bool {
    matches!(op, "Spawn" | "Begin" | "Exit" | "Join")
}

/// Text from a trace, safe to print: what moves the cursor or reorders the line is replaced.
pub(crate) fn clean(text: &str) -> String {
    let harmful =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if harmful(c) { '\u{fffd}' } else { c })
        .collect()
}

/// What an event did.
pub(crate) fn event(trace: &Trace, event: &Event) -> String {
    match &event.kind {
        Kind::Op { op, object } => operation(op, &trace.objects[*object as usize].name),
        Kind::Step { name, args } => with_args(name, args),
        Kind::Acknowledged { name, args } => format!("acknowledged {}", with_args(name, args)),
        Kind::Write {
            request,
            block,
            fua,
            ..
        } => {
            let fua = if *fua { " with FUA" } else { "" };
            format!("write {request} to block {block}{fua}")
        }
        Kind::Completed { request, ok: true } => format!("write {request} completes"),
        Kind::Completed { request, ok: false } => format!("write {request} fails"),
        Kind::Flushed { ok: true } => "flush completes".to_string(),
        Kind::Flushed { ok: false } => "flush fails".to_string(),
        Kind::Chosen { name, of, value } => format!("{}: choice {value} of {of}", clean(name)),
    }
}

/// What a run of events of one task did, which differ in their arguments only: what they have in
/// common once, then the first and the last.
pub(crate) fn run(trace: &Trace, events: &[usize]) -> String {
    let of = |index: Option<&usize>| index.map(|&at| event(trace, &trace.events[at]));
    let first = of(events.first()).unwrap_or_default();
    let last = of(events.last()).filter(|_| events.len() > 1);
    let Some(last) = last else {
        return first;
    };
    let words = last.split(' ').zip(first.split(' '));
    let common = words.take_while(|(one, other)| one == other).count();
    let differs: Vec<&str> = last.split(' ').skip(common).collect();
    match differs.is_empty() {
        true => format!("{first} ({} times)", events.len()),
        false => format!("{first} … {}", differs.join(" ")),
    }
}

/// The kernel mails' way to write lock operations, plain words for the others.
fn operation(op: &str, object: &str) -> String {
    let object = clean(object);
    match op {
        "AcquireExclusive" => format!("+{object} (w)"),
        "AcquireShared" => format!("+{object} (r)"),
        "ReleaseExclusive" => format!("-{object} (w)"),
        "ReleaseShared" => format!("-{object} (r)"),
        "Downgrade" => format!("{object} (w) to (r)"),
        _ => format!("{} {object}", words(op)),
    }
}

/// "FlagAwait" as "flag await".
fn words(op: &str) -> String {
    let mut text = String::new();
    for (index, c) in clean(op).chars().enumerate() {
        if c.is_uppercase() && index > 0 {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    text
}

fn with_args(name: &str, args: &[Arg]) -> String {
    let mut text = clean(name);
    for arg in args {
        text.push(' ');
        if !arg.key.is_empty() {
            text.push_str(&clean(&arg.key));
            text.push('=');
        }
        // Writing to a string can not fail.
        let _ = match &arg.value {
            Value::None => write!(text, "none"),
            Value::Bool(yes) => write!(text, "{yes}"),
            Value::Number(number) => write!(text, "{number}"),
            Value::Range(start, end) => write!(text, "[{start},{end})"),
            Value::Word(word) => write!(text, "{}", clean(word)),
        };
    }
    text
}

/// Ascending numbers as ranges: "1-4, 7".
pub(crate) fn ranges(numbers: &[u64]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let Some((&first, _)) = rest.split_first() {
        let is_next = |pair: &&[u64]| pair[0].checked_add(1) == Some(pair[1]);
        let length = 1 + rest.windows(2).take_while(is_next).count();
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match length {
            1 => write!(text, "{separator}{first}"),
            _ => write!(text, "{separator}{first}-{}", rest[length - 1]),
        };
        rest = &rest[length..];
    }
    text
}

/// `word` or `words`, by how many.
pub(crate) fn plural(count: usize, word: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{word}{s}")
}

/// What the counterexample is, in one line.
pub(crate) fn title(trace: &Trace) -> String {
    let scenario = clean(&trace.scenario);
    let protocol = match &trace.variant {
        Some(variant) => format!(", variant {}", clean(variant)),
        None if trace.design.is_empty() => String::new(),
        None => ", correct protocol".to_string(),
    };
    format!(
        "{scenario}{protocol}: violates {}",
        clean(&trace.violation.invariant)
    )
}

/// How it was found, in one line.
pub(crate) fn subtitle(trace: &Trace) -> String {
    let crashes = if trace.crash_mode == "off" {
        String::new()
    } else {
        format!(", power cuts: {}", clean(&trace.crash_mode))
    };
    let seed = trace
        .seed
        .map_or(String::new(), |seed| format!(", seed {seed}"));
    // Code that has but one design does not name it.
    let design = match trace.design.as_str() {
        "" => String::new(),
        design => format!("design {}, ", clean(design)),
    };
    format!(
        "{design}found by {} on {}{seed}, granularity {}{crashes}",
        clean(&trace.engine),
        clean(&trace.runtime),
        clean(&trace.granularity),
    )
}

/// What is wrong, in one line.
pub(crate) fn violation(trace: &Trace) -> String {
    let violation = &trace.violation;
    format!(
        "violated {}: expected {}, observed {}",
        clean(&violation.invariant),
        clean(&violation.expected),
        clean(&violation.observed),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_neighbours_only() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[1, 2, 3, 4, 7]), "1-4, 7");
        assert_eq!(
            ranges(&[u64::MAX - 1, u64::MAX]),
            format!("{}-{}", u64::MAX - 1, u64::MAX)
        );
    }

    #[test]
    fn operations_read_as_in_the_mails() {
        assert_eq!(
            operation("AcquireExclusive", "i_data_sem 12"),
            "+i_data_sem 12 (w)"
        );
        assert_eq!(
            operation("FlagAwait", "writeback 12:0"),
            "flag await writeback 12:0"
        );
    }

    #[test]
    fn names_can_not_move_the_cursor() {
        assert_eq!(
            clean("a\x1b[2J\nb\u{202e}"),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}"
        );
    }
}
