//! The journal's decoders, and recovery of logs that nobody wrote: see README.md.

#![no_main]

use extfs_fuzz::garbage::decode_and_recover;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    decode_and_recover(data);
});
