//! The manifest: which scenarios and variants there are, and what is expected of them.

use crate::request::{Design, RequestError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The manifest's text.
const EXPECTED: &str = include_str!("../expected.toml");

/// Everything that can be checked, by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The scenarios.
    #[serde(rename = "scenario")]
    pub scenarios: BTreeMap<String, Scenario>,
    /// The seeded variants.
    #[serde(rename = "variant")]
    pub variants: BTreeMap<String, Variant>,
    /// The invariants that no variant violates.
    pub uncovered: BTreeMap<String, Uncovered>,
}

/// The invariants of the file system are I1 to this one.
const INVARIANTS: u32 = 38;

/// An invariant that no variant violates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uncovered {
    /// Why not.
    pub why: String,
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens in it.
    pub about: String,
    /// What is expected of it in the IM design, if it can be run in that.
    im: Option<InDesign>,
    /// What is expected of it in the BH design, if it can be run in that.
    bh: Option<InDesign>,
}

/// What is expected of the correct protocol in a scenario and a design.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InDesign {
    /// Its Mazurkiewicz traces. A change of the protocol, of a lock's place in it, or of what
    /// commutes changes the number, and is to be reviewed.
    pub traces: u64,
    /// Named states that it must reach.
    pub reaches: Vec<String>,
    /// Preemptions that the quick gate is bound to, where exhausting it takes minutes. The full
    /// gate exhausts it.
    pub quick_preemptions: Option<u32>,
}

/// A seeded variant, with what must be found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The scenario that finds it.
    pub scenario: String,
    /// The design in which it does, if that is not the scenario's first.
    design: Option<String>,
    /// The invariant that it violates with the fewest preemptions.
    pub invariant: String,
    /// Further invariants that the wrong step breaks, and that show through that one.
    #[serde(default)]
    pub breaks: Vec<String>,
    /// Whether it takes a power cut to show, with the fewest preemptions.
    pub needs_crash: bool,
    /// The fewest preemptions that it takes to show.
    pub preemptions: u32,
    /// Its entry in the catalogue of known bugs.
    pub catalogue: String,
    /// The wrong step.
    pub about: String,
}

impl Scenario {
    /// The designs that it can be run in, with what is expected there.
    pub fn designs(&self) -> impl Iterator<Item = (Design, &InDesign)> {
        let all = [(Design::Im, &self.im), (Design::Bh, &self.bh)].into_iter();
        all.filter_map(|(design, expected)| expected.as_ref().map(|expected| (design, expected)))
    }

    /// The design that it is run in where nothing else is said: the first.
    pub fn design(&self) -> Design {
        let first = self.designs().next();
        first.map_or(Design::Im, |(design, _)| design)
    }

    /// What is expected of it in a design, if it can be run in that.
    pub fn in_design(&self, design: Design) -> Option<&InDesign> {
        match design {
            Design::Im => self.im.as_ref(),
            Design::Bh => self.bh.as_ref(),
        }
    }
}

impl Catalogue {
    /// The catalogue.
    pub fn get() -> &'static Catalogue {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE.get_or_init(|| toml::from_str(EXPECTED).expect("the manifest is tested"))
    }

    /// A scenario by name.
    ///
    /// # Errors
    /// [`RequestError::UnknownScenario`].
    pub fn scenario(&self, name: &str) -> Result<&Scenario, RequestError> {
        let unknown = || RequestError::UnknownScenario { name: name.into() };
        self.scenarios.get(name).ok_or_else(unknown)
    }

    /// A variant by name. It need not be the scenario's: any can be tried in any scenario.
    ///
    /// # Errors
    /// [`RequestError::UnknownVariant`], which lists those that the scenario finds.
    pub fn variant(&self, scenario: &str, name: &str) -> Result<&Variant, RequestError> {
        self.variants
            .get(name)
            .ok_or_else(|| RequestError::UnknownVariant {
                scenario: scenario.into(),
                name: name.into(),
                known: self.variants_of(scenario).collect::<Vec<_>>().join(", "),
            })
    }

    /// The design in which a scenario is run where nothing is said: that in which it finds the
    /// variant, or its first.
    ///
    /// # Errors
    /// [`RequestError::UnknownScenario`].
    pub fn design(&self, scenario: &str, variant: Option<&str>) -> Result<Design, RequestError> {
        let of_scenario = |variant: &&Variant| variant.scenario == scenario;
        let row = variant.and_then(|name| self.variants.get(name).filter(of_scenario));
        let design = row.and_then(|row| row.design.as_ref());
        match design {
            Some(name) => Ok(name.parse().expect("the manifest is tested")),
            None => Ok(self.scenario(scenario)?.design()),
        }
    }

    /// Every invariant of the file system, with the names of the variants that violate it.
    pub fn invariants(&self) -> impl Iterator<Item = (String, Vec<&str>)> {
        (1..=INVARIANTS).map(|number| {
            let name = format!("I{number}");
            let violates =
                |variant: &Variant| variant.invariant == name || variant.breaks.contains(&name);
            let by = self
                .variants
                .iter()
                .filter(|(_, variant)| violates(variant));
            let by = by.map(|(name, _)| name.as_str()).collect();
            (name, by)
        })
    }

    /// The names of a scenario's variants, in order.
    pub fn variants_of(&self, scenario: &str) -> impl Iterator<Item = &str> {
        let of_scenario = move |(_, variant): &(&String, &Variant)| variant.scenario == scenario;
        self.variants
            .iter()
            .filter(of_scenario)
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_is_violated_by_a_variant_or_a_reason_says_why_not() {
        let catalogue = Catalogue::get();
        for (name, by) in catalogue.invariants() {
            let is_excused = catalogue.uncovered.contains_key(&name);
            assert_eq!(by.is_empty(), is_excused, "{name}: {by:?}");
        }
    }

    #[test]
    fn every_row_names_what_exists() {
        let catalogue = Catalogue::get();
        for (name, scenario) in &catalogue.scenarios {
            assert!(scenario.designs().next().is_some(), "{name} has no design");
            assert!(
                scenario.designs().all(|(_, of)| !of.reaches.is_empty()),
                "{name} must show that it reaches something"
            );
        }
        for (name, variant) in &catalogue.variants {
            let scenario = &catalogue.scenarios[&variant.scenario];
            let design = catalogue.design(&variant.scenario, Some(name)).unwrap();
            assert!(scenario.in_design(design).is_some(), "{name}");
        }
    }
}
