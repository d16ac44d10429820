//! The document: what a trace file holds.
//!
//! This file is the format. `FORMAT.md` describes it for people and for other programs, and carries
//! this file's hash, so that neither changes without the other. Fields that may be absent have
//! defaults; unknown fields are skipped, so a minor version may add some.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the field `magic` holds in every trace.
pub const MAGIC: &str = "cutpoint-trace";

/// The version that this package writes, and the newest that it understands fully.
pub const VERSION: Version = Version { major: 1, minor: 1 };

/// The name of the one task of a recovery.
pub const RECOVERY_TASK: &str = "recovery";

/// A counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Always [`MAGIC`].
    pub magic: String,
    /// The version of the format.
    pub version: Version,
    /// The program that wrote the trace.
    pub tool: Tool,
    /// The scenario that was run.
    pub scenario: String,
    /// The seeded variant of the protocol, or nothing for the correct protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The design of the code under test, like "im" or "bh".
    pub design: String,
    /// The runtime that executed it, like "shuttle".
    pub runtime: String,
    /// The engine that found it, like "dpor".
    pub engine: String,
    /// What one event of the schedule is: "lock" or "atomic".
    pub granularity: String,
    /// Which power cuts were tried, like "off" or "frontier".
    pub crash_mode: String,
    /// The seed of a random engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Parts of the scenario that did not take part, because the counterexample does not need them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The tasks of the execution; the first one is the main task. At most [`Trace::TASKS_MAX`].
    pub tasks: Vec<Task>,
    /// The synchronisation objects, named as in every other execution of the scenario.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// What happened, in the order of the execution.
    pub events: Vec<Event>,
    /// The values that the explorer chose, in the order in which they were asked for.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The power cut, where the counterexample has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
    /// What is wrong.
    pub violation: Violation,
    /// The device as recovery found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// The command that runs this schedule again.
    pub replay_command: String,
}

impl Trace {
    /// The largest number of tasks in a trace.
    pub const TASKS_MAX: usize = 256;
    /// The longest name of a task or an object, in bytes. Views repeat these at every event.
    pub const NAME_BYTES_MAX: usize = 256;
    /// The deepest chain of power cuts: one in the execution, one in its recovery, and so on.
    pub const CRASHES_MAX: usize = 8;
    /// The largest trace file, in bytes.
    pub const FILE_BYTES_MAX: u64 = 64 << 20;
}

/// A version of the format. A reader of `major.minor` reads every document with the same `major`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Changes when an old reader would misunderstand a document.
    pub major: u32,
    /// Changes when documents gain fields that an old reader may skip.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The program that wrote a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A task of the execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name, the same in every execution of the scenario.
    pub name: String,
}

/// A synchronisation object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its name, the same in every execution of the scenario, like "i_data_sem 12".
    pub name: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who: an index into [`Trace::tasks`], or 0 for the one task of a recovery.
    pub task: u32,
    /// For each task, how many of its events are this one or happen before it. The task's own entry
    /// is therefore the event's number within the task, counting from 1.
    pub clock: Vec<u32>,
    /// What.
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An operation on a synchronisation object. Only these order tasks against each other.
    Op {
        /// The kind of operation, like "AcquireExclusive".
        op: String,
        /// What it acted on: an index into [`Trace::objects`].
        object: u32,
    },
    /// A named step of the protocol.
    Step {
        /// The field's word for it.
        name: String,
        /// What it found or did.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        args: Vec<Arg>,
    },
    /// A call returned to its user with a promise that a power cut must keep.
    Acknowledged {
        /// The promise.
        name: String,
        /// What it covers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        args: Vec<Arg>,
    },
    /// A write of one block was submitted to the device.
    Write {
        /// Identifies the request; each has one `Write`.
        request: u64,
        /// The device block.
        block: u64,
        /// How many bytes were written.
        bytes: u64,
        /// A hash of the data, in hexadecimal.
        hash: String,
        /// Whether it is durable once complete.
        fua: bool,
    },
    /// A submitted write completed.
    Completed {
        /// The request.
        request: u64,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A flush returned: the writes that completed before it are durable if it succeeded.
    Flushed {
        /// Whether it succeeded.
        ok: bool,
    },
    /// The explorer chose a value.
    Chosen {
        /// What for.
        name: String,
        /// Out of how many.
        of: u64,
        /// Which, counting from 0.
        value: u64,
    },
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arg {
    /// Its name, or empty where the step's name says enough.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// A value. The JSON type tells which kind it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no: a JSON boolean.
    Bool(bool),
    /// A number: a JSON integer.
    Number(i64),
    /// The half-open range from the first to the second: a JSON array of two integers.
    Range(u64, u64),
    /// A word: a JSON string.
    Word(String),
    /// Nothing: a JSON null.
    None,
}

/// A value that the explorer chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What for.
    pub name: String,
    /// Out of how many.
    pub of: u64,
    /// Which, counting from 0.
    pub value: u64,
}

/// A power cut, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// For each task, how many of its events happened. The cut is consistent: what happens before
    /// an event that happened, happened.
    pub after: Vec<u32>,
    /// The flushes and completions that make writes durable, as indices into the events of the
    /// execution (or of the recovery, for a crash within one).
    #[serde(default)]
    pub frontier: Vec<u32>,
    /// The requests that are durable whatever the device kept.
    #[serde(default)]
    pub durable: Vec<u64>,
    /// What the device kept in each block that had writes in its volatile cache. A block with such
    /// writes that is not listed was never read: every version of it leads to the same end.
    #[serde(default)]
    pub survivors: Vec<Survivor>,
    /// What recovery did: events of one task of its own, whose clocks have one entry.
    #[serde(default)]
    pub recovery: Vec<Event>,
    /// A second power cut, during that recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<Box<Crash>>,
}

/// What the device kept in one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// The device block.
    pub block: u64,
    /// Which of its versions.
    pub version: BlockVersion,
}

/// A version of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockVersion {
    /// The newest durable one: every write in the volatile cache was lost.
    Base,
    /// The one of this request.
    Request(u64),
    /// A mixture.
    Torn {
        /// For each sector of the block, which version it has.
        sectors: Vec<SectorVersion>,
    },
}

/// A version of a sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectorVersion {
    /// The newest durable one.
    Base,
    /// The one of this request.
    Request(u64),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The invariant's id, like "I3".
    pub invariant: String,
    /// What it demands here.
    pub expected: String,
    /// What there is.
    pub observed: String,
    /// How it came about, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
}

/// The content of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The size of a block in bytes, a multiple of 512 up to 1 MiB.
    pub block_size: u32,
    /// How many blocks the device has.
    pub blocks: u64,
    /// The blocks that are not all zero, in ascending order.
    pub content: Vec<Block>,
}

/// The content of one block.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its number.
    pub block: u64,
    /// Its bytes: standard Base64 with padding in the document.
    #[serde(rename = "base64", with = "in_base64")]
    pub data: Vec<u8>,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}, {} bytes)", self.block, self.data.len())
    }
}

/// Bytes as a JSON string.
mod in_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    pub fn serialize<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(data))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}
