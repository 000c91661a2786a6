//! The values of a row by field, before they are looked at.

use serde_json::Value;

use crate::transfer::Field;

/// Whose words the values are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// Ours, or a custom one: CSV cells are lists with commas.
    Csv,
    /// Ours, or a custom one, with the lists of JSON.
    Json,
    GitHubIssue,
    GitHubPull,
}

/// What a row says, field by field. Neither null nor blank texts are in it; a description is kept as
/// written.
#[derive(Debug)]
pub(super) struct Draft {
    pub vocabulary: Vocabulary,
    values: Vec<(Field, Value)>,
}

impl Draft {
    pub fn new(vocabulary: Vocabulary) -> Draft {
        Draft { vocabulary, values: Vec::new() }
    }

    pub fn add(&mut self, field: Field, value: Value) {
        let says_nothing = match &value {
            Value::Null => true,
            Value::String(text) if field == Field::Description => text.is_empty(),
            Value::String(text) => text.trim().is_empty(),
            _ => false,
        };
        if !says_nothing {
            self.values.push((field, value));
        }
    }

    /// Forgets the values of a field that a mapping fills otherwise.
    pub fn forget(&mut self, field: Field) {
        self.values.retain(|(filled, _)| *filled != field);
    }

    pub fn first(&self, field: Field) -> Option<&Value> {
        self.values.iter().find(|(filled, _)| *filled == field).map(|(_, value)| value)
    }

    /// All values of a field, lists taken apart.
    pub fn take(&mut self, field: Field) -> Vec<Value> {
        let (taken, kept) =
            std::mem::take(&mut self.values).into_iter().partition(|(filled, _)| *filled == field);
        self.values = kept;
        let mut values = Vec::new();
        for (_, value) in taken {
            match value {
                Value::Array(items) => values.extend(items),
                Value::String(text) => match self.separator(field) {
                    Some(separator) => values.extend(parts(&text, separator)),
                    None => values.push(Value::String(text)),
                },
                value => values.push(value),
            }
        }
        values.retain(|value| !value.is_null());
        values
    }

    /// What stands between the parts of a list that is written as one text.
    fn separator(&self, field: Field) -> Option<char> {
        match field {
            Field::Labels => Some(','),
            Field::Blocks | Field::BlockedBy | Field::RelatesTo if self.is_csv() => Some(','),
            Field::AcceptanceCriteria if self.is_csv() => Some('\n'),
            _ => None,
        }
    }

    fn is_csv(&self) -> bool {
        self.vocabulary == Vocabulary::Csv
    }

    pub fn is_github(&self) -> bool {
        matches!(self.vocabulary, Vocabulary::GitHubIssue | Vocabulary::GitHubPull)
    }
}

fn parts(text: &str, separator: char) -> impl Iterator<Item = Value> {
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| Value::String(part.to_owned()))
}
