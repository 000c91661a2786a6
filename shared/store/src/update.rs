//! Update and condition expressions, without writing their syntax by hand each time.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use millwright_core::{Error, Result};
use serde::Serialize;

/// Names and values of an expression, behind placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placeholders {
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
    fault: Option<String>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: impl Serialize) -> String {
        let placeholder = format!(":v{}", self.values.len());
        match serde_dynamo::to_attribute_value(value) {
            Ok(value) => {
                self.values.insert(placeholder.clone(), value);
            }
            Err(error) => self.fault = Some(error.to_string()),
        }
        placeholder
    }

    pub(crate) fn check(&self) -> Result<()> {
        match &self.fault {
            None => Ok(()),
            Some(fault) => Err(Error::internal(format!("a value cannot be stored: {fault}"))),
        }
    }
}

/// What must hold for a write; all parts of it.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    pub(crate) clauses: Vec<String>,
    pub(crate) placeholders: Placeholders,
}

impl Condition {
    /// The item is there.
    pub fn exists() -> Condition {
        Condition::default().attribute_exists(crate::schema::PARTITION_KEY)
    }

    /// The item is not there.
    pub fn absent() -> Condition {
        Condition::default().attribute_absent(crate::schema::PARTITION_KEY)
    }

    /// The item is there with this version.
    pub fn version(expected: u64) -> Condition {
        Condition::default().equals(crate::schema::VERSION, expected)
    }

    #[must_use]
    pub fn attribute_exists(mut self, name: &str) -> Condition {
        let name = self.placeholders.name(name);
        self.clauses.push(format!("attribute_exists({name})"));
        self
    }

    #[must_use]
    pub fn attribute_absent(mut self, name: &str) -> Condition {
        let name = self.placeholders.name(name);
        self.clauses.push(format!("attribute_not_exists({name})"));
        self
    }

    #[must_use]
    pub fn equals(mut self, name: &str, value: impl Serialize) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.value(value));
        self.clauses.push(format!("{name} = {value}"));
        self
    }

    #[must_use]
    pub fn less_than(mut self, name: &str, value: impl Serialize) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.value(value));
        self.clauses.push(format!("{name} < {value}"));
        self
    }

    /// Either the clauses so far, or `other`.
    #[must_use]
    pub fn or_attribute_absent(mut self, name: &str) -> Condition {
        let name = self.placeholders.name(name);
        let so_far = self.clauses.join(" AND ");
        self.clauses = vec![format!("(({so_far}) OR attribute_not_exists({name}))")];
        self
    }

    pub(crate) fn expression(&self) -> Option<String> {
        (!self.clauses.is_empty()).then(|| self.clauses.join(" AND "))
    }
}

/// Changes of single attributes of one item; creates the item if nothing is required of it.
#[derive(Clone, Debug, Default)]
pub struct Update {
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    pub(crate) condition: Condition,
}

impl Update {
    pub fn new() -> Update {
        Update::default()
    }

    /// The update happens only if `condition` holds. Call it first.
    pub fn when(condition: Condition) -> Update {
        Update { condition, ..Update::default() }
    }

    #[must_use]
    pub fn set(mut self, name: &str, value: impl Serialize) -> Update {
        let placeholders = &mut self.condition.placeholders;
        let (name, value) = (placeholders.name(name), placeholders.value(value));
        self.sets.push(format!("{name} = {value}"));
        self
    }

    /// Adds to a number; a missing one counts as zero.
    #[must_use]
    pub fn add(mut self, name: &str, amount: i64) -> Update {
        let placeholders = &mut self.condition.placeholders;
        let (name, value) = (placeholders.name(name), placeholders.value(amount));
        self.adds.push(format!("{name} {value}"));
        self
    }

    #[must_use]
    pub fn remove(mut self, name: &str) -> Update {
        let name = self.condition.placeholders.name(name);
        self.removes.push(name);
        self
    }

    pub(crate) fn expression(&self) -> String {
        [("SET", &self.sets), ("ADD", &self.adds), ("REMOVE", &self.removes)]
            .into_iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
