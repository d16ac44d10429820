//! Integers at fixed byte offsets: little-endian for ext4, big-endian for its journal.
//!
//! Callers pass offsets that are constants of the format, or that they have checked; an offset
//! beyond the slice is a bug of the caller and panics.

macro_rules! integer_at {
    ($get:ident, $put:ident, $type:ty, $from:ident, $to:ident, $order:literal) => {
        #[doc = concat!("Reads a ", $order, " `", stringify!($type), "` at byte `at`.")]
        pub(crate) fn $get(bytes: &[u8], at: usize) -> $type {
            let mut raw = [0; size_of::<$type>()];
            raw.copy_from_slice(&bytes[at..at + size_of::<$type>()]);
            <$type>::$from(raw)
        }

        #[doc = concat!("Writes `value` as a ", $order, " `", stringify!($type), "` at byte `at`.")]
        pub(crate) fn $put(bytes: &mut [u8], at: usize, value: $type) {
            bytes[at..at + size_of::<$type>()].copy_from_slice(&value.$to());
        }
    };
}

integer_at!(
    le16,
    put_le16,
    u16,
    from_le_bytes,
    to_le_bytes,
    "little-endian"
);
integer_at!(
    le32,
    put_le32,
    u32,
    from_le_bytes,
    to_le_bytes,
    "little-endian"
);
integer_at!(
    be32,
    put_be32,
    u32,
    from_be_bytes,
    to_be_bytes,
    "big-endian"
);

/// Copies `N` bytes out, starting at byte `at`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Reads a number whose low and high 32 bits are stored apart.
pub(crate) fn le32_split(bytes: &[u8], low: usize, high: usize) -> u64 {
    u64::from(le32(bytes, high)) << 32 | u64::from(le32(bytes, low))
}

/// Writes a number whose low and high 32 bits are stored apart.
pub(crate) fn put_le32_split(bytes: &mut [u8], low: usize, high: usize, value: u64) {
    put_le32(bytes, low, value as u32);
    put_le32(bytes, high, (value >> 32) as u32);
}

/// Reads a number whose low and high 16 bits are stored apart.
pub(crate) fn le16_split(bytes: &[u8], low: usize, high: usize) -> u32 {
    u32::from(le16(bytes, high)) << 16 | u32::from(le16(bytes, low))
}

/// Writes a number whose low and high 16 bits are stored apart.
pub(crate) fn put_le16_split(bytes: &mut [u8], low: usize, high: usize, value: u32) {
    put_le16(bytes, low, value as u16);
    put_le16(bytes, high, (value >> 16) as u16);
}
