//! Seeded bugs: each a protocol with one wrong step. Compiled once for each runtime.

use super::extfs;

pub mod disksize_before_io;
pub mod map_without_cookie;
pub mod truncate_without_orphan;
pub mod wb_lookup_unlocked;
