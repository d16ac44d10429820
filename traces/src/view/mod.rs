//! The ways to look at a trace. Each is a pure function of the trace and the options, except
//! [`img`], which writes a file.
//!
//! Every view checks the trace first, so a trace that was put together by hand is refused with a
//! reason rather than shown wrong.

pub mod chrome;
pub mod dot;
pub mod html;
pub mod img;
pub mod itf;
mod label;
pub mod mermaid;
mod repeats;
mod rows;
mod story;
pub mod svg;
pub mod text;
mod wrap;

use crate::file;
use crate::format::Trace;
use crate::validate::Inconsistency;
use std::fmt;
use std::io;
use std::str::FromStr;

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Show everything: the setup before the first spawn, every operation on every object, the
    /// device's events, and what had not happened yet at the power cut.
    pub all: bool,
    /// The width of the text view in columns, at least [`Options::WIDTH_MIN`].
    pub width: usize,
}

impl Options {
    /// The narrowest text view.
    pub const WIDTH_MIN: usize = 40;
    /// The widest text view.
    pub const WIDTH_MAX: usize = 1000;
}

impl Default for Options {
    fn default() -> Options {
        Options {
            all: false,
            width: 100,
        }
    }
}

/// The forms that a trace can be printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The race in columns, for a mail: [`text`].
    Text,
    /// A Mermaid sequence diagram: [`mermaid`].
    Mermaid,
    /// The happens-before graph for Graphviz: [`dot`].
    Dot,
    /// The race with lifelines, as a picture: [`svg`].
    Svg,
    /// A page without external resources: [`html`].
    Html,
    /// The Informal Trace Format of the TLA⁺ tools: [`itf`].
    Itf,
    /// Chrome's trace events: [`chrome`].
    Chrome,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 7] = [
        Form::Text,
        Form::Mermaid,
        Form::Dot,
        Form::Svg,
        Form::Html,
        Form::Itf,
        Form::Chrome,
    ];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Mermaid => "mermaid",
            Form::Dot => "dot",
            Form::Svg => "svg",
            Form::Html => "html",
            Form::Itf => "itf",
            Form::Chrome => "chrome",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no form of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no form is named {0:?}; there are text, mermaid, dot, svg, html, itf and chrome")]
pub struct UnknownForm(String);

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(name: &str) -> Result<Form, UnknownForm> {
        let form = Form::ALL.into_iter().find(|form| form.name() == name);
        form.ok_or_else(|| UnknownForm(name.to_string()))
    }
}

/// Why a trace could not be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The trace contradicts itself.
    #[error("the trace contradicts itself: {0}")]
    Inconsistent(#[from] Inconsistency),
    /// The crash image was asked for, and the trace has none.
    #[error("the trace has no crash image: {}", why_no_image(.crashed))]
    NoImage {
        /// Whether the counterexample has a power cut.
        crashed: bool,
    },
    /// The form would need far more memory than the trace.
    #[error(
        "the trace is too large for this form ({events} events of {tasks} tasks): show it as text"
    )]
    TooLarge {
        /// How many events it has.
        events: usize,
        /// How many tasks it has.
        tasks: usize,
    },
    /// The image could not be written. An existing file has kept its content.
    #[error("can not write the image: {}", file::explain(.0))]
    Io(#[source] io::Error),
}

fn why_no_image(crashed: &bool) -> &'static str {
    match crashed {
        true => "it was recorded without one; run its replay command again",
        false => "its counterexample needs no power cut",
    }
}

/// The trace in a form.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, form: Form, options: &Options) -> Result<String, ViewError> {
    match form {
        Form::Text => text::render(trace, options),
        Form::Mermaid => mermaid::render(trace, options),
        Form::Dot => dot::render(trace, options),
        Form::Svg => svg::render(trace, options),
        Form::Html => html::render(trace, options),
        Form::Itf => itf::render(trace),
        Form::Chrome => chrome::render(trace),
    }
}
