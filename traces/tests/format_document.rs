//! FORMAT.md speaks of the format as it is: it carries the hash of the file that defines it.

use cutpoint_traces::format::VERSION;

/// FNV-1a, 64 bits: enough to notice a change, and no dependency.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.replace('\r', "")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn the_hash_function_is_the_published_one() {
    assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn the_document_was_reviewed_with_the_last_change_of_the_format() {
    let document = include_str!("../FORMAT.md");
    let hash = format!("{:016x}", hash(include_str!("../src/format.rs")));
    assert!(
        document.contains(&format!("`src/format.rs` has FNV-1a hash `{hash}`")),
        "src/format.rs changed: see whether FORMAT.md and VERSION must change too, then put the \
         hash {hash} into FORMAT.md"
    );
    assert!(document.contains(&format!("Version {VERSION}")));
}

/// Every field name that the document's grammar gives is one that a trace can have, and back.
#[test]
fn the_grammar_names_the_fields_that_the_source_has() {
    let document = include_str!("../FORMAT.md");
    let grammar = document.split("```").nth(1).expect("a grammar");
    let is_field = |line: &&str| line.trim_start().starts_with("pub ") && line.ends_with(',');
    for line in include_str!("../src/format.rs").lines().filter(is_field) {
        let name = line
            .trim_start()
            .trim_start_matches("pub ")
            .split(':')
            .next()
            .unwrap();
        let name = if name == "data" { "base64" } else { name };
        assert!(
            grammar.contains(&format!("\"{name}\"")),
            "{name} is not in the grammar"
        );
    }
}
