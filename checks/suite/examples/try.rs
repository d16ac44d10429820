//! scratch
fn main() {
    let mut a = std::env::args().skip(1);
    let v = a.next().filter(|v| v != "correct");
    let e = a.next().unwrap_or("dpor".into());
    let c = a.next().unwrap_or("frontier".into());
    let mut r = cutpoint_suite::request::Request::new("writeback_vs_truncate", v.as_deref());
    r.engine = e.parse().unwrap();
    if c == "off" {
        r.crash = cutpoint::crash::CutMode::Off
    }
    r.executions = a.next().map(|n| n.parse().unwrap());
    r.preemptions = std::env::var("P").ok().map(|n| n.parse().unwrap());
    let rep = cutpoint_suite::check::check(&r, &mut |p| {
        if p.executions % 10000 == 0 {
            eprintln!("{p:?}")
        }
    })
    .unwrap();
    println!(
        "{} exec {} distinct {} sleep {} crash {:?} fsck {:?} reached {:?} wall {:.2} cpu {:.2} rss {}",
        rep.verdict.name(),
        rep.executions,
        rep.traces_distinct,
        rep.sleep_blocked,
        rep.crash,
        rep.e2fsck,
        rep.reached,
        rep.wall_s,
        rep.cpu_s,
        rep.peak_rss_bytes >> 20
    );
    match &rep.verdict {
        cutpoint_suite::report::Verdict::Violated(t) => {
            println!(
                "{} | {} | {}",
                t.violation.invariant, t.violation.expected, t.violation.observed
            );
            match cutpoint_traces::view::render(t, "text".parse().unwrap(), &Default::default()) {
                Ok(s) => println!("{s}"),
                Err(e) => println!("{e}"),
            };
            let _ = t
                .write(std::path::Path::new("/tmp/t.json"))
                .map_err(|e| println!("{e}"));
        }
        v => println!("{v:?}"),
    }
}
