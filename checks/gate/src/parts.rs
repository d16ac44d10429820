//! Putting the parts of a search together: what the whole would have said.
//!
//! What is counted for each execution adds up, because no trace is in two parts. What is judged
//! once and then remembered does not: it is counted over the union of what the parts have judged.
//! `JSON.md` says for each field how it is made.

use crate::json::{CheckJson, E2fsckJson, PartJson};
use cutpoint::crash::CaseCounts;
use cutpoint::explore::Shard;
use cutpoint::lockgraph::LockGraph;
use std::collections::{BTreeMap, BTreeSet};

/// The invariant that a cycle in the order of locks violates.
const LOCK_ORDER: &str = "I34";

/// The document of the whole.
///
/// # Errors
/// If the documents are not those of all parts of one search, each once.
pub fn union(documents: &[&CheckJson]) -> Result<CheckJson, String> {
    let parts = in_order(documents)?;
    let (first, _) = parts[0];
    let mut whole = verdict(&parts);
    let cases = cases(&parts);
    let sum = |of: &dyn Fn(&CheckJson) -> u64| -> u64 {
        parts.iter().map(|(document, _)| of(document)).sum()
    };
    let judged =
        |of: &dyn Fn(&CaseCounts) -> u64| -> u64 { cases.values().map(|counts| of(counts)).sum() };
    // What a part counted for its executions alone.
    let own = |part: &PartJson, of: &dyn Fn(&CaseCounts) -> u64| -> u64 {
        part.cases.0.values().map(of).sum()
    };
    let cuts_of_executions = parts.iter().map(|(document, part)| {
        document
            .crash_frontiers
            .saturating_sub(own(part, &|counts| counts.cuts))
    });
    whole.executions = sum(&|part| part.executions);
    whole.traces_distinct = sum(&|part| part.traces_distinct);
    whole.sleep_blocked = sum(&|part| part.sleep_blocked);
    whole.crash_frontiers = cuts_of_executions.sum::<u64>() + judged(&|counts| counts.cuts);
    whole.crash_cases = cases.len() as u64;
    whole.crash_states_covered = cases
        .values()
        .fold(0, |sum, counts| counts.states.saturating_add(sum));
    whole.recoveries_run = judged(&|counts| counts.recoveries);
    whole.reached = BTreeMap::new();
    for (document, part) in &parts {
        for (name, count) in &document.reached {
            let in_recoveries = own(part, &|counts| counts.observations.count(name));
            *whole.reached.entry(name.clone()).or_default() += count.saturating_sub(in_recoveries);
        }
    }
    for (name, count) in cases.values().flat_map(|counts| counts.observations.iter()) {
        *whole.reached.entry(name.into()).or_default() += count;
    }
    whole.e2fsck = e2fsck(&parts, whole.recoveries_run);
    whole.part = None;
    let times = |of: &dyn Fn(&CheckJson) -> Option<f64>| -> Vec<f64> {
        parts
            .iter()
            .filter_map(|(document, _)| of(document))
            .collect()
    };
    whole.wall_s = times(&|part| part.wall_s).into_iter().reduce(f64::max);
    whole.cpu_s = times(&|part| part.cpu_s).into_iter().reduce(|a, b| a + b);
    let memory = parts
        .iter()
        .filter_map(|(document, _)| document.peak_rss_bytes);
    whole.peak_rss_bytes = memory.max();
    whole.bounds = first.bounds.clone();
    Ok(whole)
}

type Parts<'a> = Vec<(&'a CheckJson, &'a PartJson)>;

/// The documents in order of their parts.
fn in_order<'a>(documents: &[&'a CheckJson]) -> Result<Parts<'a>, String> {
    let mut parts: BTreeMap<Shard, (&CheckJson, &PartJson)> = BTreeMap::new();
    for document in documents.iter().copied() {
        let part = document.part.as_ref();
        let part = part.ok_or("it is the result of a whole search, not of a part")?;
        let shard: Shard = part
            .shard
            .parse()
            .map_err(|error| format!("part '{}' is {error}", part.shard))?;
        if parts.insert(shard, (document, part)).is_some() {
            return Err(format!("part {shard} is there twice"));
        }
    }
    let parts: Vec<(Shard, (&CheckJson, &PartJson))> = parts.into_iter().collect();
    let Some((shard, (first, part))) = parts.first() else {
        return Err("there are no parts".into());
    };
    let is_violated = |(_, (document, _)): &(_, (&CheckJson, _))| document.verdict == "Violated";
    for (other_shard, (other, other_part)) in &parts {
        // A search that found something does not say how it was split.
        let is_split_alike = other_part.split == part.split || parts.iter().any(is_violated);
        if other_shard.of() != shard.of()
            || request(other) != request(first)
            || other.bounds != first.bounds
            || !is_split_alike
        {
            return Err(format!(
                "parts {shard} and {other_shard} are of different searches, or of different code"
            ));
        }
    }
    let numbers: BTreeSet<u32> = parts.iter().map(|(shard, _)| shard.index()).collect();
    if let Some(missing) = (1..=shard.of()).find(|index| !numbers.contains(index)) {
        return Err(format!("part {missing}/{} is missing", shard.of()));
    }
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

fn request(document: &CheckJson) -> (&str, Option<&str>, &str, &str, &str) {
    (
        &document.scenario,
        document.variant.as_deref(),
        &document.engine,
        &document.design,
        &document.schema,
    )
}

/// The first part's document, with the verdict of the whole.
fn verdict(parts: &Parts<'_>) -> CheckJson {
    for worst in ["HarnessBroken", "Violated", "NotMeasured"] {
        let found = parts.iter().find(|(document, _)| document.verdict == worst);
        if let Some((document, _)) = found {
            return (*document).clone();
        }
    }
    let mut whole = parts[0].0.clone();
    if let Some((document, _)) = parts.iter().find(|(_, part)| !part.is_complete) {
        whole.why = document.why.clone();
        whole.unfinished = true;
        return whole;
    }
    let mut locks = LockGraph::new();
    for (_, part) in parts {
        locks.absorb(part.locks.clone());
    }
    if let Some(cycle) = locks.cycles().first() {
        whole.verdict = "Violated".into();
        whole.invariant = Some(LOCK_ORDER.into());
        whole.expected = Some("the order of locks and waits has no cycle".into());
        whole.observed = Some(format!("over all parts: {cycle}"));
        whole.why = None;
        return whole;
    }
    let bounds: BTreeSet<&str> = parts.iter().map(|(_, part)| part.bounds.as_str()).collect();
    let bounds: Vec<&str> = bounds.into_iter().filter(|text| !text.is_empty()).collect();
    whole.why = (!bounds.is_empty()).then(|| bounds.join("; "));
    whole.verdict = match whole.why {
        None => "Exhausted".into(),
        Some(_) => "WithinBounds".into(),
    };
    whole
}

/// The crash cases judged in any part.
fn cases<'a>(parts: &Parts<'a>) -> BTreeMap<u128, &'a CaseCounts> {
    let cases = parts.iter().flat_map(|(_, part)| &part.cases.0);
    cases.map(|(case, counts)| (*case, counts)).collect()
}

/// What a single judge would have seen of so many recoveries.
fn e2fsck(parts: &Parts<'_>, recoveries: u64) -> E2fsckJson {
    let not_measured = parts
        .iter()
        .map(|(document, _)| document.e2fsck.not_measured);
    let not_measured = recoveries.min(not_measured.sum());
    let images = parts.iter().flat_map(|(_, part)| &part.images.0);
    let judged = images.collect::<BTreeSet<_>>().len() as u64;
    let judged = judged.min(recoveries - not_measured);
    E2fsckJson {
        judged,
        cached: recoveries - not_measured - judged,
        not_measured,
        why_not: parts
            .iter()
            .find_map(|(document, _)| document.e2fsck.why_not.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::check_json_of_tests;

    fn part(shard: &str) -> CheckJson {
        CheckJson {
            why: Some(format!("part {shard} of the search")),
            part: Some(PartJson {
                shard: shard.into(),
                split: "0123456789abcdef".into(),
                is_complete: true,
                bounds: String::new(),
                cases: Default::default(),
                images: Default::default(),
                locks: Default::default(),
            }),
            ..check_json_of_tests("WithinBounds", None)
        }
    }

    fn error(documents: &[&CheckJson]) -> String {
        union(documents).unwrap_err()
    }

    #[test]
    fn all_parts_are_the_whole() {
        let parts = [part("1/2"), part("2/2")];
        let whole = union(&[&parts[1], &parts[0]]).unwrap();
        assert_eq!(whole.verdict, "Exhausted");
        assert_eq!((whole.executions, whole.why), (20, None));
        assert_eq!(whole.part, None);
    }

    #[test]
    fn a_part_that_is_missing_or_doubled_or_foreign_is_refused() {
        let (one, two) = (part("1/2"), part("2/2"));
        assert!(error(&[&one]).contains("part 2/2 is missing"));
        assert!(error(&[&two]).contains("part 1/2 is missing"));
        assert!(error(&[&one, &two, &one]).contains("part 1/2 is there twice"));
        assert!(error(&[&one, &part("2/3")]).contains("different searches"));
        let mut other = two.clone();
        other.scenario = "another".into();
        assert!(error(&[&one, &other]).contains("different searches"));
        let mut other = two.clone();
        other.part.as_mut().unwrap().split = "0".into();
        assert!(error(&[&one, &other]).contains("different code"));
        let mut other = two;
        other.part = None;
        assert!(error(&[&one, &other]).contains("whole search"));
        assert!(error(&[]).contains("no parts"));
    }

    #[test]
    fn the_worst_verdict_is_that_of_the_whole() {
        let one = part("1/2");
        let mut two = part("2/2");
        two.verdict = "Violated".into();
        two.invariant = Some("I3".into());
        let whole = union(&[&one, &two]).unwrap();
        assert_eq!(whole.invariant.as_deref(), Some("I3"));
        let mut two = part("2/2");
        two.why = Some("100 executions; part 2/2 of the search".into());
        two.part.as_mut().unwrap().is_complete = false;
        let whole = union(&[&one, &two]).unwrap();
        assert!(whole.unfinished && whole.verdict == "WithinBounds");
        assert_eq!(whole.why, two.why);
    }
}
