//! Texts made to fit, with a warning each time something goes.

use std::{fmt, str::FromStr};

use millwright_core::normalized;
use serde_json::Value;

use crate::transfer::{Field, RowProblem, WarningCode, Warnings};

/// A value shown in a detail: at most 60 characters.
pub(super) fn shown(text: &str) -> String {
    let mut characters = text.trim().chars();
    let start: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() { format!("{start}…") } else { start }
}

/// The text a scalar stands for.
pub(super) fn text_of(value: Value, field: impl fmt::Display) -> Result<String, RowProblem> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) => Err(RowProblem::invalid(format!("{field} must be a text, is a list"))),
        Value::Object(_) => {
            Err(RowProblem::invalid(format!("{field} must be a text, is an object")))
        }
    }
}

/// Control characters become spaces.
fn without_control(text: &str, kept: &[char], place: &str, warnings: &mut Warnings) -> String {
    let is_refused = |c: char| c.is_control() && !kept.contains(&c);
    if !text.contains(is_refused) {
        return text.to_owned();
    }
    let detail = format!("{place}: control characters became spaces");
    warnings.add(WarningCode::ControlCharacters, detail);
    text.replace(is_refused, " ")
}

/// One line: trimmed, NFC, line breaks and control characters as spaces.
pub(super) fn line(text: &str, place: &str, warnings: &mut Warnings) -> String {
    normalized(&without_control(text.trim(), &[], place, warnings))
}

/// Several lines, otherwise as written.
pub(super) fn lines(text: &str, place: &str, warnings: &mut Warnings) -> String {
    without_control(text, &['\n', '\r', '\t'], place, warnings)
}

/// The first `max` characters, if there are more.
pub(super) fn cut(text: &str, max: usize) -> Option<&str> {
    let (end, _) = text.char_indices().nth(max)?;
    text.get(..end)
}

/// At most `max` characters, with a warning if there were more.
pub(super) fn fitted(text: String, max: usize, place: &str, warnings: &mut Warnings) -> String {
    match cut(&text, max) {
        Some(start) => {
            let length = text.chars().count();
            let detail = format!("{place}: {length} characters cut to {max}");
            warnings.add(WarningCode::TextCut, detail);
            start.to_owned()
        }
        None => text,
    }
}

/// A short line of at most `max` characters; none if blank.
pub(super) fn short_line<T: FromStr>(
    text: &str,
    max: usize,
    field: Field,
    warnings: &mut Warnings,
) -> Option<T> {
    let text = line(text, field.as_str(), warnings);
    fitted(text, max, field.as_str(), warnings).trim_end().parse().ok()
}
