//! The arguments of every command.

use crate::differential::Judge;
use crate::exit::Failure;
use crate::gate::Profile;
use crate::model::args::ModelCommand;
use crate::suite::{self, Catalogue, Conformance, Design, Engine, Granularity, Request};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use cutpoint::crash::{CutMode, Tear};
use cutpoint::explore::Shard;
use cutpoint_traces::view::{Form, Options};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Checks file-system code under every interleaving and every power cut.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How often the state of a search is saved, in seconds.
const SAVE_EVERY_S: &str = "5";

/// The end of the help text.
const EXIT_CODES: &str = "\
Exit codes:
  0  holds (within the bound that was asked for), or a replayed counterexample is gone
  1  violated, a variant was missed, or a replayed counterexample reproduces or differs
  2  wrong usage or unreadable input
  3  not measured, a budget was spent before the bound, or a replayed trace no longer applies
  4  the harness is broken";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List scenarios, seeded variants and models.
    List(ListArgs),
    /// Check one scenario.
    Check(CheckArgs),
    /// Compare the explorer itself with others, on generated programs.
    Differential(DifferentialArgs),
    /// Check everything and compare with what is expected.
    Gate(GateArgs),
    /// Measure which way of exploring finds which seeded variant.
    Matrix(MatrixArgs),
    /// Put the certificates of all parts together, or the results of all parts of a check.
    Merge(MergeArgs),
    /// Run the schedule of a counterexample again.
    Replay(ReplayArgs),
    /// Show a counterexample.
    Show(ShowArgs),
    /// Make a counterexample smaller.
    #[command(alias = "minimize")]
    Minimise(MinimiseArgs),
    /// Work with the models of the protocols.
    #[command(subcommand)]
    Model(ModelCommand),
}

/// The arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the table of results as the README has it.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// The arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The scenario; `cutpoint list` lists them.
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// A seeded variant of the protocol instead of the correct one.
    #[arg(long, value_name = "V")]
    pub variant: Option<String>,
    /// The explorer.
    #[arg(long, value_name = "ENGINE", default_value = "dpor", value_parser = engines())]
    pub engine: Engine,
    /// The design of the file system [default: that of the variant, or the scenario's first].
    #[arg(long, value_name = "DESIGN", value_parser = designs())]
    pub design: Option<Design>,
    /// The most preemptions in an execution. With dpor, executions with few come first, and every
    /// execution within the bound is covered; with loom not every one is.
    #[arg(long, value_name = "N")]
    pub preemptions: Option<usize>,
    /// Stop after so many executions.
    #[arg(long, value_name = "N")]
    pub executions: Option<u64>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub time: Option<Duration>,
    /// Stop after so many seconds of processor time.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub cpu_time: Option<Duration>,
    /// The seed of the random engines.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// How finely operations are scheduled.
    #[arg(long, value_name = "WHAT", default_value = "lock", value_parser = granularities())]
    pub granularity: Granularity,
    /// Which power cuts to look at.
    #[arg(long, value_name = "WHICH", default_value = "frontier", value_parser = cut_modes())]
    pub crash: CutMode,
    /// How often recovery itself is cut off.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub recovery_crashes: u32,
    /// How a write that is not durable may tear.
    #[arg(long, value_name = "WHERE", default_value = "block", value_parser = tears())]
    pub tear: Tear,
    /// Whether executions are followed in the model, where the scenario has one: those of the
    /// correct protocol, none, or all and nothing else is judged.
    #[arg(long, value_name = "WHICH", default_value = "on", value_parser = conformances())]
    pub conformance: Conformance,
    /// Make part I of N of the search; `cutpoint merge` puts the results together.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true)]
    pub shard: Shard,
    /// Keep the state of the search in this directory, and go on from the state that is there.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// The least number of seconds from one saving of the state to the next.
    #[arg(long, value_name = "S", default_value = SAVE_EVERY_S,
        value_parser = seconds)]
    pub save_every: Duration,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where to write the counterexample if there is one.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Where to write the order of locks, as a graph for Graphviz with a witness for every edge.
    #[arg(long, value_name = "FILE.dot")]
    pub lock_graph: Option<PathBuf>,
}

/// The arguments of `differential`.
#[derive(Args, Debug)]
pub struct DifferentialArgs {
    /// With whom to compare.
    #[arg(long, value_name = "JUDGE", default_value = "enumeration", value_parser = judges())]
    pub judge: Judge,
    /// How many programs to generate.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub programs: u64,
    /// Where the generator starts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The arguments of `gate`.
#[derive(Args, Debug)]
pub struct GateArgs {
    /// How much to check.
    #[arg(long, value_name = "PROFILE", default_value = "quick", value_parser = profiles())]
    pub profile: Profile,
    /// Run only the jobs whose names begin so, for instance those of one scenario; may be given
    /// several times. The certificate says that the others are left out.
    #[arg(long, value_name = "PREFIX")]
    pub only: Vec<String>,
    /// Run part I of N: the searches that visit everything are split, and the other jobs are dealt
    /// out one by one. `cutpoint merge` puts the certificates together.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Keep the results of finished jobs and the state of unfinished ones in this directory, and
    /// go on from what is there.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Where to write the certificate [default: target/cutpoint/certificate.json].
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Write the results as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// The arguments of `matrix`.
#[derive(Args, Debug)]
pub struct MatrixArgs {
    /// The variants [default: all].
    #[arg(value_name = "VARIANT")]
    pub variants: Vec<String>,
    /// Seconds of processor time that each run has.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub time: Duration,
    /// Runs of the engines that draw lots, each with a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=99))]
    pub seeds: u64,
    /// Keep the results of finished runs in this directory, and go on from what is there.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the table as Markdown.
    #[arg(long, value_name = "FILE.md")]
    pub markdown: Option<PathBuf>,
}

/// The arguments of `merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// The certificates that `gate --shard` wrote, or the documents of `check --shard --json`.
    #[arg(value_name = "CERTIFICATE", required = true)]
    pub certificates: Vec<PathBuf>,
    /// Where to write the whole; `-` prints it instead of the text.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the results of a gate as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// The arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The trace file.
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,
    /// Replay on this variant, or on the `correct` protocol [default: as recorded].
    #[arg(long, value_name = "V|correct")]
    pub variant: Option<String>,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The arguments of `minimise`.
#[derive(Args, Debug)]
pub struct MinimiseArgs {
    /// The trace file.
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,
    /// Where to write the smaller trace [default: next to the other, with the ending .min.json].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Try at most so many schedules.
    #[arg(long, value_name = "N")]
    pub attempts: Option<u64>,
    /// Write the result as one JSON object; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The trace file.
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,
    /// In which form. `img` is the crash image itself.
    #[arg(long = "as", value_name = "FORM", default_value = "text", value_parser = forms())]
    pub form: Shape,
    /// Write it to this file.
    #[arg(short, long, value_name = "FILE", required_if_eq("form", IMG))]
    pub output: Option<PathBuf>,
    /// Show everything, the setup and every lock operation included.
    #[arg(long)]
    pub all: bool,
    /// The width of the text in columns.
    #[arg(long, value_name = "N", default_value_t = Options::default().width,
        value_parser = widths)]
    pub width: usize,
}

/// What `show` can make of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text in one of the forms.
    Form(Form),
    /// The crash image.
    Image,
}

/// The name of [`Shape::Image`].
const IMG: &str = "img";

impl CheckArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// If there is no such scenario, from which the design comes.
    pub fn request(&self) -> Result<Request, Failure> {
        let design = Catalogue::get().design(&self.scenario, self.variant.as_deref())?;
        Ok(Request {
            scenario: self.scenario.clone(),
            variant: self.variant.clone(),
            engine: self.engine,
            design: self.design.unwrap_or(design),
            preemptions: self.preemptions,
            executions: self.executions,
            time: self.time,
            cpu_time: self.cpu_time,
            seed: self.seed,
            granularity: self.granularity,
            crash: self.crash,
            tear: self.tear,
            recovery_crashes: self.recovery_crashes,
            shard: self.shard,
            conformance: self.conformance,
        })
    }
}

/// The arguments that ask for `request`, the command's name included.
pub fn of_request(request: &Request) -> Vec<String> {
    let mut args = vec!["check".to_string(), request.scenario.clone()];
    let mut option = |name: &str, value: Option<String>| {
        args.extend(value.map(|value| format!("--{name}={value}")));
    };
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    option("variant", request.variant.clone());
    option("engine", Some(request.engine.to_string()));
    option("design", Some(request.design.to_string()));
    option("preemptions", request.preemptions.map(|n| n.to_string()));
    option("executions", request.executions.map(|n| n.to_string()));
    option("time", request.time.map(seconds));
    option("cpu-time", request.cpu_time.map(seconds));
    option("seed", Some(request.seed.to_string()));
    option("granularity", Some(request.granularity.to_string()));
    option(
        "crash",
        Some(suite::name_of(&suite::CUT_MODES, &request.crash).into()),
    );
    option(
        "recovery-crashes",
        Some(request.recovery_crashes.to_string()),
    );
    option(
        "tear",
        Some(suite::name_of(&suite::TEARS, &request.tear).into()),
    );
    option(
        "shard",
        (!request.shard.is_whole()).then(|| request.shard.to_string()),
    );
    option("conformance", Some(request.conformance.to_string()));
    args
}

fn judges() -> impl TypedValueParser<Value = Judge> {
    one_of(Judge::ALL.map(|judge| (judge.name(), judge)).to_vec())
}

/// A parser of the names in a list.
fn one_of<T: Clone + Send + Sync + 'static>(
    names: Vec<(&'static str, T)>,
) -> impl TypedValueParser<Value = T> {
    let words: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(words).map(move |word| {
        let found = names.iter().find(|(name, _)| *name == word);
        found.expect("the parser lets only these pass").1.clone()
    })
}

fn engines() -> impl TypedValueParser<Value = Engine> {
    one_of(
        Engine::ALL
            .iter()
            .map(|item| (item.name(), *item))
            .collect(),
    )
}

fn designs() -> impl TypedValueParser<Value = Design> {
    one_of(
        Design::ALL
            .iter()
            .map(|item| (item.name(), *item))
            .collect(),
    )
}

fn granularities() -> impl TypedValueParser<Value = Granularity> {
    one_of(
        Granularity::ALL
            .iter()
            .map(|item| (item.name(), *item))
            .collect(),
    )
}

fn conformances() -> impl TypedValueParser<Value = Conformance> {
    one_of(
        Conformance::ALL
            .iter()
            .map(|item| (item.name(), *item))
            .collect(),
    )
}

fn cut_modes() -> impl TypedValueParser<Value = CutMode> {
    one_of(suite::CUT_MODES.to_vec())
}

fn tears() -> impl TypedValueParser<Value = Tear> {
    one_of(suite::TEARS.to_vec())
}

fn profiles() -> impl TypedValueParser<Value = Profile> {
    one_of(
        Profile::ALL
            .iter()
            .map(|item| (item.name(), *item))
            .collect(),
    )
}

fn forms() -> impl TypedValueParser<Value = Shape> {
    let forms = Form::ALL
        .iter()
        .map(|form| (form.name(), Shape::Form(*form)));
    one_of(forms.chain([(IMG, Shape::Image)]).collect())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn widths(text: &str) -> Result<usize, String> {
    let range = Options::WIDTH_MIN..=Options::WIDTH_MAX;
    let width = usize::from_str(text)
        .ok()
        .filter(|width| range.contains(width));
    width.ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn check_args(args: &[&str]) -> CheckArgs {
        let cli = Cli::try_parse_from([&["cutpoint"], args].concat());
        match cli.map(|cli| cli.command) {
            Ok(Command::Check(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_usual_check_is_the_usual_request() {
        let name = Catalogue::get().scenarios.keys().next().unwrap();
        let request = check_args(&["check", name]).request().unwrap();
        assert_eq!(
            format!("{request:?}"),
            format!("{:?}", Request::new(name, None))
        );
    }

    #[test]
    fn a_request_survives_the_command_line() {
        let name = Catalogue::get().scenarios.keys().next().unwrap();
        let usual = Request::new(name, None);
        let unusual = Request {
            variant: Some("v".into()),
            engine: Engine::Pct,
            design: Design::Bh,
            preemptions: Some(3),
            executions: Some(1 << 40),
            time: Some(Duration::from_millis(1_250)),
            cpu_time: Some(Duration::from_millis(750)),
            seed: u64::MAX,
            granularity: Granularity::Atomic,
            crash: CutMode::AllCuts,
            tear: Tear::Sector,
            recovery_crashes: 0,
            shard: Shard::new(2, 3).unwrap(),
            conformance: Conformance::Only,
            ..usual.clone()
        };
        for request in [usual, unusual] {
            let args = of_request(&request);
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let parsed = check_args(&args).request().unwrap();
            assert_eq!(format!("{parsed:?}"), format!("{request:?}"));
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for text in ["-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for text in ["39", "1001", "wide"] {
            assert!(widths(text).is_err(), "{text}");
        }
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        let parse = |args: &[&str]| Cli::try_parse_from([&["cutpoint"], args].concat());
        assert!(parse(&["show", "t.json", "--as", "img"]).is_err());
        assert!(parse(&["show", "t.json", "--as", "img", "-o", "t.img"]).is_ok());
        assert!(parse(&["gate", "--shard", "3/2"]).is_err());
        assert!(parse(&["minimise", "t.json", "--attempts", "few"]).is_err());
    }
}
