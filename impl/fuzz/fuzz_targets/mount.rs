//! Mount and recovery of damaged images: see README.md.

#![no_main]

use extfs_fuzz::garbage::{Images, mount_and_use};
use std::sync::LazyLock;

static IMAGES: LazyLock<Images> = LazyLock::new(Images::new);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mount_and_use(&IMAGES, data);
});
