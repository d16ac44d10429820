//! The page that maps remarks on the kernel lists to variants agrees with the manifest.

use cutpoint_suite::catalogue::Catalogue;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The cells of the page's table rows that have as many cells as asked for, without heads.
fn rows(cells: usize) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("CATALOGUE.md");
    let text = fs::read_to_string(page).unwrap();
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
    for row in rows(4) {
        let name = row[1].trim_matches('`');
        let variant = &catalogue.variants[name];
        assert_eq!(row[2], format!("`{}`", variant.scenario), "{name}");
        assert_eq!(row[3], variant.invariant, "{name}");
        assert!(named.insert(name.to_string()), "{name} has two rows");
    }
    assert!(named.iter().eq(catalogue.variants.keys()));
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
