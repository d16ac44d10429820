//! What the power cut left, and what recovery did: the lines below the race.

use super::Options;
use super::label::{self, clean, plural, ranges};
use super::rows::Rows;
use crate::format::{
    Block, BlockVersion, Crash, Event, Kind, RECOVERY_TASK, SectorVersion, Survivor, Trace,
};
use crate::order::Order;
use std::collections::{BTreeMap, BTreeSet};

/// How many lines of one sort are printed unless everything is wanted.
const LINES_MAX: usize = 8;

/// A line below the race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What it is about.
    pub(crate) fate: Fate,
    /// The text after the fate.
    pub(crate) text: String,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The power was cut.
    Cut,
    /// Writes that are safe whatever the device kept.
    Durable,
    /// A write that the device kept although it had not promised to.
    Kept,
    /// Writes that the device lost.
    Lost,
    /// A durable write that another one, in flight at the same time, has undone.
    Overtaken,
    /// A block that mixes versions.
    Torn,
    /// Blocks that were never read.
    Either,
    /// What recovery did.
    Recovery,
}

impl Fate {
    /// The word that starts the line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Fate::Cut => "power cut",
            Fate::Durable => "durable",
            Fate::Kept => "kept",
            Fate::Lost => "lost",
            Fate::Overtaken => "overtaken",
            Fate::Torn => "torn",
            Fate::Either => "either",
            Fate::Recovery => RECOVERY_TASK,
        }
    }
}

/// Tells what happened after the first power cut of a validated trace; nothing if it has none.
pub(crate) fn tell(trace: &Trace, rows: &Rows, options: &Options) -> Vec<Line> {
    let mut lines = Vec::new();
    let is_shown = |event: usize| rows.number_of(event).is_some();
    let shown = Order::new(&trace.events, trace.tasks.len(), is_shown);
    let mut level = Level {
        trace,
        events: &trace.events,
        rows: Some((rows, &shown)),
        all: options.all,
    };
    let mut next = trace.crash.as_ref();
    while let Some(crash) = next {
        if level.rows.is_none() {
            lines.push(Line {
                fate: Fate::Cut,
                text: level.place_of_cut(crash),
            });
        }
        level.tell_device(crash, &mut lines);
        level.tell_recovery(crash, &mut lines);
        level.events = &crash.recovery;
        level.rows = None;
        next = crash.nested.as_deref();
    }
    lines
}

/// One power cut: in the execution, or in a recovery.
struct Level<'a> {
    trace: &'a Trace,
    /// The events during which the power was cut.
    events: &'a [Event],
    /// Those of the events that are shown, and their order; nothing for a recovery's.
    rows: Option<(&'a Rows, &'a Order<'a>)>,
    all: bool,
}

/// A write that the device has been given.
#[derive(Clone, Copy)]
struct Write {
    event: usize,
    request: u64,
    block: u64,
}

impl Level<'_> {
    fn happened(&self, crash: &Crash, event: &Event) -> bool {
        let task = event.task as usize;
        event.clock[task] <= crash.after[task]
    }

    /// The last thing that a recovery did before the power was cut again.
    fn place_of_cut(&self, crash: &Crash) -> String {
        let mut done = self
            .events
            .iter()
            .filter(|event| self.happened(crash, event));
        match done.rfind(|event| tells(event, false)) {
            Some(event) => format!("in recovery, after: {}", label::event(self.trace, event)),
            None => "in recovery, before its first step".to_string(),
        }
    }

    fn tell_device(&self, crash: &Crash, lines: &mut Vec<Line>) {
        let durable: BTreeSet<u64> = crash.durable.iter().copied().collect();
        let (mut safe, mut cached) = (BTreeMap::new(), BTreeMap::<u64, Vec<Write>>::new());
        for (index, event) in self.events.iter().enumerate() {
            let Kind::Write { request, block, .. } = event.kind else {
                continue;
            };
            let write = Write {
                event: index,
                request,
                block,
            };
            if durable.contains(&request) {
                safe.entry(block).or_insert_with(Vec::new).push(write);
            } else if self.happened(crash, event) {
                cached.entry(block).or_default().push(write);
            }
        }
        if !durable.is_empty() {
            let blocks: Vec<u64> = safe.keys().copied().collect();
            let writes = plural(durable.len(), "write");
            let text = format!(
                "{} {writes}: {} {}",
                durable.len(),
                plural(blocks.len(), "block"),
                ranges(&blocks)
            );
            lines.push(Line {
                fate: Fate::Durable,
                text,
            });
        }
        self.tell_survivors(crash, &cached, lines);
        self.tell_overtaken(crash, &safe, lines);
        let listed: BTreeSet<u64> = crash.survivors.iter().map(|s| s.block).collect();
        let either: Vec<u64> = cached
            .keys()
            .copied()
            .filter(|block| !listed.contains(block))
            .collect();
        if !either.is_empty() {
            let text = format!(
                "version of {} {}: never read afterwards",
                plural(either.len(), "block"),
                ranges(&either)
            );
            lines.push(Line {
                fate: Fate::Either,
                text,
            });
        }
    }

    fn tell_survivors(
        &self,
        crash: &Crash,
        cached: &BTreeMap<u64, Vec<Write>>,
        lines: &mut Vec<Line>,
    ) {
        let (mut kept, mut lost, mut torn) = (Vec::new(), Vec::new(), Vec::new());
        for Survivor { block, version } in &crash.survivors {
            let writes = cached.get(block).map_or(&[][..], Vec::as_slice);
            match version {
                BlockVersion::Base => lost.extend(writes),
                BlockVersion::Request(request) => {
                    let survivor = writes.iter().position(|w| w.request == *request);
                    let newer = survivor.map_or(0, |at| at + 1);
                    kept.extend(survivor.map(|at| writes[at]));
                    lost.extend(&writes[newer..]);
                }
                BlockVersion::Torn { sectors } => torn.push(Line {
                    fate: Fate::Torn,
                    text: self.describe_torn(*block, sectors, writes),
                }),
            }
        }
        lines.extend(self.group(Fate::Kept, &kept));
        lines.extend(self.group(Fate::Lost, &lost));
        self.shorten(&mut torn);
        lines.extend(torn);
    }

    /// Of durable writes of one block the last one stays, unless it was in flight with another.
    fn tell_overtaken(
        &self,
        crash: &Crash,
        safe: &BTreeMap<u64, Vec<Write>>,
        lines: &mut Vec<Line>,
    ) {
        let mut overtaken = Vec::new();
        for Survivor { block, version } in &crash.survivors {
            let BlockVersion::Request(request) = version else {
                continue;
            };
            let writes = safe.get(block).map_or(&[][..], Vec::as_slice);
            let Some(at) = writes.iter().position(|w| w.request == *request) else {
                continue;
            };
            overtaken.extend(writes[at + 1..].iter().map(|other| Line {
                fate: Fate::Overtaken,
                text: format!(
                    "block {block}: write {} ({}), by write {request} ({})",
                    other.request,
                    self.origin(other.event),
                    self.origin(writes[at].event)
                ),
            }));
        }
        self.shorten(&mut overtaken);
        lines.extend(overtaken);
    }

    /// One line for the writes that a task submitted between two events that are shown.
    fn group(&self, fate: Fate, writes: &[Write]) -> Vec<Line> {
        let mut groups: BTreeMap<(usize, Option<usize>), Vec<Write>> = BTreeMap::new();
        for write in writes {
            let task = self.events[write.event].task as usize;
            groups
                .entry((task, self.number_before(write.event)))
                .or_default()
                .push(*write);
        }
        let mut lines: Vec<Line> = groups
            .values()
            .map(|group| {
                let blocks: BTreeSet<u64> = group.iter().map(|write| write.block).collect();
                let blocks: Vec<u64> = blocks.into_iter().collect();
                let mut requests: Vec<u64> = group.iter().map(|write| write.request).collect();
                requests.sort_unstable();
                let text = format!(
                    "{} {}: {} {} ({})",
                    plural(blocks.len(), "block"),
                    ranges(&blocks),
                    plural(requests.len(), "write"),
                    ranges(&requests),
                    self.origin(group[0].event),
                );
                Line { fate, text }
            })
            .collect();
        self.shorten(&mut lines);
        lines
    }

    fn describe_torn(&self, block: u64, sectors: &[SectorVersion], writes: &[Write]) -> String {
        let mut text = format!("block {block}:");
        let cached: BTreeMap<u64, usize> = writes.iter().map(|w| (w.request, w.event)).collect();
        let mut at = 0;
        for run in sectors.chunk_by(|a, b| a == b) {
            let numbers: Vec<u64> = (at..).take(run.len()).collect();
            at += run.len() as u64;
            let version = match run[0] {
                SectorVersion::Base => "as before".to_string(),
                SectorVersion::Request(request) => match cached.get(&request) {
                    Some(&event) => format!("write {request} ({})", self.origin(event)),
                    None => format!("write {request} (durable)"),
                },
            };
            let separator = if numbers[0] == 0 { "" } else { ";" };
            let word = plural(numbers.len(), "sector");
            text.push_str(&format!(
                "{separator} {word} {} {version}",
                ranges(&numbers)
            ));
        }
        text
    }

    /// Who submitted a write, and when.
    fn origin(&self, event: usize) -> String {
        let task = match self.rows {
            Some(_) => clean(&self.trace.tasks[self.events[event].task as usize].name),
            None => RECOVERY_TASK.to_string(),
        };
        match self.number_before(event) {
            Some(number) => format!("{task}, after {number}"),
            None => task,
        }
    }

    /// The number of the newest event that is shown and that its task did before this one.
    fn number_before(&self, event: usize) -> Option<usize> {
        let (rows, shown) = self.rows?;
        rows.number_of(shown.previous(event)?)
    }

    fn tell_recovery(&self, crash: &Crash, lines: &mut Vec<Line>) {
        let done = crash.recovery.iter().filter(|event| tells(event, self.all));
        let mut steps: Vec<Line> = done
            .map(|event| Line {
                fate: Fate::Recovery,
                text: label::event(self.trace, event),
            })
            .collect();
        self.shorten(&mut steps);
        lines.extend(steps);
    }

    /// Keeps the first lines of a sort, and says how many there are more.
    fn shorten(&self, lines: &mut Vec<Line>) {
        if self.all || lines.len() <= LINES_MAX {
            return;
        }
        let more = lines.len() - (LINES_MAX - 1);
        lines.truncate(LINES_MAX - 1);
        let fate = lines[0].fate;
        lines.push(Line {
            fate,
            text: format!("and {more} more: show all of them with --all"),
        });
    }
}

/// Whether a recovery's event is shown.
fn tells(event: &Event, all: bool) -> bool {
    match event.kind {
        Kind::Step { .. } | Kind::Acknowledged { .. } => true,
        Kind::Completed { ok, .. } | Kind::Flushed { ok } => all || !ok,
        Kind::Chosen { value, .. } => all || value != 0,
        Kind::Op { .. } | Kind::Write { .. } => all,
    }
}

/// What the image holds, in one line.
pub(crate) fn image(trace: &Trace) -> Option<String> {
    let image = trace.image.as_ref()?;
    let bytes: usize = image
        .content
        .iter()
        .map(|block: &Block| block.data.len())
        .sum();
    Some(format!(
        "crash image: {} blocks of {} bytes, {} KiB not zero: --as img -o FILE writes it",
        image.blocks,
        image.block_size,
        bytes.div_ceil(1024)
    ))
}
