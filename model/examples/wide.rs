//! Searches the wide configuration of each model, or of those named: counts, and how long it took.

use cutpoint_model::specs::{Request, SPECS, Size};
use std::env;
use std::time::Instant;

fn main() {
    let names: Vec<_> = env::args().skip(1).collect();
    for spec in SPECS {
        if !names.is_empty() && !names.iter().any(|name| name == spec.name) {
            continue;
        }
        let request = Request {
            size: Size::Wide,
            ..Request::default()
        };
        let began = Instant::now();
        let report = spec.check(&request, &mut |_| {});
        let explored = report.explored;
        println!(
            "{}: {} states, depth {}, {:.1} s, violated {:?}, unreached {:?}",
            spec.name,
            explored.unique_states,
            explored.depth,
            began.elapsed().as_secs_f64(),
            report.violated.map(|found| found.invariant),
            report.unreached,
        );
    }
}
