//! What is stored: serde structs with a kind and keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use millwright_core::{Error, Result, Tenant, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Key, Partition,
    cursor::Position,
    schema::{Index, KIND, PARTITION_KEY, SORT_KEY, TTL, VERSION},
};

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// One kind of item in a service's table. A versioned item has a field `version`.
pub trait Item: Serialize + DeserializeOwned {
    /// Tells the kinds of a partition apart; stored as `kind`.
    const KIND: &'static str;

    fn key(&self, tenant: &Tenant) -> Key;

    /// The indexes it appears in; none by default.
    fn index_keys(&self, _tenant: &Tenant) -> IndexKeys {
        IndexKeys::default()
    }

    /// When DynamoDB may remove it; never by default.
    fn time_to_live(&self) -> Option<Timestamp> {
        None
    }
}

/// Where an item appears in the secondary indexes.
#[derive(Clone, Debug, Default)]
pub struct IndexKeys(Vec<(Index, Partition, String)>);

impl IndexKeys {
    #[must_use]
    pub fn on(mut self, index: Index, partition: Partition, sort_key: impl ToString) -> IndexKeys {
        self.0.push((index, partition, sort_key.to_string()));
        self
    }
}

pub(crate) fn to_attributes<I: Item>(item: &I, tenant: &Tenant) -> Result<Attributes> {
    let mut attributes: Attributes = serde_dynamo::to_item(item)
        .map_err(|error| Error::internal(format!("{} cannot be stored: {error}", I::KIND)))?;
    let reserved = |name: &&String| {
        [PARTITION_KEY, SORT_KEY, KIND, TTL].contains(&name.as_str()) || name.starts_with("gsi")
    };
    if let Some(name) = attributes.keys().find(reserved) {
        return Err(Error::internal(format!(
            "{} has a field {name}, which is the store's",
            I::KIND
        )));
    }
    let key = item.key(tenant);
    attributes.insert(PARTITION_KEY.into(), AttributeValue::S(key.partition.as_str().into()));
    attributes.insert(SORT_KEY.into(), AttributeValue::S(key.sort_key));
    attributes.insert(KIND.into(), AttributeValue::S(I::KIND.into()));
    for (index, partition, sort_key) in item.index_keys(tenant).0 {
        let partition = AttributeValue::S(partition.as_str().into());
        attributes.insert(index.partition_key().into(), partition);
        attributes.insert(index.sort_key().into(), AttributeValue::S(sort_key));
    }
    if let Some(at) = item.time_to_live() {
        attributes.insert(TTL.into(), AttributeValue::N(at.as_second().to_string()));
    }
    Ok(attributes)
}

/// An item as it came from the table or an index, not yet decoded.
#[derive(Clone, Debug, Default)]
pub struct RawItem(pub(crate) Attributes);

impl RawItem {
    pub fn from_attributes(attributes: HashMap<String, AttributeValue>) -> RawItem {
        RawItem(attributes)
    }

    pub fn attributes(&self) -> &HashMap<String, AttributeValue> {
        &self.0
    }

    pub fn kind(&self) -> &str {
        self.text(KIND).unwrap_or_default()
    }

    pub fn is<I: Item>(&self) -> bool {
        self.kind() == I::KIND
    }

    pub fn sort_key(&self) -> &str {
        self.text(SORT_KEY).unwrap_or_default()
    }

    pub fn partition_key(&self) -> &str {
        self.text(PARTITION_KEY).unwrap_or_default()
    }

    pub fn version(&self) -> Option<u64> {
        self.number(VERSION)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
    }

    /// A number that may be negative, such as a count whose parts arrive in any order.
    pub fn signed_number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
    }

    /// A whole number of up to 38 digits.
    pub fn large_number(&self, name: &str) -> Option<i128> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
    }

    /// The members of a set of texts, sorted; a missing set is empty.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let set = self.0.get(name).and_then(|value| value.as_ss().ok());
        let mut texts: Vec<&str> = set.into_iter().flatten().map(String::as_str).collect();
        texts.sort_unstable();
        texts
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied()
    }

    /// Decodes the whole item; fields it does not know are skipped.
    pub fn decode<I: Item>(&self) -> Result<I> {
        serde_dynamo::from_item(self.0.clone()).map_err(|error| self.undecodable(I::KIND, &error))
    }

    /// Decodes one attribute, such as the `summary` that an index projects.
    pub fn decode_attribute<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value =
            self.0.get(name).cloned().ok_or_else(|| {
                Error::internal(format!("{} has no {name}", self.partition_key()))
            })?;
        serde_dynamo::from_attribute_value(value).map_err(|error| self.undecodable(name, &error))
    }

    fn undecodable(&self, what: &str, error: &serde_dynamo::Error) -> Error {
        let (pk, sk) = (self.partition_key(), self.sort_key());
        Error::internal(format!("{what} at {pk} / {sk} cannot be read: {error}"))
    }

    /// Where a page that ends with this item goes on.
    pub fn position(&self, index: Option<Index>) -> Position {
        let mut names = vec![PARTITION_KEY, SORT_KEY];
        if let Some(index) = index {
            names.extend([index.partition_key(), index.sort_key()]);
        }
        let keys = names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), self.text(name)?.to_owned())))
            .collect();
        Position(keys)
    }
}
