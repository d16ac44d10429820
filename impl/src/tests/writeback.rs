//! What writeback takes and what it leaves: beside an end that moves, blocks that have no space
//! yet, and errors.

use super::*;
use crate::delalloc::Delalloc;
use crate::error::FsError;
use crate::writeback::writepages;
use crate::{truncate, write};

/// The dirty blocks of the file.
fn dirty(f: &Fixture) -> Vec<Lblk> {
    let folios = f.inode.cache.peek();
    folios.iter().flat_map(|folio| folio.peek_dirty()).collect()
}

/// The second block has been allocated as written, and its folio is not to be left to somebody with
/// a handle, who would come after the commit.
#[test]
fn a_commit_writes_what_is_mapped_of_a_folio_that_is_not_mapped_whole() {
    let f = Fixture::mounted(MountOptions {
        design: Design::Bh,
        delalloc: Delalloc::WhileSpaceLasts,
        blocks_per_folio: 2,
        ..MountOptions::default()
    });
    f.fs.sync().unwrap();
    let bytes = pattern(1, 2 * BLOCK_SIZE);
    write::buffered_write(&f.fs, &f.inode, 0, &bytes[..BLOCK_SIZE]).unwrap();
    let promised = f.fs.space().peek_counters().free as u32 / 2 + 10;
    f.fs.space().reserve(promised).unwrap();
    write::buffered_write(&f.fs, &f.inode, BLOCK, &bytes[BLOCK_SIZE..]).unwrap();
    f.fs.space().release(promised);
    assert_eq!((f.reserved(), f.inode.disksize.get()), (1, 2 * BLOCK));
    f.fs.journal().commit_once().unwrap();
    assert_eq!(dirty(&f), [Lblk(0)]);
    let mut expected = bytes;
    expected[..BLOCK_SIZE].fill(0);
    assert_same(&f.crash().content(), &expected);
}

/// A power cut may take the truncate, and then the file has what it had before, or what had been
/// written last.
#[test]
fn writeback_beside_a_truncate_leaves_alone_what_the_file_is_about_to_lose() {
    let protocol = Protocol {
        truncate_pagecache_range: |fs, inode, blocks| {
            let shared = fs.inode(inode.ino).unwrap();
            writepages(fs, &shared, ALL, true).unwrap();
            truncate::truncate_pagecache_range(fs, inode, blocks);
        },
        ..Protocol::correct()
    };
    for design in Design::ALL {
        for blocks_per_folio in [1, 2, 4] {
            let mount = MountOptions {
                design,
                blocks_per_folio,
                ..MountOptions::default()
            };
            let f = Fixture::with_protocol(mount, protocol);
            let old = pattern(1, 3 * BLOCK_SIZE);
            write::buffered_write(&f.fs, &f.inode, 0, &old).unwrap();
            fsync::fsync(&f.fs, &f.inode).unwrap();
            let new = pattern(2, 3 * BLOCK_SIZE);
            write::buffered_write(&f.fs, &f.inode, 0, &new).unwrap();
            truncate::truncate_down(&f.fs, &f.inode, BLOCK).unwrap();
            assert_same(&f.content(), &new[..BLOCK_SIZE]);
            let found = f.crash().content();
            assert_eq!(
                found.len(),
                old.len(),
                "the truncate has not been committed"
            );
            let ways = found.iter().zip(old.iter().zip(&new));
            let torn = ways.filter(|(found, (old, new))| found != old && found != new);
            assert_eq!(
                torn.count(),
                0,
                "{design}, {blocks_per_folio} blocks a folio"
            );
        }
    }
}

/// Of what it goes on to, it would give up as much as it can not allocate now; somebody may make
/// room before it is tried again.
#[test]
fn a_pass_that_nobody_waits_for_ends_where_space_does() {
    for (waits, left) in [(false, vec![Lblk(1), Lblk(2)]), (true, vec![])] {
        let protocol = Protocol {
            map_one_extent: |_, _, _| Err(FsError::NoSpace),
            ..Protocol::correct()
        };
        let mount = MountOptions {
            blocks_per_folio: 1,
            ..MountOptions::default()
        };
        let f = Fixture::with_protocol(mount, protocol);
        let mut expected = pattern(1, 3 * BLOCK_SIZE);
        write::buffered_write(&f.fs, &f.inode, 0, &expected).unwrap();
        let written = writepages(&f.fs, &f.inode, ALL, waits);
        assert_eq!(written, Err(FsError::NoSpace));
        assert_eq!((dirty(&f), f.reserved()), (left.clone(), left.len() as u32));
        let lost = 3 - left.len();
        expected[..lost * BLOCK_SIZE].fill(0);
        assert_same(&f.content(), &expected);
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
    }
}
