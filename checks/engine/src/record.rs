//! Recording a counterexample: from the explorer's log to a trace, and back to what a replay needs.

use crate::clock::{EventClocks, clocks_of};
use crate::crash::{CrashViolation, CutMode, Fingerprint, Kept, RecoveryCrash, Source};
use crate::explore::replay::ReplayEvent;
use cutpoint_event::{Event, Finding, Log, What};
use cutpoint_traces::format::{
    Arg, Block, BlockVersion, Choice, Crash, Image, Kind, MAGIC, Object, SectorVersion, Survivor,
    Task, Tool, Trace, VERSION, Value, Violation,
};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;

/// The image that executions start from: its blocks that are not zero, and how many there are.
#[derive(Clone, Debug)]
pub struct BaseImage {
    /// The blocks that are not zero.
    pub content: Vec<(u64, Arc<[u8]>)>,
    /// Blocks on the device.
    pub blocks: u64,
    /// Bytes in a block.
    pub block_size: usize,
}

/// What a log does not say: what was run, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The scenario's name.
    pub scenario: String,
    /// The seeded variant, if it is one.
    pub variant: Option<String>,
    /// The design of the code under test; empty if it has but one.
    pub design: String,
    /// The runtime, like "shuttle".
    pub runtime: String,
    /// The engine, like "dpor".
    pub engine: String,
    /// The granularity: "lock" or "atomic".
    pub granularity: String,
    /// Which power cuts were tried: see [`crash_mode`].
    pub crash_mode: String,
    /// The seed of a random engine.
    pub seed: Option<u64>,
    /// Parts of the scenario that did not take part.
    pub left_out: Vec<String>,
    /// The command that runs the schedule again.
    pub replay_command: String,
}

/// The trace of an execution that ends in a finding.
pub fn of_finding(origin: Origin, log: &Log, finding: &Finding) -> Trace {
    let violation = Violation {
        invariant: finding.invariant.into(),
        expected: finding.expected.clone(),
        observed: one_line(&finding.observed),
        story: None,
    };
    build(origin, log, violation)
}

/// The trace of an execution of which a power cut is not survived.
pub fn of_crash(origin: Origin, log: &Log, violation: &CrashViolation, base: &BaseImage) -> Trace {
    let finding = &violation.finding;
    let mut trace = build(
        origin,
        log,
        Violation {
            invariant: finding.invariant.into(),
            expected: finding.expected.clone(),
            observed: one_line(&finding.observed),
            story: None,
        },
    );
    trace.crash = Some(crash(log, violation));
    trace.image = Some(image(violation, base));
    trace
}

/// What a panic says over several lines, in one: views have one line for it.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    lines.collect::<Vec<&str>>().join(", ")
}

/// The operations of a trace, to be replayed by name.
pub fn operations(trace: &Trace) -> Vec<ReplayEvent> {
    let event = |event: &cutpoint_traces::format::Event| match &event.kind {
        Kind::Op { op, object } => Some(ReplayEvent {
            task: trace.tasks.get(event.task as usize)?.name.clone(),
            op: op.clone(),
            object: trace.objects.get(*object as usize)?.name.clone(),
        }),
        _ => None,
    };
    trace.events.iter().filter_map(event).collect()
}

/// The choices of a trace, to be replayed by name.
pub fn choices(trace: &Trace) -> Vec<(String, u64)> {
    let choices = trace.choices.iter();
    choices
        .map(|choice| (choice.name.clone(), choice.value))
        .collect()
}

fn build(origin: Origin, log: &Log, violation: Violation) -> Trace {
    let clocks = clocks_of(log);
    let tasks = log.tasks.len();
    let events = log.events.iter().enumerate().map(|(index, event)| {
        let task = u32::from(event.task.0);
        cutpoint_traces::format::Event {
            task,
            clock: padded(&clocks, index, tasks),
            kind: kind(&event.what),
        }
    });
    let choices = log.events.iter().filter_map(|event| match &event.what {
        What::Chosen { name, of, value } => Some(Choice {
            name: (*name).into(),
            of: *of,
            value: *value,
        }),
        _ => None,
    });
    Trace {
        magic: MAGIC.into(),
        version: VERSION,
        tool: Tool {
            name: "cutpoint".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        scenario: origin.scenario,
        variant: origin.variant,
        design: origin.design,
        runtime: origin.runtime,
        engine: origin.engine,
        granularity: origin.granularity,
        crash_mode: origin.crash_mode,
        seed: origin.seed,
        left_out: origin.left_out,
        tasks: log
            .tasks
            .iter()
            .map(|name| Task { name: name.clone() })
            .collect(),
        objects: log
            .objects
            .iter()
            .map(|name| Object {
                name: name.to_string(),
            })
            .collect(),
        events: events.collect(),
        choices: choices.collect(),
        crash: None,
        violation,
        image: None,
        replay_command: origin.replay_command,
    }
}

/// The name of a crash mode in traces and on command lines.
pub fn crash_mode(mode: CutMode) -> &'static str {
    match mode {
        CutMode::Off => "off",
        CutMode::Frontier => "frontier",
        CutMode::AllCuts => "all-cuts",
    }
}

fn padded(clocks: &EventClocks, event: usize, tasks: usize) -> Vec<u32> {
    let mut clock = clocks.of(event).to_vec();
    clock.resize(tasks, 0);
    clock
}

fn kind(what: &What) -> Kind {
    match what {
        What::Op { op, object } => Kind::Op {
            op: format!("{op:?}"),
            object: object.0,
        },
        What::Step { name, args } => Kind::Step {
            name: (*name).into(),
            args: arguments(args),
        },
        What::Acknowledged { name, args } => Kind::Acknowledged {
            name: (*name).into(),
            args: arguments(args),
        },
        What::Write {
            request,
            block,
            data,
            fua,
        } => Kind::Write {
            request: *request,
            block: *block,
            bytes: data.len() as u64,
            hash: hash(data),
            fua: *fua,
        },
        What::Completed { request, ok } => Kind::Completed {
            request: *request,
            ok: *ok,
        },
        What::Flushed { ok } => Kind::Flushed { ok: *ok },
        What::Chosen { name, of, value } => Kind::Chosen {
            name: (*name).into(),
            of: *of,
            value: *value,
        },
    }
}

fn arguments(args: &cutpoint_event::Args) -> Vec<Arg> {
    let convert = |value| match value {
        cutpoint_event::Value::None => Value::None,
        cutpoint_event::Value::Number(number) => Value::Number(number),
        cutpoint_event::Value::Range(start, end) => Value::Range(start, end),
        cutpoint_event::Value::Word(word) => Value::Word(word.into()),
        cutpoint_event::Value::Bool(yes) => Value::Bool(yes),
    };
    let list = args.as_slice().iter();
    list.map(|arg| Arg {
        key: arg.key.into(),
        value: convert(arg.value),
    })
    .collect()
}

fn hash(data: &[u8]) -> String {
    let mut fingerprint = Fingerprint::new();
    fingerprint.write(data);
    format!("{:032x}", fingerprint.value())
}

/// The power cut of the execution, and those of recoveries that followed.
fn crash(log: &Log, violation: &CrashViolation) -> Crash {
    let cut = &violation.cut;
    let mut crash = Crash {
        after: cut.prefix.clone(),
        frontier: cut.frontier.iter().map(|event| *event as u32).collect(),
        durable: cut
            .must
            .iter()
            .filter_map(|event| request(&log.events, *event))
            .collect(),
        survivors: survivors(&violation.kept, 0, &log.events),
        recovery: Vec::new(),
        nested: None,
    };
    crash.after.resize(log.tasks.len(), 0);
    let Some((first, rest)) = violation.recovery_crashes.split_first() else {
        crash.recovery = recovery_events(&violation.recovery);
        return crash;
    };
    crash.recovery = recovery_events(&first.events);
    crash.nested = Some(Box::new(nested(first, rest, violation, 1)));
    crash
}

fn nested(
    this: &RecoveryCrash,
    rest: &[RecoveryCrash],
    violation: &CrashViolation,
    level: u32,
) -> Crash {
    let mut crash = Crash {
        after: vec![this.prefix as u32],
        frontier: this.frontier.iter().map(|event| *event as u32).collect(),
        durable: Vec::new(),
        survivors: survivors(&violation.kept, level, &this.events),
        recovery: Vec::new(),
        nested: None,
    };
    match rest.split_first() {
        None => crash.recovery = recovery_events(&violation.recovery),
        Some((next, rest)) => {
            crash.recovery = recovery_events(&next.events);
            crash.nested = Some(Box::new(nested(next, rest, violation, level + 1)));
        }
    }
    crash
}

fn request(events: &[Event], index: usize) -> Option<u64> {
    match &events.get(index)?.what {
        What::Write { request, .. } => Some(*request),
        _ => None,
    }
}

/// What the uncertain blocks turned out to hold, as far as writes of this log, or nobody's, left
/// it.
fn survivors(kept: &BTreeMap<u64, Vec<Kept>>, level: u32, events: &[Event]) -> Vec<Survivor> {
    let version = |kept: &Kept| match kept.source {
        Source::Base => Some(SectorVersion::Base),
        Source::Write { level: of, event } if of == level => {
            request(events, event).map(SectorVersion::Request)
        }
        Source::Write { .. } => None,
    };
    let survivor = |(block, units): (&u64, &Vec<Kept>)| {
        let sectors: Vec<SectorVersion> = units.iter().map(version).collect::<Option<_>>()?;
        // Nested cuts list only what recovery's own writes left.
        if level > 0 && sectors.iter().all(|sector| *sector == SectorVersion::Base) {
            return None;
        }
        let version = match sectors.as_slice() {
            [SectorVersion::Base] => BlockVersion::Base,
            [SectorVersion::Request(request)] => BlockVersion::Request(*request),
            _ => BlockVersion::Torn { sectors },
        };
        Some(Survivor {
            block: *block,
            version,
        })
    };
    kept.iter().filter_map(survivor).collect()
}

fn recovery_events(events: &[Event]) -> Vec<cutpoint_traces::format::Event> {
    let event = |(index, event): (usize, &Event)| cutpoint_traces::format::Event {
        task: 0,
        clock: vec![index as u32 + 1],
        kind: kind(&event.what),
    };
    events.iter().enumerate().map(event).collect()
}

/// The crash image before recovery.
fn image(violation: &CrashViolation, base: &BaseImage) -> Image {
    let mut content: BTreeMap<u64, Vec<u8>> = base
        .content
        .iter()
        .map(|(block, data)| (*block, data.to_vec()))
        .collect();
    for (block, data) in &violation.image {
        content.insert(*block, data.to_vec());
    }
    let not_zero = content
        .into_iter()
        .filter(|(_, data)| data.iter().any(|byte| *byte != 0));
    Image {
        block_size: base.block_size as u32,
        blocks: base.blocks,
        content: not_zero
            .map(|(block, data)| Block { block, data })
            .collect(),
    }
}
