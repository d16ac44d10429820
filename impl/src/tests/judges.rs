//! That the invariants notice what they are there for.

use super::*;
use crate::{setattr, write};

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
