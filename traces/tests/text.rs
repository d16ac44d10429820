//! The text view of known counterexamples, character by character.

mod common;

use common::{Builder, number};
use cutpoint_traces::Trace;
use cutpoint_traces::format::{BlockVersion, Crash, Kind, Survivor};
use cutpoint_traces::view::{Options, text};

/// Narrow enough for the snapshots to fit this file.
const OPTIONS: Options = Options {
    all: false,
    width: 92,
};

fn show(trace: &Trace) -> String {
    text::render(trace, &OPTIONS).unwrap()
}

#[test]
fn a_race_is_two_columns() {
    insta::assert_snapshot!(show(&common::wb_lookup_unlocked()), @r#"
    writeback_vs_truncate, variant wb_lookup_unlocked: violates I3
    design im, found by dpor on shuttle, granularity lock

    wb                                   | truncate
    1 lookup_extent [0,3) status=delayed |
                                         | 2 truncate to=1
                                         | 3 drop_folios [1,3)
                                         | 4 +i_data_sem 12 (w) after 1
                                         | 5 remove_extent [1,3) reserved_before=3 reserved=1
    6 +i_data_sem 12 (w) after 5         |
    7 allocate [0,3) blocks=3            |
    8 insert_extent [0,3) claim=1        |

    violated I3: expected quota used 1, as 1 block is charged, observed 3 blocks allocated;
      blocks [1,3) are stale and were never charged
    lookup and allocation are two critical sections; truncate got between
    replay: cutpoint replay t.json
    "#);
}

#[test]
fn a_crash_is_followed_by_what_the_device_kept() {
    insta::assert_snapshot!(show(&common::disksize_before_io()), @r#"
    writeback_vs_truncate, variant disksize_before_io: violates I11
    design im, found by dpor on shuttle, granularity lock, power cuts: frontier

    wb                        | commit
    1 allocate [0,2)          |
    2 set_disksize bytes=8192 |
    3 submit [0,2)            |
                              | 4 gate close transaction after 2
                              | 5 commit tid=3
                              | 6 acknowledged committed tid=3
    ⚡ power cut

    durable   4 writes: blocks 0, 10-12
    lost      block 40: write 2 (wb, after 3)
    torn      block 41: sectors 0-2 write 3 (wb, after 3); sectors 3-7 as before
    either    version of block 30: never read afterwards
    recovery  replay tid=3
    power cut in recovery, after: replay tid=3
    kept      block 20: write 100 (recovery)
    recovery  scan_journal
    recovery  replay tid=3

    violated I11: expected blocks [0,2) durable below i_disksize 8192, observed block 0 of the
      file reads as zeroes
    crash image: 8 blocks of 1024 bytes, 2 KiB not zero: --as img -o FILE writes it
    replay: cutpoint replay t.json
    "#);
}

#[test]
fn a_durable_write_that_another_in_flight_has_undone_is_named() {
    let mut race = Builder::new(&["one", "other"]);
    for (task, request) in [(0, 1), (1, 2)] {
        race.step(task, "submit", &[number("block", 7)]);
        race.write(task, request, 7);
    }
    for (task, request) in [(0, 1), (1, 2)] {
        race.event(task, Kind::Completed { request, ok: true });
    }
    let after = race.cut();
    race.trace.crash = Some(Crash {
        after,
        frontier: Vec::new(),
        durable: vec![1, 2],
        survivors: vec![Survivor {
            block: 7,
            version: BlockVersion::Request(1),
        }],
        recovery: Vec::new(),
        nested: None,
    });
    let text = show(&race.trace);
    let line = "overtaken block 7: write 2 (other, after 2), by write 1 (one, after 1)";
    assert!(text.lines().any(|other| other == line), "{text}");
    let crash = race.trace.crash.as_mut().expect("a power cut");
    crash.survivors[0].version = BlockVersion::Request(2);
    assert!(!show(&race.trace).contains("overtaken"));
}

#[test]
fn many_tasks_are_named_on_each_line() {
    insta::assert_snapshot!(show(&common::many_tasks()), @r#"
    writeback_vs_truncate, correct protocol: violates I0
    design im, found by dpor on shuttle, granularity lock

     1 reader 0: read n=0;  2 done
     3 reader 1: +lock (w) after 2
     4 reader 1: read n=1;  5 done
     6 reader 2: +lock (w) after 5
     7 reader 2: read n=2;  8 done
     9 reader 3: +lock (w) after 8
    10 reader 3: read n=3; 11 done
    12 reader 4: +lock (w) after 11
    13 reader 4: read n=4; 14 done
    15 reader 5: +lock (w) after 14
    16 reader 5: read n=5; 17 done
    18 reader 6: +lock (w) after 17
    19 reader 6: read n=6; 20 done
    21 reader 7: +lock (w) after 20
    22 reader 7: read n=7; 23 done
    24 reader 8: +lock (w) after 23
    25 reader 8: read n=8; 26 done
    27 reader 9: +lock (w) after 26
    28 reader 9: read n=9; 29 done
    30 reader 10: +lock (w) after 29
    31 reader 10: read n=10; 32 done
    33 reader 11: +lock (w) after 32
    34 reader 11: read n=11; 35 done

    violated I0: expected nothing, observed something
    replay: cutpoint replay t.json
    "#);
}

#[test]
fn a_run_of_one_step_is_one_row() {
    let mut b = common::Builder::new(&["journal", "other"]);
    let commit = |tid, state| [common::number("tid", tid), common::number("state", state)];
    for state in 1..4 {
        b.step(0, "commit", &commit(3, state));
    }
    b.step(1, "done", &[]);
    b.step(0, "commit", &commit(4, 1));
    b.step(0, "flush", &[]);
    b.step(0, "flush", &[]);
    let text = show(&b.trace);
    assert!(text.contains("1 commit tid=3 state=1 … state=3"), "{text}");
    assert!(text.contains("2 done"), "{text}");
    assert!(text.contains("3 commit tid=4 state=1 "), "{text}");
    assert!(text.contains("4 flush (2 times)"), "{text}");
}

#[test]
fn a_narrow_page_wraps_inside_its_columns() {
    let options = Options {
        width: 60,
        ..OPTIONS
    };
    let text = text::render(&common::wb_lookup_unlocked(), &options).unwrap();
    insta::assert_snapshot!(text, @r#"
    writeback_vs_truncate, variant wb_lookup_unlocked: violates
      I3
    design im, found by dpor on shuttle, granularity lock

    wb                           | truncate
    1 lookup_extent [0,3)        |
      status=delayed             |
                                 | 2 truncate to=1
                                 | 3 drop_folios [1,3)
                                 | 4 +i_data_sem 12 (w) after 1
                                 | 5 remove_extent [1,3)
                                 |   reserved_before=3
                                 |   reserved=1
    6 +i_data_sem 12 (w) after 5 |
    7 allocate [0,3) blocks=3    |
    8 insert_extent [0,3)        |
      claim=1                    |

    violated I3: expected quota used 1, as 1 block is charged,
      observed 3 blocks allocated; blocks [1,3) are stale and
      were never charged
    lookup and allocation are two critical sections; truncate
      got between
    replay: cutpoint replay t.json
    "#);
}

#[test]
fn everything_is_shown_on_demand() {
    let options = Options {
        all: true,
        ..OPTIONS
    };
    insta::assert_snapshot!(text::render(&common::disksize_before_io(), &options).unwrap(), @r#"
    writeback_vs_truncate, variant disksize_before_io: violates I11
    design im, found by dpor on shuttle, granularity lock, power cuts: frontier

    main                   | wb                         | commit
     1 write 1 to block 0  |                            |
     2 write 1 completes   |                            |
     3 flush completes     |                            |
     4 spawn thread wb     |                            |
     5 spawn thread commit |                            |
                           |  6 begin thread wb         |
                           |                            |  7 begin thread commit
                           |  8 gate enter transaction  |
                           |  9 allocate [0,2)          |
                           | 10 set_disksize bytes=8192 |
                           | 11 gate exit transaction   |
                           | 12 submit [0,2)            |
                           | 13 write 2 to block 40     |
                           | 14 write 3 to block 41     |
                           |                            | 15 gate close transaction after 10
                           |                            | 16 commit tid=3
                           |                            | 17 write 4 to block 10
                           |                            | 18 write 4 completes
                           |                            | 19 write 5 to block 11
                           |                            | 20 write 5 completes
                           |                            | 21 write 6 to block 12
                           |                            | 22 write 6 completes
                           |                            | 23 flush completes
                           |                            | 24 acknowledged committed tid=3
                           |                            | 25 write 7 to block 30
    ⚡ power cut
                           |                            | 26 checkpoint

    durable   4 writes: blocks 0, 10-12
    lost      block 40: write 2 (wb, after 12)
    torn      block 41: sectors 0-2 write 3 (wb, after 13); sectors 3-7 as before
    either    version of block 30: never read afterwards
    recovery  replay tid=3
    recovery  write 100 to block 20
    recovery  flush completes
    power cut in recovery, after: replay tid=3
    kept      block 20: write 100 (recovery)
    recovery  scan_journal
    recovery  replay tid=3

    violated I11: expected blocks [0,2) durable below i_disksize 8192, observed block 0 of the
      file reads as zeroes
    crash image: 8 blocks of 1024 bytes, 2 KiB not zero: --as img -o FILE writes it
    replay: cutpoint replay t.json
    "#);
}

#[test]
fn no_line_but_the_command_is_wider_than_the_page() {
    for trace in common::all() {
        for width in Options::WIDTH_MIN..140 {
            let text = text::render(&trace, &Options { all: true, width }).unwrap();
            for line in text.lines().filter(|line| !line.starts_with("replay:")) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn two_actors_fit_a_screen() {
    for trace in [common::wb_lookup_unlocked(), common::disksize_before_io()] {
        assert!(show(&trace).lines().count() <= 40);
    }
}

#[test]
fn the_styled_lines_are_the_plain_text() {
    let trace = common::disksize_before_io();
    let lines = text::lines(&trace, &OPTIONS).unwrap();
    let plain: Vec<String> = lines
        .iter()
        .map(|line| {
            line.iter()
                .map(|span| span.text.as_str())
                .collect::<String>()
        })
        .map(|line| line.trim_end().to_string())
        .collect();
    assert_eq!(plain.join("\n") + "\n", show(&trace));
    let styled = |style| lines.iter().flatten().any(|span| span.style == style);
    for style in [
        text::Style::Crash,
        text::Style::Lost,
        text::Style::Violation,
    ] {
        assert!(styled(style), "{style:?}");
    }
}
