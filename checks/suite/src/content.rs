//! What blocks hold in the scenarios: every block says who wrote it, so that an oracle can tell
//! data from zeroes, from other data, and from what an earlier owner left.

use std::fmt;

/// The size of a block in bytes.
const BLOCK_SIZE: usize = 1024;

/// The file that scenarios work on.
pub const FILE_NAME: &[u8] = b"file";

/// Which write a block comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// The write before the tasks begin.
    First,
    /// The write during the race.
    Second,
}

/// What a block turns out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    /// Zeroes only.
    Zeroes,
    /// What a write put there, for this block of the file.
    Data(Tag, u32),
    /// What an earlier owner of the disk block left.
    Garbage,
    /// Anything else: parts of several.
    Mixed,
}

/// The bytes that a write puts into block `lblk` of the file.
pub fn block(tag: Tag, lblk: u32) -> [u8; BLOCK_SIZE] {
    let letter = match tag {
        Tag::First => b'A',
        Tag::Second => b'B',
    };
    let word = [letter, b'0' + (lblk % 10) as u8, letter, b'\n'];
    fill(&word)
}

/// The bytes that an earlier owner left in a disk block.
pub fn garbage(block: u64) -> [u8; BLOCK_SIZE] {
    fill(&[0xee, 0xbb, (block % 251) as u8, 0xee])
}

fn fill(word: &[u8; 4]) -> [u8; BLOCK_SIZE] {
    let mut bytes = [0; BLOCK_SIZE];
    for chunk in bytes.chunks_exact_mut(word.len()) {
        chunk.copy_from_slice(word);
    }
    bytes
}

/// Says what the bytes of a block are. A last block may be shorter.
pub fn find(bytes: &[u8]) -> Found {
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Zeroes;
    }
    for tag in [Tag::First, Tag::Second] {
        for lblk in 0..10 {
            if block(tag, lblk)[..bytes.len()] == *bytes {
                return Found::Data(tag, lblk);
            }
        }
    }
    match bytes.chunks(4).all(|word| word[0] == 0xee) {
        true => Found::Garbage,
        false => Found::Mixed,
    }
}

/// Says what a file holds, block by block.
pub fn describe(bytes: &[u8]) -> String {
    let blocks: Vec<String> = bytes
        .chunks(BLOCK_SIZE)
        .map(|bytes| find(bytes).to_string())
        .collect();
    format!("{} bytes: {}", bytes.len(), blocks.join(", "))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Zeroes => f.write_str("zeroes"),
            Found::Data(Tag::First, lblk) => write!(f, "A{lblk}"),
            Found::Data(Tag::Second, lblk) => write!(f, "B{lblk}"),
            Found::Garbage => f.write_str("stale data of another owner"),
            Found::Mixed => f.write_str("a mixture"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_apart() {
        assert_eq!(find(&block(Tag::First, 2)), Found::Data(Tag::First, 2));
        assert_eq!(
            find(&block(Tag::Second, 1)[..512]),
            Found::Data(Tag::Second, 1)
        );
        assert_eq!(find(&garbage(1100)), Found::Garbage);
        assert_eq!(find(&[0; 1024]), Found::Zeroes);
        let mut torn = block(Tag::First, 0);
        torn[512..].fill(0);
        assert_eq!(find(&torn), Found::Mixed);
    }
}
