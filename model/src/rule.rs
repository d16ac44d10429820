//! The rules of the protocols: every guard and every order that a protocol needs, by name.
//!
//! A rule that is switched off is replaced by what a careless implementation would do. Each model
//! declares the rules that it needs first, in its own `rules` module, and lists all that it has
//! (for example [`crate::writeback_truncate::RULES`]). Its tests show for each of them the
//! invariant that breaks without it: no rule is decoration.

use std::collections::BTreeSet;
use std::fmt;

/// One rule of a protocol.
///
/// The rules are associated constants of this type, declared beside the model that needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    name: &'static str,
}

impl Rule {
    /// A rule of this name; models declare theirs with the macro `rules`.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self { name }
    }

    /// The rule's name, as on the command line.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// Declares rules as associated constants of [`Rule`].
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        // A rule is named like the variant of an enum, which it would be if one file could hold
        // the rules of all models.
        #[allow(non_upper_case_globals)]
        impl $crate::rule::Rule {
            $($(#[$doc])* pub const $name: Self = Self::named(stringify!($name));)*
        }
    };
}
pub(crate) use rules;

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The rules that are in force: all but those switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    without: BTreeSet<Rule>,
}

impl Rules {
    /// Every rule.
    pub fn all() -> Self {
        Self::default()
    }

    /// Every rule but these.
    pub fn without(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self {
            without: rules.into_iter().collect(),
        }
    }

    /// Whether the rule is in force.
    pub fn hold(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// The rules that are switched off, in the order of their names.
    pub fn switched_off(&self) -> impl Iterator<Item = Rule> + '_ {
        self.without.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switching_a_rule_off_leaves_the_others_in_force() {
        let rules = Rules::without([Rule::AllocateUnwritten]);
        assert!(rules.hold(Rule::RaiseDisksizeAfterIo));
        assert!(!rules.hold(Rule::AllocateUnwritten));
        let off: Vec<_> = rules.switched_off().map(Rule::name).collect();
        assert_eq!(off, ["AllocateUnwritten"]);
    }
}
