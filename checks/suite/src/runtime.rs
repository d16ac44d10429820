//! What the explorers run: a scenario's body under a variant's protocol. Compiled once for each
//! controlled runtime.

use super::extfs::design::Design;
use super::extfs::units::BLOCK_SIZE;
use super::scenarios::writeback_vs_truncate;
use super::variants::with_protocol;
use crate::record::BaseImage;
use crate::request;
use std::sync::Arc;

/// One execution of a scenario.
pub type Body = Box<dyn Fn() + Send + Sync>;

/// The body of a scenario under a variant, or under the correct protocol, in a design. `None` if
/// there is no such scenario or variant.
pub fn body(scenario: &str, variant: Option<&str>, design: request::Design) -> Option<Body> {
    let design = match design {
        request::Design::Im => Design::Im,
        request::Design::Bh => Design::Bh,
    };
    match scenario {
        "writeback_vs_truncate" => {
            let base = writeback_vs_truncate::base();
            let run = with_protocol!(variant, super::variants, P => {
                writeback_vs_truncate::run::<P> as fn(&Arc<_>, Design)
            })?;
            Some(Box::new(move || run(&base, design)))
        }
        _ => None,
    }
}

/// The image that a scenario's executions start from.
pub fn base(scenario: &str) -> Option<BaseImage> {
    let image = match scenario {
        "writeback_vs_truncate" => writeback_vs_truncate::base(),
        _ => return None,
    };
    let blocks = image.blocks();
    Some(BaseImage {
        content: blocks
            .map(|(at, block)| (at.0, Arc::from(&block[..])))
            .collect(),
        blocks: image.size(),
        block_size: BLOCK_SIZE,
    })
}
