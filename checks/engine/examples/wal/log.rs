//! A write-ahead log of one record per block.
//!
//! ARIES (Mohan et al., TODS 1992) writes a log record before the page it describes; this is the
//! log alone, as small as it can be and still survive a power cut. A record is its sequence
//! number, the length of its payload, a CRC-32C of all of it, and the payload, which may cross a
//! sector boundary. Record n lies in block n, so the log ends where it is full.
//!
//! Recovery reads records until one is not whole. What lies beyond is erased durably before the
//! log is used again, or an unacknowledged record beyond a gap would come back once the gap is
//! filled.

use super::device::Device;
use std::io;
use std::marker::PhantomData;

/// Bytes of a record before its payload: sequence number, length, checksum.
const HEADER_SIZE: usize = 16;

/// The steps of the log; every default is the correct step.
pub trait Protocol: 'static {
    /// Makes appended records durable, before they are acknowledged.
    fn flush_appended(device: &impl Device) -> io::Result<()> {
        device.flush()
    }

    /// Whether a block holds all of a record, given the checksum in its header.
    fn is_whole(block: &[u8], checksum: u32) -> bool {
        self::checksum(block) == checksum
    }
}

/// The log as it should be.
pub enum Correct {}

impl Protocol for Correct {}

/// A log on a device of its own.
pub struct Wal<D, P = Correct> {
    device: D,
    records: Vec<Vec<u8>>,
    protocol: PhantomData<P>,
}

impl<D: Device, P: Protocol> Wal<D, P> {
    /// Opens the log, recovering it from a power cut if there was one.
    ///
    /// # Errors
    /// Any error of the device.
    ///
    /// # Crash
    /// The records recovered here stay; those beyond the first that is not whole may come and go
    /// until this returns, and are gone afterwards.
    pub fn open_with_protocol(device: D) -> io::Result<Wal<D, P>> {
        let mut records = Vec::new();
        while (records.len() as u64) < device.blocks() {
            let block = records.len() as u64;
            let data = device.read_part(block, 0..device.block_size())?;
            let Some(payload) = payload::<P>(&data, block) else {
                break;
            };
            records.push(payload);
        }
        let zeroes = vec![0; device.block_size()];
        for block in records.len() as u64..device.blocks() {
            if !device.is_zero(block) {
                device.write(block, &zeroes)?;
            }
        }
        // The records that were found may be in the device's cache only, and are about to be
        // relied on.
        device.flush()?;
        let protocol = PhantomData;
        Ok(Wal {
            device,
            records,
            protocol,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If the log is full or the payload too long; any error of the device.
    ///
    /// # Crash
    /// Until [`Wal::sync`] returns, the record may be lost.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        let (block, size) = (self.records.len() as u64, self.device.block_size());
        if block == self.device.blocks() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if payload.len() > size - HEADER_SIZE {
            return Err(io::Error::other("the payload does not fit a block"));
        }
        let mut data = vec![0; size];
        // Counted from 1, so that zeroes are no record.
        data[..8].copy_from_slice(&(block + 1).to_le_bytes());
        data[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        data[HEADER_SIZE..HEADER_SIZE + payload.len()].copy_from_slice(payload);
        let checksum = checksum(&data);
        data[12..HEADER_SIZE].copy_from_slice(&checksum.to_le_bytes());
        self.device.write(block, &data)?;
        self.records.push(payload.into());
        Ok(())
    }

    /// Makes every appended record durable.
    ///
    /// # Errors
    /// Any error of the device.
    pub fn sync(&self) -> io::Result<()> {
        P::flush_appended(&self.device)
    }

    /// The records, the oldest first.
    pub fn records(&self) -> &[Vec<u8>] {
        &self.records
    }
}

/// The payload of the record in a block, if there is one.
fn payload<P: Protocol>(data: &[u8], block: u64) -> Option<Vec<u8>> {
    let field = |range: std::ops::Range<usize>| data.get(range);
    let sequence = u64::from_le_bytes(field(0..8)?.try_into().ok()?);
    let length = u32::from_le_bytes(field(8..12)?.try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(field(12..HEADER_SIZE)?.try_into().ok()?);
    let payload = field(HEADER_SIZE..HEADER_SIZE.checked_add(length)?)?;
    let is_whole = sequence == block + 1 && P::is_whole(data, checksum);
    is_whole.then(|| payload.to_vec())
}

/// The checksum of a block but for the checksum itself.
fn checksum(block: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&block[..12]), &block[HEADER_SIZE..])
}
