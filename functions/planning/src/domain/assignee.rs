//! Who works on something.

use std::{fmt, str::FromStr};

use millwright_core::{InputError, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

millwright_core::id! {
    /// An agent.
    AgentId = Agent("agt");
}

/// Who works on a task: a user or an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignee {
    User(UserId),
    Agent(AgentId),
}

impl Assignee {
    /// The user, unless it is an agent.
    pub fn user(self) -> Option<UserId> {
        match self {
            Assignee::User(id) => Some(id),
            Assignee::Agent(_) => None,
        }
    }
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assignee::User(id) => id.fmt(f),
            Assignee::Agent(id) => id.fmt(f),
        }
    }
}

impl FromStr for Assignee {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Assignee, InputError> {
        if let Ok(id) = text.parse() {
            return Ok(Assignee::User(id));
        }
        text.parse().map(Assignee::Agent).map_err(|_| {
            InputError::bad_format("must be the id of a user (usr_…) or agent (agt_…)")
        })
    }
}

impl Serialize for Assignee {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Assignee {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

millwright_core::deserr_from_str!(Assignee);

impl PartialSchema for Assignee {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(usr|agt)_[0-7][0-9a-hjkmnp-tv-z]{25}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Assignee {}
