//! Sets of 128-bit numbers in state files and certificates: one text of 32 hexadecimal digits for
//! each number, in ascending order. As a list of JSON numbers it would be half as long again, and
//! few programs would read it exactly.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The hexadecimal digits of a number.
const DIGITS: usize = 32;

/// A set of 128-bit numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(pub BTreeSet<u128>);

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len() * DIGITS);
        for number in &self.0 {
            // Writing to a string can not fail.
            let _ = write!(text, "{number:032x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Numbers, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes().chunks(DIGITS).map(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            let is_whole = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
            is_whole.then(|| u128::from_str_radix(text, 16).ok())?
        });
        let numbers: Option<BTreeSet<u128>> = digits.collect();
        numbers
            .map(Numbers)
            .ok_or_else(|| D::Error::custom("not a list of numbers of 32 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_and_anything_else_is_refused() {
        let numbers = Numbers([0, 1, u128::MAX].into());
        let text = serde_json::to_string(&numbers).unwrap();
        assert_eq!(serde_json::from_str::<Numbers>(&text).unwrap(), numbers);
        let sign = format!("\"+{}\"", "0".repeat(31));
        for wrong in ["\"0\"", "\"zz\"", "7", &sign, "\"ä\"", &text[..20]] {
            assert!(serde_json::from_str::<Numbers>(wrong).is_err(), "{wrong}");
        }
    }
}
