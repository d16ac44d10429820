//! `cutpoint show`: a counterexample in one of its forms.

use crate::args::{Shape, ShowArgs};
use crate::exit::{Exit, Failure};
use crate::output::{self, BAD, BOLD, COMMAND, FAINT, HALF, styled};
use anstyle::{AnsiColor, Style};
use cutpoint_traces::Trace;
use cutpoint_traces::view::{self, Form, Options, ViewError, img, text};
use std::io;

/// Runs the command.
///
/// # Errors
/// If the trace can not be read or shown, or the result can not be written.
pub fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let trace = Trace::read(&args.trace)?;
    let options = Options {
        all: args.all,
        width: args.width,
    };
    match (args.form, &args.output) {
        (Shape::Image, Some(path)) => img::write_image(&trace, path)?,
        (Shape::Image, None) => {
            let message = "a crash image is no text: say where to write it with -o FILE";
            return Err(Failure::Other(message.into()));
        }
        (Shape::Form(form), Some(path)) => {
            output::write_file(path, view::render(&trace, form, &options)?.as_bytes())?;
        }
        (Shape::Form(Form::Text), None) => output::print(&self::text(&trace, &options)?)?,
        (Shape::Form(form), None) => output::print(&view::render(&trace, form, &options)?)?,
    }
    Ok(Exit::Holds)
}

/// The two-column text, coloured if the standard output is a terminal.
///
/// # Errors
/// If the trace is inconsistent.
pub fn text(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    let colours = anstream::AutoStream::choice(&io::stdout());
    if colours == anstream::ColorChoice::Never {
        return text::render(trace, options);
    }
    let mut text = String::new();
    for line in text::lines(trace, options)? {
        for span in line {
            let style = look(span.style);
            text.push_str(&styled(style, span.text));
        }
        text.push('\n');
    }
    Ok(text)
}

/// What a style looks like.
fn look(style: text::Style) -> Style {
    match style {
        text::Style::Plain => Style::new(),
        text::Style::Heading => BOLD,
        text::Style::Step => Style::new(),
        text::Style::Promise => AnsiColor::Green.on_default(),
        text::Style::Order => AnsiColor::Blue.on_default(),
        text::Style::Device => AnsiColor::Magenta.on_default(),
        text::Style::Choice => HALF,
        text::Style::Crash => BAD,
        text::Style::Lost => AnsiColor::Red.on_default(),
        text::Style::Violation => BAD,
        text::Style::Command => COMMAND,
        text::Style::Faint => FAINT,
    }
}
