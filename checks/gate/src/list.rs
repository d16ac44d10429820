//! `cutpoint list`: what can be checked.

use crate::args::ListArgs;
use crate::exit::{Exit, Failure};
use crate::model::SPECS;
use crate::numbers;
use crate::output::{self, BOLD, FAINT, styled};
use crate::suite::{Catalogue, Design, InDesign, Request};
use serde::Serialize;
use std::fmt::Write;

/// The schema of [`ListJson`].
const SCHEMA: &str = "cutpoint-list/2";

/// Everything that can be checked.
#[derive(Serialize)]
struct ListJson<'a> {
    schema: &'static str,
    scenarios: Vec<ScenarioJson<'a>>,
    variants: Vec<VariantJson<'a>>,
    models: Vec<SpecJson>,
    invariants: Vec<InvariantJson<'a>>,
}

/// An invariant of the file system.
#[derive(Serialize)]
struct InvariantJson<'a> {
    name: String,
    variants: Vec<&'a str>,
    why_not: Option<&'a str>,
}

/// A scenario.
#[derive(Serialize)]
struct ScenarioJson<'a> {
    name: &'a str,
    about: &'a str,
    designs: Vec<DesignJson<'a>>,
    variants: Vec<&'a str>,
}

/// What the correct protocol does in a scenario and a design.
#[derive(Serialize)]
struct DesignJson<'a> {
    design: String,
    traces: u64,
    reaches: &'a [String],
}

/// A seeded variant.
#[derive(Serialize)]
struct VariantJson<'a> {
    name: &'a str,
    scenario: &'a str,
    design: String,
    invariant: &'a str,
    needs_crash: bool,
    preemptions: u32,
    catalogue: &'a str,
    about: &'a str,
}

/// A model.
#[derive(Serialize)]
struct SpecJson {
    name: &'static str,
    about: &'static str,
    rules: Vec<&'static str>,
}

/// Runs the command.
///
/// # Errors
/// If the list can not be printed.
pub fn run(args: &ListArgs) -> Result<Exit, Failure> {
    let list = list(Catalogue::get());
    let text = match (args.json, args.markdown) {
        (true, _) => output::to_json(&list),
        (false, true) => markdown(&list),
        (false, false) => text(&list),
    };
    output::print(&text)?;
    Ok(Exit::Holds)
}

fn list(catalogue: &Catalogue) -> ListJson<'_> {
    let scenarios = catalogue
        .scenarios
        .iter()
        .map(|(name, scenario)| ScenarioJson {
            name,
            about: &scenario.about,
            designs: scenario.designs().map(design).collect(),
            variants: catalogue.variants_of(name).collect(),
        });
    let variants = catalogue
        .variants
        .iter()
        .map(|(name, variant)| VariantJson {
            name,
            scenario: &variant.scenario,
            design: Request::new(&variant.scenario, Some(name))
                .design
                .to_string(),
            invariant: &variant.invariant,
            needs_crash: variant.needs_crash,
            preemptions: variant.preemptions,
            catalogue: &variant.catalogue,
            about: &variant.about,
        });
    let models = SPECS.iter().map(|spec| SpecJson {
        name: spec.name,
        about: spec.about,
        rules: spec.rules.iter().map(|rule| rule.name()).collect(),
    });
    let invariants = catalogue.invariants().map(|(name, variants)| {
        let why_not = catalogue.uncovered.get(&name);
        InvariantJson {
            why_not: why_not.map(|uncovered| uncovered.why.as_str()),
            name,
            variants,
        }
    });
    ListJson {
        schema: SCHEMA,
        scenarios: scenarios.collect(),
        variants: variants.collect(),
        models: models.collect(),
        invariants: invariants.collect(),
    }
}

fn design((design, expected): (Design, &InDesign)) -> DesignJson<'_> {
    DesignJson {
        design: design.to_string(),
        traces: expected.traces,
        reaches: &expected.reaches,
    }
}

/// The README's table: scenarios with the traces of each design, and what each variant violates.
fn markdown(list: &ListJson<'_>) -> String {
    let mut text = String::from(
        "| scenario | Mazurkiewicz traces, correct | variants caught |\n|---|--:|---|\n",
    );
    for scenario in &list.scenarios {
        let traces = scenario.designs.iter().map(|of| match of.design.as_str() {
            "im" => numbers::count(of.traces),
            design => format!("{} ({design})", numbers::count(of.traces)),
        });
        let traces: Vec<String> = traces.collect();
        let found = list.variants.iter().filter(|v| v.scenario == scenario.name);
        let found = found.map(|variant| format!("`{}` ({})", variant.name, variant.invariant));
        let found: Vec<String> = found.collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            scenario.name,
            traces.join(", "),
            found.join(", ")
        );
    }
    let (variants, scenarios) = (list.variants.len(), list.scenarios.len());
    let _ = writeln!(text, "\n{variants} variants in {scenarios} scenarios.");
    text
}

fn text(list: &ListJson<'_>) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(styled(BOLD, "Scenarios"));
    for scenario in &list.scenarios {
        line(format!("  {}", styled(BOLD, scenario.name)));
        line(format!("    {}", scenario.about));
        for of in &scenario.designs {
            line(format!("    {} design, {} traces", of.design, of.traces));
            for state in of.reaches {
                line(format!("      {} {state}", styled(FAINT, "must reach:")));
            }
        }
    }
    line(format!("\n{}", styled(BOLD, "Seeded variants")));
    for variant in &list.variants {
        let crash = if variant.needs_crash {
            ", by a power cut"
        } else {
            ""
        };
        line(format!(
            "  {} breaks {}{crash} ({}, {}, {} design)",
            styled(BOLD, variant.name),
            variant.invariant,
            variant.catalogue,
            variant.scenario,
            variant.design
        ));
        line(format!("    {}", variant.about));
    }
    line(format!(
        "\n{}",
        styled(BOLD, "Invariants, and the variants that violate each")
    ));
    for invariant in &list.invariants {
        let name = styled(BOLD, &invariant.name);
        match invariant.why_not {
            Some(why) => line(format!("  {name} none: {why}")),
            None => line(format!("  {name} {}", invariant.variants.join(", "))),
        }
    }
    line(format!(
        "\n{}",
        styled(BOLD, "Models, and the rules that can be switched off")
    ));
    for spec in &list.models {
        line(format!("  {}", styled(BOLD, spec.name)));
        line(format!("    {}", spec.about));
        for rule in &spec.rules {
            line(format!("    --without {rule}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_everything() {
        let catalogue = Catalogue::get();
        let text = text(&list(catalogue));
        let names = catalogue.scenarios.keys().chain(catalogue.variants.keys());
        let rules = SPECS
            .iter()
            .flat_map(|spec| spec.rules)
            .map(|rule| rule.name());
        for name in names.map(String::as_str).chain(rules) {
            assert!(text.contains(name), "{name}");
        }
    }
}
