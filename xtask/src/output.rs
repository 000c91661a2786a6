//! All that `xtask` prints: progress to stderr, results to stdout, so that
//! `$(cargo xtask token --role member)` gives the token alone.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::{
    fmt::Display,
    io::{IsTerminal, Write},
};

/// A result: goes to stdout, plain.
pub fn result(text: impl Display) {
    // A closed pipe (`… | head`) is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A heading over what follows.
pub fn heading(text: impl Display) {
    line(format_args!("\n{}", paint("1", &format!("== {text}"))));
}

/// One step that is under way or done.
pub fn progress(text: impl Display) {
    line(format_args!("{} {text}", paint("32", "·")));
}

/// Something the developer should look at; work goes on.
pub fn warning(text: impl Display) {
    line(format_args!("{} {text}", paint("33", "warning:")));
}

/// Why the command fails.
pub fn failure(text: impl Display) {
    line(format_args!("{} {text}", paint("31", "error:")));
}

/// A line as it stands.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn paint(code: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
