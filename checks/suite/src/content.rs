//! What blocks hold in the scenarios: every block says who wrote it, so that an oracle can tell
//! data from zeroes, from other data, and from what an earlier owner left.

use std::fmt;
use std::ops::Range;

/// The size of a block in bytes.
pub const BLOCK_SIZE: usize = 1024;
/// The unit in bytes in which content is judged: no write of a scenario begins or ends within one.
pub const PART_SIZE: usize = 256;

/// The file that scenarios work on.
pub const FILE_NAME: &[u8] = b"file";

/// So many blocks in a row of a file claim to be different ones.
pub const CLAIMS: u32 = 10;

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
    let word = [letter, b'0' + (lblk % CLAIMS) as u8, letter, b'\n'];
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

/// What the first word of a block claims to be.
fn claimed(bytes: &[u8]) -> Option<(Tag, u32)> {
    let word = bytes.get(..4)?;
    let tag = match word[0] {
        b'A' => Tag::First,
        b'B' => Tag::Second,
        _ => return None,
    };
    let lblk = u32::from(word[1].checked_sub(b'0')?);
    let is_whole = lblk < CLAIMS && word[2] == word[0] && word[3] == b'\n';
    is_whole.then_some((tag, lblk))
}

/// Says what the bytes of a block are. A last block may be shorter.
pub fn find(bytes: &[u8]) -> Found {
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Zeroes;
    }
    if let Some((tag, lblk)) = claimed(bytes)
        && bytes.chunks(4).all(|word| word == &bytes[..word.len()])
    {
        return Found::Data(tag, lblk);
    }
    match bytes.chunks(4).all(|word| word[0] == 0xee) {
        true => Found::Garbage,
        false => Found::Mixed,
    }
}

/// What a file holds: the ranges of bytes, made of whole parts, that hold one thing.
pub fn parts(bytes: &[u8]) -> Vec<(Range<u64>, Found)> {
    let mut parts: Vec<(Range<u64>, Found)> = Vec::new();
    let mut at = 0;
    for part in bytes.chunks(PART_SIZE) {
        let (found, end) = (find(part), at + part.len() as u64);
        match parts.last_mut() {
            Some((range, last)) if *last == found => range.end = end,
            _ => parts.push((at..end, found)),
        }
        at = end;
    }
    parts
}

/// Says what a file holds, block by block where a block holds one thing.
pub fn describe(bytes: &[u8]) -> String {
    let blocks: Vec<String> = bytes
        .chunks(BLOCK_SIZE)
        .map(|block| {
            let found: Vec<&str> = parts(block).iter().map(|(_, f)| f.word()).collect();
            found.join(" then ")
        })
        .collect();
    format!("{} bytes: {}", bytes.len(), blocks.join(", "))
}

/// The names of written blocks, by write and block.
const WORDS: [[&str; CLAIMS as usize]; 2] = [
    ["A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9"],
    ["B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9"],
];

impl Found {
    /// What it is called in traces.
    pub fn word(self) -> &'static str {
        match self {
            Found::Zeroes => "zeroes",
            Found::Data(tag, lblk) => WORDS[tag as usize][(lblk % CLAIMS) as usize],
            Found::Garbage => "stale data of another owner",
            Found::Mixed => "a mixture",
        }
    }

    /// The data or zeroes that is called so.
    pub fn from_word(word: &str) -> Option<Found> {
        let written = [Tag::First, Tag::Second]
            .into_iter()
            .flat_map(|tag| (0..CLAIMS).map(move |lblk| Found::Data(tag, lblk)));
        written
            .chain([Found::Zeroes])
            .find(|found| found.word() == word)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
        let [first, second] = parts(&torn).try_into().unwrap();
        assert_eq!(first, (0..512, Found::Data(Tag::First, 0)));
        assert_eq!(second, (512..1024, Found::Zeroes));
        assert_eq!(describe(&torn), "1024 bytes: A0 then zeroes");
    }

    #[test]
    fn words_name_what_can_be_promised() {
        for found in [Found::Zeroes, Found::Data(Tag::Second, 7)] {
            assert_eq!(Found::from_word(found.word()), Some(found));
        }
        assert_eq!(Found::from_word(Found::Garbage.word()), None);
    }
}
