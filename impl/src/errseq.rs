//! What writeback of a file has failed with, and who has been told.
//!
//! An error that nobody was waiting for must reach everybody who has the file open, each once. So a
//! file keeps its latest error with a number that moves when there is a new one, and whoever opens
//! the file keeps the number that it has been told of: its *cursor*. An error that nobody has been
//! told of yet is still news to who opens the file after it.
//!
//! Beside that there is a flag for those who write back and have no file open: whoever asks first
//! takes it.
//!
//! # Source
//! linux v7.0 lib/errseq.c `errseq_set`, `errseq_sample`, `errseq_check_and_advance`; mm/filemap.c
//! `filemap_check_errors`, `file_check_and_advance_wb_err`; include/linux/pagemap.h
//! `mapping_set_error`. The kernel's number has 20 bits and may come round; this one does not.

use crate::error::FsError;
use crate::inode::Inode;
use crate::lock::{Key, SpinLock, class};
use rt::sync::LeafMutex;

/// The errors of one file's writeback.
#[derive(Debug)]
pub struct MappingErrors {
    state: SpinLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many errors there have been, of which those that nobody saw count as one.
    sequence: u64,
    /// The last of them.
    latest: Option<FsError>,
    /// Whether somebody has been told of it.
    is_seen: bool,
    /// What who asks first is told: `AS_EIO`, `AS_ENOSPC`.
    flag: Option<FsError>,
}

/// How much somebody who has a file open has been told of its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCursor(u64);

impl MappingErrors {
    /// None so far, of inode `ino`.
    pub fn new(ino: u32) -> MappingErrors {
        let key = Key::One(u64::from(ino));
        MappingErrors {
            state: SpinLock::new(&class::MAPPING_ERRORS, key, State::default()),
        }
    }

    /// Notes an error.
    pub fn set(&self, error: FsError) {
        self.state.write(|state| {
            if state.sequence == 0 || state.is_seen {
                state.sequence += 1;
                state.is_seen = false;
            }
            state.latest = Some(error.clone());
            state.flag.get_or_insert(error);
        });
    }

    /// The cursor of who opens the file now.
    pub fn sample(&self) -> ErrorCursor {
        self.state.read(|state| match state.is_seen {
            true => ErrorCursor(state.sequence),
            false => ErrorCursor(state.sequence.saturating_sub(1)),
        })
    }

    /// Tells an open file of the latest error, if it is news. The flag goes too: who has the file
    /// open has been told.
    ///
    /// # Errors
    /// The latest error, unless the open file has been told of it.
    pub fn check_and_advance(&self, file: &OpenFile) -> Result<(), FsError> {
        self.state.write(|state| {
            file.cursor.with(|cursor| {
                state.flag = None;
                if cursor.0 == state.sequence {
                    return Ok(());
                }
                cursor.0 = state.sequence;
                state.is_seen = true;
                state.latest.clone().map_or(Ok(()), Err)
            })
        })
    }

    /// Takes the flag.
    ///
    /// # Errors
    /// The first error since it was last taken.
    pub fn check_errors(&self) -> Result<(), FsError> {
        self.state
            .write(|state| state.flag.take().map_or(Ok(()), Err))
    }

    /// Whether there has ever been an error, for invariants: not an operation.
    pub fn peek_any(&self) -> bool {
        self.state.peek(|state| state.sequence > 0)
    }
}

/// A file that somebody has open, as far as its errors are concerned.
#[derive(Debug)]
pub struct OpenFile {
    /// `f_wb_err`. Used only inside a section of the errors of the file, which is an operation: of
    /// those who ask on behalf of one open file, one is told.
    cursor: LeafMutex<ErrorCursor>,
}

impl OpenFile {
    /// Opens a file.
    pub fn new(inode: &Inode) -> OpenFile {
        OpenFile::at(inode.errors.sample())
    }

    /// A file that has been told as much as `cursor` has.
    pub(crate) fn at(cursor: ErrorCursor) -> OpenFile {
        OpenFile {
            cursor: LeafMutex::new(cursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(errors: &MappingErrors, file: &OpenFile) -> Option<FsError> {
        errors.check_and_advance(file).err()
    }

    fn opened(errors: &MappingErrors) -> OpenFile {
        OpenFile::at(errors.sample())
    }

    #[test]
    fn every_cursor_is_told_once_of_each_error() {
        let errors = MappingErrors::new(12);
        let (one, other) = (opened(&errors), opened(&errors));
        assert_eq!(told(&errors, &one), None);
        errors.set(FsError::NoSpace);
        assert_eq!(told(&errors, &one), Some(FsError::NoSpace));
        assert_eq!(told(&errors, &one), None);
        errors.set(FsError::ReadOnly);
        assert_eq!(told(&errors, &one), Some(FsError::ReadOnly));
        assert_eq!(told(&errors, &other), Some(FsError::ReadOnly));
        assert_eq!(told(&errors, &other), None);
    }

    #[test]
    fn who_opens_is_told_of_what_nobody_has_seen() {
        let errors = MappingErrors::new(12);
        errors.set(FsError::NoSpace);
        let late = opened(&errors);
        assert_eq!(told(&errors, &late), Some(FsError::NoSpace));
        let later = opened(&errors);
        assert_eq!(told(&errors, &later), None);
    }

    #[test]
    fn who_has_not_been_told_of_one_error_is_told_of_the_next() {
        let errors = MappingErrors::new(12);
        let first = opened(&errors);
        errors.set(FsError::NoSpace);
        let late = opened(&errors);
        assert_eq!(told(&errors, &first), Some(FsError::NoSpace));
        errors.set(FsError::ReadOnly);
        assert_eq!(told(&errors, &late), Some(FsError::ReadOnly));
        assert_eq!(told(&errors, &first), Some(FsError::ReadOnly));
    }

    #[test]
    fn the_flag_is_taken_by_who_asks_first() {
        let errors = MappingErrors::new(12);
        errors.set(FsError::NoSpace);
        errors.set(FsError::ReadOnly);
        assert_eq!(errors.check_errors(), Err(FsError::NoSpace));
        assert_eq!(errors.check_errors(), Ok(()));
        let file = OpenFile::at(ErrorCursor(0));
        assert_eq!(told(&errors, &file), Some(FsError::ReadOnly));
    }

    #[test]
    fn who_opens_after_another_error_is_told_of_that() {
        let errors = MappingErrors::new(12);
        errors.set(FsError::NoSpace);
        assert_eq!(told(&errors, &opened(&errors)), Some(FsError::NoSpace));
        errors.set(FsError::ReadOnly);
        let late = opened(&errors);
        assert_eq!(told(&errors, &late), Some(FsError::ReadOnly));
    }

    #[test]
    fn of_what_an_open_file_has_been_told_nobody_else_is_told_by_the_flag() {
        let errors = MappingErrors::new(12);
        let file = opened(&errors);
        errors.set(FsError::NoSpace);
        assert_eq!(told(&errors, &file), Some(FsError::NoSpace));
        assert_eq!(errors.check_errors(), Ok(()));
    }
}
