//! Numbers for people.

/// A count: exact below a billion, rounded to three digits from there on.
pub fn count(number: impl Into<u128>) -> String {
    let number = number.into();
    if number < 1_000_000_000 {
        return grouped(number);
    }
    let exponent = number.ilog10();
    // Rounding may carry into a fourth digit.
    let scale = 10_u128.pow(exponent - 2);
    let rounded = number / scale + u128::from(number % scale >= scale / 2);
    let (rounded, exponent) = match rounded {
        1000 => (100, exponent + 1),
        _ => (rounded, exponent),
    };
    format!("{}.{:02}e{exponent}", rounded / 100, rounded % 100)
}

/// With a separator between thousands.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds.
pub fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2}")
    } else {
        format!("{seconds:.1}")
    }
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

/// A number and its noun.
pub fn many(number: impl Into<u128>, one: &str, more: &str) -> String {
    let number = number.into();
    let noun = if number == 1 { one } else { more };
    format!("{} {noun}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_ones_rounded() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(1_000_u64), "1,000");
        assert_eq!(count(999_999_999_u64), "999,999,999");
        assert_eq!(count(1_234_567_890_u64), "1.23e9");
        assert_eq!(count(1_235_000_000_u64), "1.24e9");
        assert_eq!(count(9_999_999_999_u64), "1.00e10");
        assert_eq!(count(u128::MAX), "3.40e38");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(many(1_u64, "image", "images"), "1 image");
        assert_eq!(many(0_u64, "image", "images"), "0 images");
    }
}
