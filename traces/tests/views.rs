//! The views for other programs: what each promises to its reader.

mod common;

use cutpoint_traces::Trace;
use cutpoint_traces::format::Event;
use cutpoint_traces::view::{Form, Options, ViewError, img, render};
use serde_json::Value;
use std::collections::BTreeSet;

fn show(trace: &Trace, form: Form) -> String {
    render(trace, form, &Options::default()).unwrap()
}

/// The race, with a short verdict, so that the snapshots fit this file.
fn race() -> Trace {
    let mut trace = common::wb_lookup_unlocked();
    trace.scenario = "race".into();
    trace.variant = None;
    trace.violation.expected = "quota 1".into();
    trace.violation.observed = "3".into();
    trace
}

#[test]
fn mermaid_draws_an_arrow_where_one_task_waited() {
    insta::assert_snapshot!(show(&race(), Form::Mermaid), @r#"
    sequenceDiagram
        participant T0 as wb
        participant T1 as truncate
        Note over T0,T1: race, correct protocol#58; violates I3
        Note over T0: 1 lookup_extent [0,3) status=delayed
        Note over T1: 2 truncate to=1
        Note over T1: 3 drop_folios [1,3)
        T0-->>T1: 4 +i_data_sem 12 (w)
        Note over T1: 5 remove_extent [1,3) reserved_before=3 reserved=1
        T1-->>T0: 6 +i_data_sem 12 (w)
        Note over T0: 7 allocate [0,3) blocks=3
        Note over T0: 8 insert_extent [0,3) claim=1
        Note over T0,T1: violated I3#58; expected quota 1, observed 3
    "#);
}

#[test]
fn dot_draws_the_reduced_order() {
    insta::assert_snapshot!(show(&race(), Form::Dot), @r#"
    digraph trace {
      label="race, correct protocol: violates I3\nviolated I3: expected quota 1, observed 3";
      labelloc=t; newrank=true;
      node [shape=box, fontname=monospace];
      subgraph cluster_0 {
        label="wb";
        e10 [label="1 lookup_extent [0,3) status=delayed"];
        e20 [label="6 +i_data_sem 12 (w)", shape=ellipse];
        e21 [label="7 allocate [0,3) blocks=3"];
        e22 [label="8 insert_extent [0,3) claim=1"];
      }
      subgraph cluster_1 {
        label="truncate";
        e15 [label="2 truncate to=1"];
        e16 [label="3 drop_folios [1,3)"];
        e17 [label="4 +i_data_sem 12 (w)", shape=ellipse];
        e18 [label="5 remove_extent [1,3) reserved_before=3 reserved=1"];
      }
      e15 -> e16 [weight=10];
      e16 -> e17 [weight=10];
      e10 -> e17 [color=blue];
      e17 -> e18 [weight=10];
      e10 -> e20 [weight=10];
      e18 -> e20 [color=blue];
      e20 -> e21 [weight=10];
      e21 -> e22 [weight=10];
    }
    "#);
}

/// The edges of the graph, as pairs of event indices.
fn edges(dot: &str) -> Vec<(usize, usize)> {
    let edge = |line: &str| {
        let (from, to) = line.trim().split_once(" -> ")?;
        let to = to.split_once(' ')?.0;
        Some((
            from.strip_prefix('e')?.parse().ok()?,
            to.strip_prefix('e')?.parse().ok()?,
        ))
    };
    dot.lines().filter_map(edge).collect()
}

/// Which events each event comes after, by walking the graph.
fn closure(count: usize, edges: &[(usize, usize)]) -> Vec<BTreeSet<usize>> {
    let mut before = vec![BTreeSet::new(); count];
    // Edges lead to later events, and come grouped by where they lead.
    let mut sorted = edges.to_vec();
    sorted.sort_by_key(|&(_, to)| to);
    for (from, to) in sorted {
        let further = before[from].clone();
        before[to].extend(further);
        before[to].insert(from);
    }
    before
}

#[test]
fn the_graph_is_the_order_of_the_clocks_and_no_cross_edge_is_redundant() {
    for trace in common::all() {
        for all in [false, true] {
            let options = Options {
                all,
                ..Options::default()
            };
            let dot = render(&trace, Form::Dot, &options).unwrap();
            let edges = edges(&dot);
            let shown: BTreeSet<usize> = edges.iter().flat_map(|&(a, b)| [a, b]).collect();
            let before = closure(trace.events.len(), &edges);
            for &a in &shown {
                for &b in &shown {
                    let (first, second) = (&trace.events[a], &trace.events[b]);
                    let task = first.task as usize;
                    let ordered = a != b && second.clock[task] >= first.clock[task];
                    assert_eq!(before[b].contains(&a), ordered, "{a} {b}");
                }
            }
            for (from, to) in edges.iter().copied() {
                if trace.events[from].task == trace.events[to].task {
                    continue;
                }
                let others: Vec<_> = edges.iter().copied().filter(|&e| e != (from, to)).collect();
                let without = closure(trace.events.len(), &others);
                assert!(!without[to].contains(&from), "{from} -> {to} is redundant");
            }
        }
    }
}

#[test]
fn html_needs_nothing_else_and_quotes_what_it_shows() {
    let mut trace = common::disksize_before_io();
    trace.tasks[1].name = "<script>alert(1)</script>".into();
    let page = show(&trace, Form::Html);
    for forbidden in ["<script", "http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for needed in [
        "&lt;script&gt;",
        "power cut",
        "violated I11",
        "sectors 0-2",
        "cutpoint replay",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
}

/// Checks that the tags of a document nest.
fn assert_nests(document: &str) {
    let mut open = Vec::new();
    for tag in document.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') || name == "!DOCTYPE" || name == "meta" => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn html_and_svg_are_well_formed() {
    for mut trace in common::all() {
        trace.tasks[1].name = "a<b & \"c\">".into();
        assert_nests(&show(&trace, Form::Html));
        assert_nests(&show(&trace, Form::Svg));
    }
}

#[test]
fn svg_has_a_lifeline_per_actor_and_an_arrow_per_wait() {
    let picture = show(&common::wb_lookup_unlocked(), Form::Svg);
    assert_eq!(picture.matches("class=\"l\"").count(), 2);
    assert_eq!(picture.matches("class=\"a\"").count(), 2);
    assert!(picture.contains("lookup_extent [0,3)"));
}

#[test]
fn itf_has_a_state_before_the_first_event_and_one_after_each() {
    let trace = common::disksize_before_io();
    let document: Value = serde_json::from_str(&show(&trace, Form::Itf)).unwrap();
    assert_eq!(document["#meta"]["format"], "ITF");
    let variables = document["vars"].as_array().unwrap();
    let states = document["states"].as_array().unwrap();
    assert_eq!(states.len(), trace.events.len() + 1);
    for (index, state) in states.iter().enumerate() {
        assert_eq!(state["#meta"]["index"], index);
        assert_eq!(state.as_object().unwrap().len(), variables.len() + 1);
        assert!(
            variables
                .iter()
                .all(|name| state.get(name.as_str().unwrap()).is_some())
        );
    }
    let last = states.last().unwrap();
    assert_eq!(last["action"], "checkpoint");
    assert_eq!(last["powered"], false);
    assert_eq!(last["done"]["#map"][0][1]["#bigint"], "5");
}

#[test]
fn itf_refuses_what_would_not_fit() {
    let mut trace = common::many_tasks();
    let task = trace.tasks[0].clone();
    trace.tasks = vec![task; 256];
    trace.events = (1..=20_000)
        .map(|n| {
            let mut clock = vec![0; 256];
            clock[0] = n;
            let kind = common::step("s", &[]);
            Event {
                task: 0,
                clock,
                kind,
            }
        })
        .collect();
    let error = render(&trace, Form::Itf, &Options::default()).unwrap_err();
    assert!(
        matches!(
            error,
            ViewError::TooLarge {
                events: 20_000,
                tasks: 256
            }
        ),
        "{error}"
    );
    trace.events.truncate(100);
    assert!(render(&trace, Form::Itf, &Options::default()).is_ok());
}

#[test]
fn chrome_has_an_event_per_event_and_a_pair_per_arrow() {
    let trace = common::disksize_before_io();
    let document: Value = serde_json::from_str(&show(&trace, Form::Chrome)).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!(count("X"), trace.events.len());
    assert_eq!(count("M"), trace.tasks.len());
    assert_eq!(count("i"), 1);
    assert_eq!(count("s"), count("f"));
    // Two tasks begin after their spawns, and the commit waits for writeback's handle.
    assert_eq!(count("s"), 3);
}

#[test]
fn the_image_is_written_sparse_and_exact() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crash.img");
    let mut trace = common::disksize_before_io();
    img::write_image(&trace, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let image = trace.image.as_mut().unwrap();
    assert_eq!(bytes.len(), 8 * 1024);
    for (number, block) in bytes.chunks(1024).enumerate() {
        let content = image
            .content
            .iter()
            .find(|content| content.block == number as u64);
        match content {
            Some(content) => assert_eq!(block, content.data),
            None => assert!(block.iter().all(|&byte| byte == 0)),
        }
    }
    // A large device costs only what is not zero.
    image.blocks = 1 << 20;
    img::write_image(&trace, &path).unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 1 << 30);
    assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) < 1024);
}

#[test]
fn a_trace_without_an_image_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crash.img");
    let error = img::write_image(&common::wb_lookup_unlocked(), &path).unwrap_err();
    assert!(matches!(error, ViewError::NoImage { crashed: false }));
    assert!(error.to_string().contains("needs no power cut"), "{error}");
    assert!(!path.exists());
}

#[test]
fn every_form_has_a_name() {
    for form in Form::ALL {
        assert_eq!(form.name().parse(), Ok(form));
    }
    let error = "pdf".parse::<Form>().unwrap_err();
    assert!(
        Form::ALL
            .iter()
            .all(|form| error.to_string().contains(form.name())),
        "{error}"
    );
}
