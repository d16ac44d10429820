//! One part of a search, for processes that have nothing in common but their arguments.

use std::fmt;
use std::str::FromStr;

/// One part of a search that is split into several. All parts together find what the whole finds,
/// and no trace is in two of them; each has to be explored under the same options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    index: u32,
    of: u32,
}

/// Two numbers that do not name a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not of the form I/N with I from 1 to N, and N at most {}",
    Shard::OF_MAX
)]
pub struct ShardError;

impl Shard {
    /// The most parts there may be.
    pub const OF_MAX: u32 = 1 << 10;

    /// The search as a whole.
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    /// Part `index` of `of`, counting from 1.
    ///
    /// # Errors
    /// If `index` is not from 1 to `of`, or `of` is larger than [`Shard::OF_MAX`].
    pub fn new(index: u32, of: u32) -> Result<Shard, ShardError> {
        let is_valid = (1..=of).contains(&index) && of <= Shard::OF_MAX;
        is_valid.then_some(Shard { index, of }).ok_or(ShardError)
    }

    /// Which part, counting from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Out of how many.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether the unit of work with this number is in this part. Units are dealt out in turn, to
    /// and fro: if the larger ones come first, no part gets the larger one every time.
    pub fn owns(self, unit: u64) -> bool {
        let of = u64::from(self.of);
        let (round, place) = (unit / of, unit % of);
        let place = if round % 2 == 0 {
            place
        } else {
            of - 1 - place
        };
        place == u64::from(self.index - 1)
    }
}

impl Default for Shard {
    fn default() -> Shard {
        Shard::WHOLE
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Shard, ShardError> {
        let (index, of) = text.split_once('/').ok_or(ShardError)?;
        let number = |text: &str| text.parse().map_err(|_| ShardError);
        Shard::new(number(index)?, number(of)?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_that_there_are_can_be_named() {
        for text in ["1/1", "1/3", "3/3", "1024/1024"] {
            let shard: Shard = text.parse().unwrap();
            assert_eq!(shard.to_string(), text);
        }
        for text in [
            "0/3", "4/3", "1", "1/0", "-1/2", "a/b", "", "1/1025", "1/2/3",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError), "{text}");
        }
    }

    #[test]
    fn every_unit_is_in_one_part() {
        for of in 1..7 {
            for unit in 0..20 {
                let parts = (1..=of).map(|index| Shard::new(index, of).unwrap());
                assert_eq!(parts.filter(|shard| shard.owns(unit)).count(), 1);
            }
        }
    }
}
