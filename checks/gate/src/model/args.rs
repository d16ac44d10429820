//! The arguments of `cutpoint model`.

use clap::{Args, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The commands of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Search every state of a model, or of each model.
    Check(ModelArgs),
    /// Look at a model in a browser, state by state.
    Explore(ExploreArgs),
    /// Drive the code over the edges of a model, and list those that it does not take.
    Cover(CoverArgs),
}

/// The arguments of `model check`.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// The model; `cutpoint list` lists them. Without one, every model is checked.
    #[arg(value_name = "SPEC")]
    pub spec: Option<String>,
    /// Switch a rule of the protocol off; may be given again.
    #[arg(long, value_name = "RULE")]
    pub without: Vec<String>,
    /// The configuration: seconds, or more than a million states.
    #[arg(long, value_enum, default_value_t)]
    pub size: SpecSize,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the counterexample as a trace, for `cutpoint show`.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write the counterexample with its states in the Informal Trace Format.
    #[arg(long, value_name = "FILE")]
    pub itf: Option<PathBuf>,
}

/// The arguments of `model explore`.
#[derive(Args, Debug)]
pub struct ExploreArgs {
    /// The model; `cutpoint list` lists them.
    #[arg(value_name = "SPEC")]
    pub spec: String,
    /// Switch a rule of the protocol off; may be given again.
    #[arg(long, value_name = "RULE")]
    pub without: Vec<String>,
    /// The configuration: seconds, or more than a million states.
    #[arg(long, value_enum, default_value_t)]
    pub size: SpecSize,
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub address: SocketAddr,
}

/// The arguments of `model cover`.
#[derive(Args, Debug)]
pub struct CoverArgs {
    /// The model: writeback_truncate, dio_extension or short_write_punch.
    #[arg(value_name = "SPEC")]
    pub spec: String,
    /// Explore so many executions at most; then there is no verdict.
    #[arg(long, value_name = "N")]
    pub executions: Option<u64>,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How large a model's configuration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpecSize {
    /// Seconds.
    #[default]
    Default,
    /// More than a million states.
    Wide,
}
