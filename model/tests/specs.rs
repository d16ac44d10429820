//! The models by name.

use cutpoint_model::rule::Rule;
use cutpoint_model::specs::{Request, SPECS};
use cutpoint_model::step::Step;
use std::collections::BTreeSet;

#[test]
fn names_are_unique_and_rules_are_listed_once() {
    let names: BTreeSet<_> = SPECS.iter().map(|spec| spec.name).collect();
    assert_eq!(names.len(), SPECS.len());
    for spec in SPECS {
        let rules: BTreeSet<_> = spec.rules.iter().collect();
        assert_eq!(rules.len(), spec.rules.len(), "{}", spec.name);
    }
}

#[test]
fn every_model_holds_and_breaks_without_a_rule() {
    for spec in SPECS {
        let mut last = None;
        let all = spec.check(&Request::default(), &mut |progress| last = Some(progress));
        assert_eq!(
            (all.violated, all.unreached),
            (None, vec![]),
            "{}",
            spec.name
        );
        assert_eq!(last, Some(all.explored));
        let rule: Rule = spec.rules[0];
        let request = Request {
            without: vec![rule],
            ..Request::default()
        };
        let report = spec.check(&request, &mut |_| {});
        let found = report.violated.expect("a rule is switched off");
        let names = |shown: &[(&'static str, String)]| -> Vec<_> {
            shown.iter().map(|(name, _)| *name).collect()
        };
        let first = names(&found.before.variables);
        assert!(!found.steps.is_empty() && !first.is_empty());
        for step in &found.steps {
            assert_eq!(names(&step.after.variables), first, "{}", spec.name);
            assert!(
                step.text
                    .starts_with(&format!("{}: {}", step.actor, step.step))
            );
        }
    }
}

#[test]
fn steps_have_names_of_their_own() {
    let names: BTreeSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
    // Commit and recovery are one step where the journal is not the subject, and several where it
    // is: the code's step of that name is in both.
    assert_eq!(names.len(), Step::ALL.len() - 2);
    // What a step covers is never empty words.
    let covered = Step::ALL.iter().flat_map(|step| step.covers());
    assert!(covered.clone().count() > 20);
    assert!(covered.into_iter().all(|name| !name.is_empty()));
}
