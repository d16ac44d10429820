//! What the explorers run: a scenario's body under a variant's protocol. Compiled once for each
//! controlled runtime.

use super::extfs::delalloc::Delalloc;
use super::extfs::design::Design;
use super::extfs::fs::DataError;
use super::extfs::units::BLOCK_SIZE;
use super::scenarios;
use super::scenarios::setting::Mounting;
use super::variants;
use crate::contract::Contract;
use crate::names::with_names;
use crate::record::BaseImage;
use crate::request;
use std::sync::Arc;

/// One execution of a scenario.
pub type Body = Box<dyn Fn() + Send + Sync>;

/// Evaluates `$call` with `$module` standing for the scenario of that name. The value is an
/// `Option`: `None` if there is no such scenario.
macro_rules! with_scenario {
    ($name:expr, $module:ident => $call:expr; $($scenario:ident,)*) => {
        match $name {
            $(stringify!($scenario) => {
                use scenarios::$scenario as $module;
                Some($call)
            })*
            _ => None,
        }
    };
}

/// The body of a scenario under a variant, or under the correct protocol, in a design. `None` if
/// there is no such scenario or variant.
pub fn body(scenario: &str, variant: Option<&str>, design: request::Design) -> Option<Body> {
    let mounting = Mounting {
        design: match design {
            request::Design::Im => Design::Im,
            request::Design::Bh => Design::Bh,
        },
        delalloc: Delalloc::Always,
        data_error: DataError::Report,
        protocol: variants::protocol(variant)?,
    };
    with_names!(with_scenario!(scenario, module => {
        let base = module::base();
        Box::new(move || module::run(&base, &mounting)) as Body
    }))
}

/// The image that a scenario's executions start from.
pub fn base(scenario: &str) -> Option<BaseImage> {
    let image = with_names!(with_scenario!(scenario, module => module::base()))?;
    let blocks = image.blocks();
    Some(BaseImage {
        content: blocks
            .map(|(at, block)| (at.0, Arc::from(&block[..])))
            .collect(),
        blocks: image.size(),
        block_size: BLOCK_SIZE,
    })
}

/// What a scenario says of its file.
pub fn contract(scenario: &str) -> Option<&'static Contract> {
    with_names!(with_scenario!(scenario, module => &module::CONTRACT))
}
