//! The page that maps remarks on the kernel lists to variants agrees with the manifest.

use cutpoint_suite::catalogue::Catalogue;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The cells of the page's table rows that have as many cells as asked for, without heads.
fn rows(cells: usize) -> Vec<Vec<String>> {
    let text = page("CATALOGUE.md");
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let rows = lines.map(|line| {
        let line = line.trim_matches(['|', ' ']);
        line.split(" | ").map(str::to_string).collect::<Vec<_>>()
    });
    let heads = ["remark", "entry", "---"];
    rows.filter(|row| row.len() == cells && !heads.contains(&row[0].as_str()))
        .collect()
}

#[test]
fn every_row_is_a_variant_and_every_variant_has_a_row() {
    let catalogue = Catalogue::get();
    let mut named = BTreeSet::new();
    for row in rows(5) {
        let name = row[1].trim_matches('`');
        let variant = &catalogue.variants[name];
        assert_eq!(row[2], format!("`{}`", variant.scenario), "{name}");
        assert_eq!(row[3], variant.invariant, "{name}");
        assert!(named.insert(name.to_string()), "{name} has two rows");
    }
    assert!(named.iter().eq(catalogue.variants.keys()));
}

/// The step that a variant replaces is a function where the page says it is.
#[test]
fn the_step_of_every_row_is_a_function_of_the_core() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let core = sources.join("../../impl/src");
    let tables = ["protocol.rs", "journal/steps.rs"];
    let tables = tables.map(|table| fs::read_to_string(core.join(table)).unwrap());
    for row in rows(5) {
        let (variant, step) = (row[1].trim_matches('`'), row[4].trim_matches('`'));
        let (module, function) = step.rsplit_once("::").unwrap();
        let file = module.replace("::", "/");
        let places = [format!("{file}.rs"), format!("{file}/mod.rs")];
        let texts = places.map(|place| fs::read_to_string(core.join(place)));
        let declared = format!("fn {function}");
        let mut texts = texts.into_iter().flatten();
        assert!(
            texts.any(|text| text.contains(&declared)),
            "{variant}: there is no {step}"
        );
        // And it is the one that the variant replaces: the entry that the variant sets is this
        // function on the correct protocol.
        let seed = sources.join(format!("src/variants/{variant}.rs"));
        let seed = fs::read_to_string(seed).unwrap();
        let mut entries = tables.iter().flat_map(|table| table.lines());
        let is_it = entries.any(|line| match line.trim().split_once(": ") {
            Some((entry, correct)) => {
                let correct = correct.trim_end_matches(',').trim_end_matches("()");
                let sets = [format!("protocol.{entry} ="), format!("journal.{entry} =")];
                correct.ends_with(function) && sets.iter().any(|set| seed.contains(set))
            }
            None => false,
        });
        assert!(is_it, "{variant} does not replace {step}");
    }
}

#[test]
fn what_is_not_expressed_has_no_variant_and_a_reason() {
    let entries: BTreeSet<&str> = Catalogue::get()
        .variants
        .values()
        .map(|variant| variant.catalogue.as_str())
        .collect();
    let missing = rows(3);
    assert!(!missing.is_empty());
    for row in missing {
        assert!(
            !entries.contains(row[0].as_str()),
            "{} is expressed",
            row[0]
        );
        assert!(row[2].len() > 10, "{} has no reason", row[0]);
    }
}

/// The measured table is of the variants that there are, and its sums are those of its rows.
#[test]
fn the_matrix_has_a_row_for_every_variant() {
    let text = page("MATRIX.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect())
        .collect();
    let [head, _, rows @ ..] = &rows[..] else {
        panic!("MATRIX.md has no table");
    };
    let variants = &Catalogue::get().variants;
    let named = rows.iter().map(|row| (row[0], row[1]));
    let known = variants.iter();
    assert!(named.eq(known.map(|(name, variant)| (name.as_str(), variant.invariant.as_str()))));
    for (column, way) in head.iter().enumerate().skip(3) {
        let is_found = |row: &&Vec<&str>| match row[column].split_once('(') {
            Some((_, seeds)) => !seeds.starts_with('0'),
            None => !row[column].starts_with(['>', '-']),
        };
        let found = rows.iter().filter(is_found).count();
        let sum = format!("- {way}: {found} of {} variants", rows.len());
        assert!(text.contains(&sum), "{sum}");
    }
}
