//! A caller's buffer, parts of which may turn out not to be readable.
//!
//! Writers copy from it under a folio lock, where they may not wait for a page of the buffer to be
//! brought in: such a copy stops short. Before it they bring the page in, which fails only if the
//! address is bad. Direct I/O pins the pages instead, up to the first that is bad.
//!
//! # Source
//! linux v7.0 lib/iov_iter.c `copy_folio_from_iter_atomic`, `fault_in_iov_iter_readable`,
//! `iov_iter_extract_pages`.

use std::cell::Cell;

/// The bytes that a caller wants written.
#[derive(Debug)]
pub struct UserBuffer<'a> {
    bytes: &'a [u8],
    /// The first byte that can not be read, now or later.
    bad_from: usize,
    /// A byte whose page is taken away between being brought in and being copied, once.
    paged_out: Cell<Option<usize>>,
    /// How many bytes can be pinned, of those that can be read.
    pinned_to: usize,
}

impl<'a> UserBuffer<'a> {
    /// A buffer that can be read.
    pub fn new(bytes: &'a [u8]) -> UserBuffer<'a> {
        UserBuffer {
            bytes,
            bad_from: bytes.len(),
            paged_out: Cell::new(None),
            pinned_to: bytes.len(),
        }
    }

    /// A buffer that can be read up to byte `at`.
    pub fn bad_from(bytes: &'a [u8], at: usize) -> UserBuffer<'a> {
        UserBuffer {
            bad_from: at.min(bytes.len()),
            ..UserBuffer::new(bytes)
        }
    }

    /// A buffer of which one copy stops at byte `at`, and the next goes on there.
    pub fn paged_out(bytes: &'a [u8], at: usize) -> UserBuffer<'a> {
        UserBuffer {
            paged_out: Cell::new(Some(at)),
            ..UserBuffer::new(bytes)
        }
    }

    /// A buffer that can be read, but of which direct I/O can pin only the first `to` bytes: the
    /// page after them is not there, and bringing it in would fault on the file that is written.
    pub fn pinned_to(bytes: &'a [u8], to: usize) -> UserBuffer<'a> {
        UserBuffer {
            pinned_to: to.min(bytes.len()),
            ..UserBuffer::new(bytes)
        }
    }

    /// How many bytes the caller wants written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the caller wants nothing written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Brings in the page of byte `at`; says whether that worked.
    pub fn fault_in(&self, at: usize) -> bool {
        at < self.bad_from
    }

    /// Copies up to `len` bytes from byte `at` on, without waiting for any page: may stop short.
    ///
    /// # Panics
    /// If the range is not inside the buffer.
    pub fn copy_atomic(&self, at: usize, len: usize) -> &'a [u8] {
        let mut end = (at + len).min(self.bad_from.max(at));
        if let Some(page) = self.paged_out.get()
            && (at..end).contains(&page)
        {
            self.paged_out.set(None);
            end = page;
        }
        &self.bytes[at..end]
    }

    /// The bytes of the pages that can be pinned, which are the first of the buffer.
    pub fn pin(&self) -> &'a [u8] {
        &self.bytes[..self.bad_from.min(self.pinned_to)]
    }

    /// The part of this buffer from byte `at` on, with the same faults.
    ///
    /// # Panics
    /// If `at` is beyond the end.
    pub fn rest(&self, at: usize) -> UserBuffer<'a> {
        UserBuffer {
            bytes: &self.bytes[at..],
            bad_from: self.bad_from.saturating_sub(at),
            paged_out: Cell::new(self.paged_out.get().and_then(|page| page.checked_sub(at))),
            pinned_to: self.pinned_to.saturating_sub(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    #[test]
    fn a_page_that_was_taken_away_stops_one_copy() {
        let buffer = UserBuffer::paged_out(&BYTES, 5);
        assert_eq!(buffer.copy_atomic(0, 4), &BYTES[..4]);
        assert_eq!(buffer.copy_atomic(4, 4), &BYTES[4..5]);
        assert!(buffer.fault_in(5));
        assert_eq!(buffer.copy_atomic(5, 3), &BYTES[5..]);
    }

    #[test]
    fn what_can_not_be_pinned_can_be_copied() {
        let buffer = UserBuffer::pinned_to(&BYTES, 4);
        assert_eq!(buffer.pin(), &BYTES[..4]);
        let rest = buffer.rest(4);
        assert!(rest.fault_in(0) && rest.pin().is_empty());
        assert_eq!(rest.copy_atomic(0, 4), &BYTES[4..]);
    }

    #[test]
    fn a_bad_address_stays_bad() {
        let buffer = UserBuffer::bad_from(&BYTES, 5);
        assert_eq!(buffer.pin(), &BYTES[..5]);
        assert_eq!(buffer.copy_atomic(4, 4), &BYTES[4..5]);
        assert!(buffer.fault_in(4) && !buffer.fault_in(5));
        assert!(buffer.copy_atomic(5, 3).is_empty());
        let rest = buffer.rest(3);
        assert_eq!((rest.len(), rest.pin()), (5, &BYTES[3..5]));
    }
}
