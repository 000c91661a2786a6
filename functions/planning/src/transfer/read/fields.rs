//! State, type, priority, labels and acceptance criteria of a row.

use millwright_core::{Label, Labels};
use serde_json::Value;

use super::{
    Reading,
    draft::{Draft, Vocabulary},
    text::{fitted, line, lines, shown, text_of},
};
use crate::{
    domain::{AcceptanceCriteria, AcceptanceCriterion, Priority, TaskState, TaskType},
    transfer::{Field, RowProblem, WarningCode, Warnings},
};

/// A word as ours are written: `In Progress` is `in_progress`.
fn as_ours(word: &str) -> String {
    word.trim().to_lowercase().replace([' ', '-'], "_")
}

/// By `stateMap`, by GitHub's words, by ours. An unknown word is the default state if there is one,
/// and else fails the row: imported wrongly it would not be put right by a better `stateMap`.
pub(super) fn state(
    word: &str,
    vocabulary: Vocabulary,
    reading: &Reading<'_>,
    warnings: &mut Warnings,
) -> Result<TaskState, RowProblem> {
    let (mapped, default) = (&reading.options.state_map, reading.options.defaults.state);
    let word = word.trim();
    if word.is_empty() {
        return Ok(default.unwrap_or(TaskState::ToDo));
    }
    let ours = as_ours(word);
    let github = match (vocabulary, ours.as_str()) {
        (Vocabulary::GitHubIssue, "open") => Some(TaskState::ToDo),
        (Vocabulary::GitHubIssue, "closed") => Some(TaskState::Done),
        (Vocabulary::GitHubIssue, "not_planned" | "duplicate") => Some(TaskState::Cancelled),
        (Vocabulary::GitHubPull, "open") => Some(TaskState::Review),
        (Vocabulary::GitHubPull, "merged") => Some(TaskState::Done),
        (Vocabulary::GitHubPull, "closed") => Some(TaskState::Cancelled),
        _ => None,
    };
    let known = mapped.get(word).copied().or(github).or_else(|| match ours.as_str() {
        "todo" => Some(TaskState::ToDo),
        "canceled" => Some(TaskState::Cancelled),
        ours => ours.parse().ok(),
    });
    match (known, default) {
        (Some(state), _) => Ok(state),
        (None, Some(default)) => {
            let detail = format!("{} is not known, {default} is taken", shown(word));
            warnings.add(WarningCode::UnknownState, detail);
            Ok(default)
        }
        (None, None) => {
            let detail = format!("state: {} is not known; add it to stateMap", shown(word));
            Err(RowProblem::invalid(detail))
        }
    }
}

pub(super) fn kind(word: &str, reading: &Reading<'_>, warnings: &mut Warnings) -> TaskType {
    let default = reading.options.defaults.kind.unwrap_or(TaskType::Task);
    if word.trim().is_empty() {
        return default;
    }
    as_ours(word).parse().unwrap_or_else(|_| {
        let detail = format!("{} is not known, {default} is taken", shown(word));
        warnings.add(WarningCode::UnknownType, detail);
        default
    })
}

pub(super) fn priority(word: &str, warnings: &mut Warnings) -> Priority {
    if word.trim().is_empty() {
        return Priority::Medium;
    }
    as_ours(word).parse().unwrap_or_else(|_| {
        let detail = format!("{} is not known, medium is taken", shown(word));
        warnings.add(WarningCode::UnknownPriority, detail);
        Priority::Medium
    })
}

/// The labels that are there, made to fit; the default ones if there are none.
pub(super) fn labels(
    draft: &mut Draft,
    reading: &Reading<'_>,
    warnings: &mut Warnings,
) -> Result<Labels, RowProblem> {
    let mut labels = Labels::default();
    let mut dropped: Vec<String> = Vec::new();
    for value in draft.take(Field::Labels) {
        let value = match value {
            Value::Object(mut label) => label.remove("name").unwrap_or_default(),
            value => value,
        };
        let text = text_of(value, Field::Labels)?;
        let Some(label) = label(&text, warnings) else { continue };
        let is_there = labels.as_slice().contains(&label);
        if !is_there && !labels.push(label.clone()) {
            dropped.push(shown(label.as_str()));
        }
    }
    if !dropped.is_empty() {
        let names: Vec<String> = dropped.iter().take(10).cloned().collect();
        let detail =
            format!("{} after the first {}: {}", dropped.len(), Labels::MAX, names.join(", "));
        warnings.add(WarningCode::LabelsDropped, detail);
    }
    if labels.as_slice().is_empty() {
        labels = reading.options.defaults.labels.clone();
    }
    Ok(labels)
}

/// Without comma, at most 50 characters; none if nothing is left.
fn label(text: &str, warnings: &mut Warnings) -> Option<Label> {
    if let Ok(label) = text.parse() {
        return Some(label);
    }
    // Lower-casing comes first: it can make a text longer.
    let clean = line(&text.to_lowercase().replace(',', " "), "labels", warnings);
    let short = super::text::cut(&clean, 50).unwrap_or(&clean).trim();
    let label: Label = short.parse().ok()?;
    let detail = format!("{} became {label}", shown(text), label = label.as_str());
    warnings.add(WarningCode::LabelChanged, detail);
    Some(label)
}

/// `{text, met}`, texts, or the lines `[x] text` of a CSV cell.
pub(super) fn criteria(
    draft: &mut Draft,
    warnings: &mut Warnings,
) -> Result<AcceptanceCriteria, RowProblem> {
    let place = Field::AcceptanceCriteria.as_str();
    let mut criteria = Vec::new();
    let values = draft.take(Field::AcceptanceCriteria);
    for value in values {
        let (text, met) = match value {
            Value::Object(mut criterion) => {
                let met = match criterion.remove("met").unwrap_or_default() {
                    Value::Null => false,
                    Value::Bool(met) => met,
                    _ => return Err(RowProblem::invalid(format!("{place}: met is true or false"))),
                };
                (text_of(criterion.remove("text").unwrap_or_default(), place)?, met)
            }
            value => checked(text_of(value, place)?),
        };
        let text = millwright_core::normalized(&lines(&text, place, warnings));
        let text = fitted(text, 500, place, warnings);
        if let Ok(text) = text.parse() {
            criteria.push(AcceptanceCriterion { text, met });
        }
    }
    let surplus = criteria.len().saturating_sub(AcceptanceCriteria::MAX);
    if surplus > 0 {
        let detail = format!("{surplus} after the first {}", AcceptanceCriteria::MAX);
        warnings.add(WarningCode::CriteriaDropped, detail);
        criteria.truncate(AcceptanceCriteria::MAX);
    }
    Ok(AcceptanceCriteria(criteria))
}

fn checked(text: String) -> (String, bool) {
    let boxes = [("[x] ", true), ("[X] ", true), ("[ ] ", false)];
    let found = boxes.iter().find_map(|(mark, met)| Some((text.strip_prefix(mark)?, *met)));
    match found {
        Some((rest, met)) => (rest.to_owned(), met),
        None => (text, false),
    }
}
