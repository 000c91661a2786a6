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

    /// A whole number of up to 38 digits, which serde's data model of DynamoDB does not know.
    fn number(&mut self, number: i128) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), AttributeValue::N(number.to_string()));
        placeholder
    }

    fn text_set(&mut self, texts: Vec<String>) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), AttributeValue::Ss(texts));
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

    #[must_use]
    pub fn greater_than(mut self, name: &str, value: impl Serialize) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.value(value));
        self.clauses.push(format!("{name} > {value}"));
        self
    }

    /// A number of up to 38 digits is at most this one.
    #[must_use]
    pub fn at_most(mut self, name: &str, number: i128) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.number(number));
        self.clauses.push(format!("{name} <= {value}"));
        self
    }

    /// A number of up to 38 digits is less than this one.
    #[must_use]
    pub fn below(mut self, name: &str, number: i128) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.number(number));
        self.clauses.push(format!("{name} < {value}"));
        self
    }

    /// A number of up to 38 digits is greater than this one.
    #[must_use]
    pub fn above(mut self, name: &str, number: i128) -> Condition {
        let (name, value) = (self.placeholders.name(name), self.placeholders.number(number));
        self.clauses.push(format!("{name} > {value}"));
        self
    }

    /// A set of texts has room for one more, or holds `text` already.
    #[must_use]
    pub fn has_room_for(mut self, name: &str, text: &str, max: u64) -> Condition {
        let name = self.placeholders.name(name);
        let (max, text) = (self.placeholders.value(max), self.placeholders.value(text));
        self.clauses.push(format!(
            "(attribute_not_exists({name}) OR size({name}) < {max} OR contains({name}, {text}))"
        ));
        self
    }

    /// Either the clauses so far, or the attribute is not there.
    #[must_use]
    pub fn or_attribute_absent(mut self, name: &str) -> Condition {
        let name = self.placeholders.name(name);
        let so_far = self.clauses.join(" AND ");
        self.clauses = vec![format!("(({so_far}) OR attribute_not_exists({name}))")];
        self
    }

    /// Either the clauses so far, or the attribute is there.
    #[must_use]
    pub fn or_attribute_exists(mut self, name: &str) -> Condition {
        let name = self.placeholders.name(name);
        let so_far = self.clauses.join(" AND ");
        self.clauses = vec![format!("(({so_far}) OR attribute_exists({name}))")];
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
    deletes: Vec<String>,
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

    /// Sets a number of up to 38 digits.
    #[must_use]
    pub fn set_number(mut self, name: &str, number: i128) -> Update {
        let placeholders = &mut self.condition.placeholders;
        let (name, value) = (placeholders.name(name), placeholders.number(number));
        self.sets.push(format!("{name} = {value}"));
        self
    }

    /// As [`Update::add`], of up to 38 digits; so many the sum may have, too.
    #[must_use]
    pub fn add_number(mut self, name: &str, amount: i128) -> Update {
        let placeholders = &mut self.condition.placeholders;
        let (name, value) = (placeholders.name(name), placeholders.number(amount));
        self.adds.push(format!("{name} {value}"));
        self
    }

    /// Adds different texts to a set; a missing set is made. At least one.
    #[must_use]
    pub fn add_to_set(mut self, name: &str, texts: &[impl ToString]) -> Update {
        let texts = texts.iter().map(ToString::to_string).collect();
        let placeholders = &mut self.condition.placeholders;
        let (name, value) = (placeholders.name(name), placeholders.text_set(texts));
        self.adds.push(format!("{name} {value}"));
        self
    }

    /// Takes out of a set of texts, whether it is in it or not.
    #[must_use]
    pub fn delete_from_set(mut self, name: &str, text: impl ToString) -> Update {
        let placeholders = &mut self.condition.placeholders;
        let (name, value) =
            (placeholders.name(name), placeholders.text_set(vec![text.to_string()]));
        self.deletes.push(format!("{name} {value}"));
        self
    }

    #[must_use]
    pub fn remove(mut self, name: &str) -> Update {
        let name = self.condition.placeholders.name(name);
        self.removes.push(name);
        self
    }

    pub(crate) fn expression(&self) -> String {
        let clauses = [
            ("SET", &self.sets),
            ("ADD", &self.adds),
            ("DELETE", &self.deletes),
            ("REMOVE", &self.removes),
        ];
        clauses
            .into_iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
