//! Directory blocks: a chain of records that fills the block, and a checksum behind it.
//!
//! A record's length may exceed what its name needs; the surplus is where the next name goes. A
//! removed record gives its length to the one before it, or, if it is the first of its block,
//! stays with inode number 0. Records have no order, and each block stands on its own.
//!
//! Departs from ext4 in having no hash tree: directories here are small.
//!
//! # Source
//! linux v6.18 fs/ext4/dir.c `__ext4_check_dir_entry`; fs/ext4/namei.c `ext4_find_dest_de`,
//! `ext4_insert_dentry`, `ext4_generic_delete_entry`, `ext4_initialize_dirent_tail`.

use crate::disk::bytes::{le16, le32, put_le16, put_le32};
use crate::disk::checksum::InodeSeed;
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::geometry::Geometry;
use crate::disk::inode::FileType;
use crate::units::{BLOCK_SIZE, Block, Ino, Pblk};

/// The longest name, in bytes.
pub const NAME_LEN_MAX: usize = 255;

/// Bytes of the record at the end of a block that holds its checksum and looks, to those who do
/// not know it, like an unused record.
const TAIL_SIZE: usize = 12;
/// The file-type code of that record.
const TAIL_CODE: u8 = 0xde;
/// Where the records end.
const END: usize = BLOCK_SIZE - TAIL_SIZE;
/// Bytes of a record before its name.
const HEADER_SIZE: usize = 8;

/// A block of a directory, with well-formed records.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryBlock {
    bytes: Box<Block>,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the name leads to; an inode that exists, in use or not.
    pub ino: Ino,
    /// The type of that inode.
    pub file_type: FileType,
    /// The name: 1..=[`NAME_LEN_MAX`] bytes without `/` and NUL. `.` and `..` are names too.
    pub name: Vec<u8>,
}

/// Why a name can not be put into a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// The name is empty, too long, or contains `/` or NUL.
    #[error("not a valid file name")]
    Name,
    /// The block has the name already.
    #[error("the name exists")]
    Exists,
    /// No record of the block has room for the name.
    #[error("the directory block is full")]
    Full,
}

/// A record, by its place in the block.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: usize,
    len: usize,
    ino: Ino,
    name_len: usize,
}

impl Record {
    fn read(bytes: &Block, at: usize) -> Record {
        Record {
            at,
            len: usize::from(le16(bytes, at + 4)),
            ino: Ino(le32(bytes, at)),
            name_len: usize::from(bytes[at + 6]),
        }
    }

    fn in_use(&self) -> bool {
        self.ino != Ino(0)
    }

    /// Bytes that the record can not do without.
    fn needed(&self) -> usize {
        if self.in_use() {
            record_size(self.name_len)
        } else {
            0
        }
    }

    fn name<'a>(&self, bytes: &'a Block) -> &'a [u8] {
        &bytes[self.at + HEADER_SIZE..self.at + HEADER_SIZE + self.name_len]
    }
}

/// Bytes that a record of a name of `name_len` bytes needs: a multiple of 4.
const fn record_size(name_len: usize) -> usize {
    (HEADER_SIZE + name_len).next_multiple_of(4)
}

fn is_valid_name(name: &[u8]) -> bool {
    (1..=NAME_LEN_MAX).contains(&name.len()) && !name.iter().any(|&byte| byte == b'/' || byte == 0)
}

impl DirectoryBlock {
    /// A block without names.
    pub fn empty() -> DirectoryBlock {
        let mut bytes = Box::new([0; BLOCK_SIZE]);
        put_le16(&mut bytes[..], 4, END as u16);
        put_le16(&mut bytes[..], END + 4, TAIL_SIZE as u16);
        bytes[END + 7] = TAIL_CODE;
        DirectoryBlock { bytes }
    }

    /// The first block of a new directory: `.` and `..`.
    pub fn init(ino: Ino, parent: Ino) -> DirectoryBlock {
        let mut block = DirectoryBlock::empty();
        block.write_record(0, record_size(1), ino, FileType::Directory, b".");
        let at = record_size(1);
        block.write_record(at, END - at, parent, FileType::Directory, b"..");
        block
    }

    /// Decodes block `at` of directory `ino`.
    ///
    /// # Errors
    /// [`FormatError`] if the checksum is wrong or a record malformed.
    pub fn decode(
        block: &Block,
        at: Pblk,
        ino: Ino,
        seed: InodeSeed,
        geometry: &Geometry,
    ) -> Result<DirectoryBlock, FormatError> {
        let place = Place {
            structure: Structure::Directory(ino),
            block: at,
        };
        place.checksum(le32(block, END + 8), seed.directory(block, TAIL_SIZE))?;
        let tail = [0, 0, 0, 0, TAIL_SIZE as u8, 0, 0, TAIL_CODE];
        if block[END..END + 8] != tail {
            let why = "there is no checksum record";
            return Err(place.fail(Problem::Record { offset: END, why }));
        }
        let mut offset = 0;
        while offset < END {
            let record = Record::read(block, offset);
            if let Some(why) = fault(&record, block, geometry) {
                return Err(place.fail(Problem::Record { offset, why }));
            }
            offset += record.len;
        }
        Ok(DirectoryBlock {
            bytes: Box::new(*block),
        })
    }

    /// The block, with a fresh checksum.
    pub fn encode(&self, seed: InodeSeed) -> Block {
        let mut block = *self.bytes;
        let sum = seed.directory(&block, TAIL_SIZE);
        put_le32(&mut block, END + 8, sum);
        block
    }

    /// The records, used or not, in the order they lie in.
    fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let record = (at < END).then(|| Record::read(&self.bytes, at))?;
            at += record.len;
            Some(record)
        })
    }

    fn find(&self, name: &[u8]) -> Option<Record> {
        self.records()
            .find(|record| record.in_use() && record.name(&self.bytes) == name)
    }

    fn entry(&self, record: Record) -> Option<Entry> {
        let file_type = FileType::of_code(self.bytes[record.at + 7])?;
        let name = record.name(&self.bytes).to_vec();
        Some(Entry {
            ino: record.ino,
            file_type,
            name,
        })
    }

    /// The names, in the order they lie in.
    pub fn entries(&self) -> Vec<Entry> {
        self.records()
            .filter(Record::in_use)
            .filter_map(|record| self.entry(record))
            .collect()
    }

    /// What a name leads to.
    pub fn lookup(&self, name: &[u8]) -> Option<Entry> {
        self.find(name).and_then(|record| self.entry(record))
    }

    /// Puts a name into the first record with room for it. The name must not exist in another
    /// block of the directory either; that is for the caller to know.
    ///
    /// # Errors
    /// [`InsertError`]; then the block is as it was.
    ///
    /// # Panics
    /// If `ino` is 0, which stands for an unused record.
    pub fn insert(
        &mut self,
        name: &[u8],
        ino: Ino,
        file_type: FileType,
    ) -> Result<(), InsertError> {
        assert!(ino != Ino(0), "a name must lead to an inode");
        if !is_valid_name(name) {
            return Err(InsertError::Name);
        }
        if self.find(name).is_some() {
            return Err(InsertError::Exists);
        }
        let size = record_size(name.len());
        let room = self
            .records()
            .find(|record| record.len - record.needed() >= size);
        let Some(record) = room else {
            return Err(InsertError::Full);
        };
        let used = record.needed();
        if used > 0 {
            put_le16(&mut self.bytes[..], record.at + 4, used as u16);
        }
        self.write_record(record.at + used, record.len - used, ino, file_type, name);
        Ok(())
    }

    /// Removes a name and returns the inode that it led to.
    pub fn remove(&mut self, name: &[u8]) -> Option<Ino> {
        let record = self.find(name)?;
        let before = self
            .records()
            .find(|before| before.at + before.len == record.at);
        if let Some(before) = before {
            put_le16(
                &mut self.bytes[..],
                before.at + 4,
                (before.len + record.len) as u16,
            );
        }
        put_le32(&mut self.bytes[..], record.at, 0);
        Some(record.ino)
    }

    /// Whether nothing but `.` and `..` is left.
    pub fn is_vacant(&self) -> bool {
        self.records()
            .filter(Record::in_use)
            .all(|record| matches!(record.name(&self.bytes), b"." | b".."))
    }

    fn write_record(&mut self, at: usize, len: usize, ino: Ino, file_type: FileType, name: &[u8]) {
        let bytes = &mut self.bytes[at..at + len];
        put_le32(bytes, 0, ino.0);
        put_le16(bytes, 4, len as u16);
        bytes[6] = name.len() as u8;
        bytes[7] = file_type.code();
        bytes[HEADER_SIZE..HEADER_SIZE + name.len()].copy_from_slice(name);
    }
}

/// What is wrong with a record that begins before [`END`], if anything.
fn fault(record: &Record, block: &Block, geometry: &Geometry) -> Option<&'static str> {
    if record.len < record_size(1) || !record.len.is_multiple_of(4) {
        return Some("its length is not that of a record");
    }
    if record.at + record.len > END {
        return Some("it reaches beyond the end of the records");
    }
    if record.len < record_size(record.name_len) {
        return Some("it is too short for its name");
    }
    if !record.in_use() {
        return None;
    }
    if !geometry.has_inode(record.ino) {
        return Some("its inode does not exist");
    }
    if !is_valid_name(record.name(block)) {
        return Some("its name is not valid");
    }
    if FileType::of_code(block[record.at + 7]).is_none() {
        return Some("its file type is unknown");
    }
    None
}

impl std::fmt::Debug for DirectoryBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}
