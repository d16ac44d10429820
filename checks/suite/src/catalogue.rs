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
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    design: String,
    /// The other designs that it can be run in, without variants.
    #[serde(default)]
    also: Vec<String>,
    /// What happens in it.
    pub about: String,
    /// Named states that the correct protocol must reach.
    pub reaches: Vec<String>,
}

/// A seeded variant, with what must be found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The scenario that finds it.
    pub scenario: String,
    /// The invariant that it violates with the fewest preemptions.
    pub invariant: String,
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
    /// The design that it is written for, and that its variants and what it reaches are of.
    pub fn design(&self) -> Design {
        self.design.parse().expect("the manifest is tested")
    }

    /// Whether it can be run in a design.
    pub fn runs_in(&self, design: Design) -> bool {
        let mut also = self.also.iter();
        design == self.design() || also.any(|name| name == design.name())
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

    /// A variant of a scenario by name.
    ///
    /// # Errors
    /// [`RequestError::UnknownVariant`], which lists those there are.
    pub fn variant(&self, scenario: &str, name: &str) -> Result<&Variant, RequestError> {
        let of_scenario = |variant: &&Variant| variant.scenario == scenario;
        self.variants
            .get(name)
            .filter(of_scenario)
            .ok_or_else(|| RequestError::UnknownVariant {
                scenario: scenario.into(),
                name: name.into(),
                known: self.variants_of(scenario).collect::<Vec<_>>().join(", "),
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
    fn every_row_names_what_exists() {
        let catalogue = Catalogue::get();
        for scenario in catalogue.scenarios.values() {
            let mut designs = scenario.also.iter().chain([&scenario.design]);
            assert!(designs.all(|name| name.parse::<Design>().is_ok()));
            assert!(
                !scenario.reaches.is_empty(),
                "a scenario must show that it reaches something"
            );
        }
        for (name, variant) in &catalogue.variants {
            assert!(
                catalogue.scenarios.contains_key(&variant.scenario),
                "{name}"
            );
        }
    }
}
