//! A device in memory that remembers what was asked of it, and fails on demand.

use crate::device::memory::{Image, MemoryDevice};
use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::units::{Block, Pblk};
use rt::sync::{Arc, LeafMutex};

/// A request, in the order in which they were made. Requests complete at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A write of one block.
    Write {
        block: Pblk,
        data: Arc<Block>,
        durability: Durability,
    },
    /// A flush.
    Flush,
}

#[derive(Debug)]
pub struct TraceDevice {
    base: Image,
    memory: MemoryDevice,
    state: LeafMutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    /// Writes of this block fail when they complete.
    bad: Option<Pblk>,
    /// The tickets of failed writes.
    failed: Vec<(u64, Pblk)>,
    in_flight: u64,
}

impl TraceDevice {
    pub fn new(base: Image) -> TraceDevice {
        TraceDevice {
            memory: MemoryDevice::with_base(Arc::new(base.clone())),
            base,
            state: LeafMutex::default(),
        }
    }

    /// What has been asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.with(|state| state.requests.clone())
    }

    /// How many requests there were so far.
    pub fn len(&self) -> usize {
        self.state.with(|state| state.requests.len())
    }

    /// Submitted writes that were not completed.
    pub fn in_flight(&self) -> u64 {
        self.state.with(|state| state.in_flight)
    }

    /// The content at this moment.
    pub fn snapshot(&self) -> Image {
        self.memory.snapshot()
    }

    /// The content before the first request.
    pub fn base(&self) -> &Image {
        &self.base
    }

    /// Lets writes of a block fail from now on.
    pub fn fail_writes_of(&self, block: Pblk) {
        self.state.with(|state| state.bad = Some(block));
    }

    /// The blocks written, in order.
    pub fn blocks_written(&self) -> Vec<Pblk> {
        let requests = self.requests();
        let written = requests.iter().filter_map(|request| match request {
            Request::Write { block, .. } => Some(*block),
            Request::Flush => None,
        });
        written.collect()
    }
}

impl Device for TraceDevice {
    fn blocks(&self) -> u64 {
        self.memory.blocks()
    }

    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError> {
        self.memory.read(block, into)
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        let is_bad = self.state.with(|state| state.bad == Some(block));
        if !is_bad {
            let ticket = self.memory.submit(block, data, durability)?;
            self.memory.complete(ticket)?;
        }
        let request = Request::Write {
            block,
            data: Arc::new(*data),
            durability,
        };
        Ok(self.state.with(|state| {
            let number = state.requests.len() as u64;
            state.requests.push(request);
            state.in_flight += 1;
            if is_bad {
                state.failed.push((number, block));
            }
            Ticket(number)
        }))
    }

    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError> {
        self.state.with(|state| {
            state.in_flight -= 1;
            match state.failed.iter().find(|(number, _)| *number == ticket.0) {
                None => Ok(()),
                Some(&(_, block)) => Err(DeviceError::Io {
                    operation: "write",
                    block,
                    reason: "the test says so".into(),
                }),
            }
        })
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.state.with(|state| state.requests.push(Request::Flush));
        Ok(())
    }
}

/// Every image that a power cut after the first `cut` requests may leave.
///
/// What a flush followed is durable, and so is a write with FUA that completed; the last request
/// has not completed. Of the other writes any subset may have reached the medium; with more than
/// [`SUBSETS_OF_MAX`] of them only a sample of the subsets is tried.
pub fn crash_images(base: &Image, requests: &[Request], cut: usize) -> Vec<Image> {
    let requests = &requests[..cut];
    let completed = requests.len().saturating_sub(1);
    let flushed = requests[..completed]
        .iter()
        .rposition(|request| *request == Request::Flush)
        .unwrap_or(0);
    let is_durable = |index: usize, durability: Durability| {
        index < flushed || index < completed && durability == Durability::Fua
    };
    let volatile: Vec<usize> = requests
        .iter()
        .enumerate()
        .filter_map(|(index, request)| match request {
            Request::Write { durability, .. } if !is_durable(index, *durability) => Some(index),
            _ => None,
        })
        .collect();
    subsets(volatile.len())
        .into_iter()
        .map(|kept| {
            let lost = |index: usize| {
                volatile
                    .iter()
                    .position(|&at| at == index)
                    .is_some_and(|at| !kept[at])
            };
            let mut image = base.clone();
            for (index, request) in requests.iter().enumerate() {
                if let Request::Write { block, data, .. } = request
                    && !lost(index)
                {
                    image
                        .set(*block, data)
                        .expect("the write was on the device");
                }
            }
            image
        })
        .collect()
}

/// The most writes of which all subsets are tried.
pub const SUBSETS_OF_MAX: usize = 6;

fn subsets(of: usize) -> Vec<Vec<bool>> {
    if of <= SUBSETS_OF_MAX {
        let all = 0..1u32 << of;
        return all
            .map(|mask| (0..of).map(|bit| mask >> bit & 1 == 1).collect())
            .collect();
    }
    let mut sample = vec![vec![false; of], vec![true; of]];
    for odd in 0..of {
        for keep in [true, false] {
            sample.push((0..of).map(|at| (at == odd) == keep).collect());
        }
    }
    sample
}
