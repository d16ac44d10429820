//! Whether a trace is consistent with itself.
//!
//! What is checked is what the views rely on: every index and every clock entry points at something
//! that exists, a power cut is a consistent cut, a request that is spoken of was written. What is
//! *not* checked: that the clocks are those of a real execution (only that they are transitive and
//! point backwards), that `durable` and `frontier` agree, and that the image is what the survivors
//! make of the writes. Replaying the trace checks those.

use crate::format::{BlockVersion, Crash, Event, Image, Kind, MAGIC, SectorVersion, Trace};
use std::collections::BTreeMap;

/// The most sectors that a block can have.
const SECTORS_MAX: usize = 2048;

/// Where a trace contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Inconsistency {
    place: String,
    what: String,
}

impl Inconsistency {
    /// The part of the document, like "events\[3\]".
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    pub fn what(&self) -> &str {
        &self.what
    }
}

type Check = Result<(), Inconsistency>;

/// Says what is wrong unless `holds`. The text is made only if it is needed.
fn ensure(holds: bool, place: impl FnOnce() -> String, what: impl FnOnce() -> String) -> Check {
    if holds {
        return Ok(());
    }
    Err(Inconsistency {
        place: place(),
        what: what(),
    })
}

impl Trace {
    /// Checks that the trace is consistent with itself, so that every view of it is well defined.
    ///
    /// # Errors
    /// The first contradiction, in the order of the document.
    pub fn validate(&self) -> Check {
        ensure(
            self.magic == MAGIC,
            || "magic".into(),
            || format!("is {:?}, not {MAGIC:?}", self.magic),
        )?;
        let tasks = self.tasks.len();
        ensure(
            (1..=Trace::TASKS_MAX).contains(&tasks),
            || "tasks".into(),
            || format!("there are {tasks}, not 1 to {}", Trace::TASKS_MAX),
        )?;
        validate_names("tasks", self.tasks.iter().map(|task| &task.name))?;
        validate_names("objects", self.objects.iter().map(|object| &object.name))?;
        let log = Log {
            place: "events",
            tasks,
            objects: self.objects.len(),
            events: &self.events,
        };
        let writes = log.validate()?;
        for (index, choice) in self.choices.iter().enumerate() {
            ensure(
                choice.value < choice.of,
                || format!("choices[{index}]"),
                || format!("chooses {} out of {}", choice.value, choice.of),
            )?;
        }
        if let Some(crash) = &self.crash {
            self.validate_crash(crash, &log, &writes, 1)?;
        }
        self.image.as_ref().map_or(Ok(()), validate_image)
    }

    /// Checks a power cut during `log`, and those within its recovery.
    fn validate_crash(&self, crash: &Crash, log: &Log<'_>, writes: &Writes, depth: usize) -> Check {
        ensure(
            depth <= Trace::CRASHES_MAX,
            || "crash".into(),
            || format!("more than {} crashes are nested", Trace::CRASHES_MAX),
        )?;
        validate_cut(crash, log)?;
        let inside = |request: u64, place: &dyn Fn() -> String| match writes.get(&request) {
            Some(&index) => ensure(log.happened(crash, index), place, || {
                format!("request {request} was written after the power cut")
            })
            .map(|()| index),
            None => Err(Inconsistency {
                place: place(),
                what: format!("request {request} was never written"),
            }),
        };
        for (index, &request) in crash.durable.iter().enumerate() {
            inside(request, &|| format!("crash.durable[{index}]"))?;
        }
        let mut blocks = BTreeMap::new();
        for (index, survivor) in crash.survivors.iter().enumerate() {
            let place = || format!("crash.survivors[{index}]");
            let block = survivor.block;
            ensure(blocks.insert(block, ()).is_none(), place, || {
                format!("block {block} is listed twice")
            })?;
            let of_block = |request: u64| -> Check {
                let write = inside(request, &place)?;
                let written = matches!(
                    log.events[write].kind, Kind::Write { block: b, .. } if b == block
                );
                ensure(written, place, || {
                    format!("request {request} wrote another block than {block}")
                })
            };
            match &survivor.version {
                BlockVersion::Base => {}
                BlockVersion::Request(request) => of_block(*request)?,
                BlockVersion::Torn { sectors } => {
                    ensure((1..=SECTORS_MAX).contains(&sectors.len()), place, || {
                        format!("a torn block has 1 to {SECTORS_MAX} sectors")
                    })?;
                    for sector in sectors {
                        if let SectorVersion::Request(request) = sector {
                            of_block(*request)?;
                        }
                    }
                }
            }
        }
        let recovery = Log {
            place: "crash.recovery",
            tasks: 1,
            objects: log.objects,
            events: &crash.recovery,
        };
        let recovery_writes = recovery.validate()?;
        match &crash.nested {
            Some(nested) => self.validate_crash(nested, &recovery, &recovery_writes, depth + 1),
            None => Ok(()),
        }
    }
}

/// The index of the event that wrote each request.
type Writes = BTreeMap<u64, usize>;

/// A sequence of events: the execution, or a recovery.
struct Log<'a> {
    place: &'static str,
    tasks: usize,
    objects: usize,
    events: &'a [Event],
}

impl Log<'_> {
    /// Whether the event at `index` is inside the cut.
    fn happened(&self, crash: &Crash, index: usize) -> bool {
        let event = &self.events[index];
        let task = event.task as usize;
        event.clock[task] <= crash.after[task]
    }

    /// Checks every event against those before it.
    fn validate(&self) -> Result<Writes, Inconsistency> {
        let count = self.events.len();
        ensure(
            u32::try_from(count).is_ok(),
            || self.place.into(),
            || format!("there are {count} events"),
        )?;
        let mut writes = Writes::new();
        let mut done: Vec<Vec<usize>> = vec![Vec::new(); self.tasks];
        for (index, event) in self.events.iter().enumerate() {
            let place = || format!("{}[{index}]", self.place);
            self.validate_clock(event, &done)
                .or_else(|what| ensure(false, place, || what))?;
            self.validate_kind(event, index, &mut writes)
                .or_else(|what| ensure(false, place, || what))?;
            done[event.task as usize].push(index);
        }
        Ok(writes)
    }

    /// Checks who did it and what happened before. `done` has each task's events so far.
    fn validate_clock(&self, event: &Event, done: &[Vec<usize>]) -> Result<(), String> {
        let task = event.task as usize;
        if task >= self.tasks {
            return Err(format!("task {task} of {}", self.tasks));
        }
        if event.clock.len() != self.tasks {
            let entries = event.clock.len();
            return Err(format!(
                "the clock has {entries} entries for {} tasks",
                self.tasks
            ));
        }
        let previous = done[task].last().map(|&index| &self.events[index]);
        for (other, &known) in event.clock.iter().enumerate() {
            let known = known as usize;
            let so_far = done[other].len();
            if other == task && known != so_far + 1 {
                return Err(format!("is number {} of its task, not {known}", so_far + 1));
            }
            if other != task && known > so_far {
                return Err(format!(
                    "knows {known} events of task {other}, after {so_far}"
                ));
            }
            // What happens before something that happens before this one, happens before it. What
            // the task knew already has been checked at the event that learned of it.
            let known_already = previous.map_or(0, |before| before.clock[other] as usize);
            let newest = if other == task { so_far } else { known };
            if newest == 0 || (other != task && known <= known_already) {
                continue;
            }
            let before = &self.events[done[other][newest - 1]].clock;
            if before
                .iter()
                .zip(&event.clock)
                .any(|(theirs, ours)| theirs > ours)
            {
                return Err(format!("the clock misses what task {other} knew"));
            }
        }
        Ok(())
    }

    /// Checks what happened, and remembers writes.
    fn validate_kind(
        &self,
        event: &Event,
        index: usize,
        writes: &mut Writes,
    ) -> Result<(), String> {
        match &event.kind {
            Kind::Op { object, .. } if *object as usize >= self.objects => {
                Err(format!("object {object} of {}", self.objects))
            }
            Kind::Write { request, hash, .. } => {
                let hex = |c: char| c.is_ascii_hexdigit();
                if hash.is_empty() || hash.len() > 128 || !hash.chars().all(hex) {
                    return Err("the hash is not 1 to 128 hexadecimal digits".into());
                }
                match writes.insert(*request, index) {
                    Some(first) => Err(format!("request {request} was event {first} already")),
                    None => Ok(()),
                }
            }
            Kind::Completed { request, .. } if !writes.contains_key(request) => {
                Err(format!("request {request} completes before it is written"))
            }
            Kind::Chosen { of, value, .. } if value >= of => {
                Err(format!("chooses {value} out of {of}"))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that no name is too long to repeat.
fn validate_names<'a>(list: &str, names: impl Iterator<Item = &'a String>) -> Check {
    for (index, name) in names.enumerate() {
        ensure(
            name.len() <= Trace::NAME_BYTES_MAX,
            || format!("{list}[{index}]"),
            || format!("the name has more than {} bytes", Trace::NAME_BYTES_MAX),
        )?;
    }
    Ok(())
}

/// Checks that the cut exists and is consistent.
fn validate_cut(crash: &Crash, log: &Log<'_>) -> Check {
    let place = || "crash.after".to_string();
    ensure(crash.after.len() == log.tasks, place, || {
        format!("has {} entries for {} tasks", crash.after.len(), log.tasks)
    })?;
    let mut counts = vec![0u32; log.tasks];
    for (index, event) in log.events.iter().enumerate() {
        counts[event.task as usize] += 1;
        let closed = event
            .clock
            .iter()
            .zip(&crash.after)
            .all(|(known, kept)| known <= kept);
        ensure(!log.happened(crash, index) || closed, place, || {
            format!(
                "{}[{index}] happened, but not all that happens before it",
                log.place
            )
        })?;
    }
    for (task, (&after, &count)) in crash.after.iter().zip(&counts).enumerate() {
        ensure(after <= count, place, || {
            format!("task {task} has {count} events, not {after}")
        })?;
    }
    for (n, &index) in crash.frontier.iter().enumerate() {
        let place = || format!("crash.frontier[{n}]");
        let index = index as usize;
        ensure(index < log.events.len(), place, || {
            format!("event {index} of {}", log.events.len())
        })?;
        ensure(log.happened(crash, index), place, || {
            format!("event {index} is after the power cut")
        })?;
    }
    Ok(())
}

/// Checks that the image's blocks fit.
fn validate_image(image: &Image) -> Check {
    let size = image.block_size;
    ensure(
        (512..=1 << 20).contains(&size) && size.is_multiple_of(512),
        || "image.block_size".into(),
        || format!("is {size}, not a multiple of 512 up to 1 MiB"),
    )?;
    ensure(
        image
            .blocks
            .checked_mul(u64::from(size))
            .is_some_and(|bytes| bytes <= i64::MAX as u64),
        || "image.blocks".into(),
        || {
            format!(
                "{} blocks of {size} bytes are more than a file can hold",
                image.blocks
            )
        },
    )?;
    let mut next = 0;
    for (index, block) in image.content.iter().enumerate() {
        let place = || format!("image.content[{index}]");
        ensure(block.data.len() == size as usize, place, || {
            format!("has {} bytes for blocks of {size}", block.data.len())
        })?;
        ensure(block.block < image.blocks, place, || {
            format!("block {} of {}", block.block, image.blocks)
        })?;
        ensure(block.block >= next, place, || {
            format!("block {} is not in ascending order", block.block)
        })?;
        next = block.block + 1;
    }
    Ok(())
}
