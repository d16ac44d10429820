//! `cutpoint model explore`: stateright's explorer of a model, for a browser.
//!
//! The pages are part of the program, so it works without a network. It listens on this machine
//! only, unless another address is asked for, and runs until it is stopped.

use super::args::ExploreArgs;
use super::{find, rules};
use crate::exit::{Exit, Failure};
use crate::output::{self, COMMAND, styled};
use cutpoint_model::specs::Request;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// Runs the command.
///
/// # Errors
/// If there is no such model or rule, if the address is not to be had, or if the current directory
/// would take the place of the explorer's pages.
pub fn run(args: &ExploreArgs) -> Result<Exit, Failure> {
    let spec = find(&args.spec)?;
    let request = Request {
        without: rules(spec, &args.without)?,
        size: args.size.into(),
    };
    // stateright prefers pages that it finds in a folder of this name.
    if Path::new("ui").exists() {
        let message = "the explorer would take its pages from the folder 'ui' here; \
                       run it in another directory";
        return Err(Failure::Other(message.into()));
    }
    let address = free(args.address)?;
    let url = format!("http://{address}");
    output::print(&format!(
        "{} at {} until you press Ctrl-C\n",
        spec.name,
        styled(COMMAND, url)
    ))?;
    spec.explore(&request, address);
    Ok(Exit::Holds)
}

/// The address, with a port that is free if any will do. stateright would panic where it is not to
/// be had, and does not say which port it got.
fn free(address: SocketAddr) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(address);
    let found = listener.and_then(|listener| listener.local_addr());
    found.map_err(|error| {
        Failure::Other(format!(
            "can not listen on {address}: {error}; choose another address with --address"
        ))
    })
}
