//! That the invariants notice what they are there for.

use super::*;
use crate::{delalloc, evict, setattr, write};

/// I5: nobody would ever write the block.
#[test]
fn a_delayed_block_that_is_not_dirty_is_noticed() {
    let f = Fixture::new(1);
    setattr::truncate_up(&f.fs, &f.inode, 4 * BLOCK).unwrap();
    write::buffered_write(&f.fs, &f.inode, BLOCK, &pattern(1, 2 * BLOCK_SIZE)).unwrap();
    assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
    let folio = f.inode.cache.grab(Lblk(2));
    f.inode.cache.detach(&mut folio.lock());
    let found = quiescent::violations(&f.fs).unwrap();
    let found: Vec<_> = found.iter().map(|violation| violation.invariant).collect();
    assert_eq!(found, ["I5"]);
}

/// I2, when an inode leaves memory: nothing would ever write the block.
#[test]
fn what_is_reserved_without_a_cache_is_noticed_and_given_back() {
    if rt::RUNTIME != "std" {
        return;
    }
    let f = Fixture::new(1);
    setattr::truncate_up(&f.fs, &f.inode, BLOCK).unwrap();
    delalloc::write_begin(&f.fs, &f.inode, Lblk(0)..Lblk(1)).unwrap();
    let found = findings(|| evict::evict(&f.fs, &f.inode));
    assert_eq!(found, ["I2"]);
    assert_eq!((f.reserved(), f.fs.space().peek_counters().dirty), (0, 0));
    assert_eq!(f.inode.read_data().quota_reserved, 0);
}
