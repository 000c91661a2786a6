//! Generation policies, and references to them.

use deserr::Deserr;
use millwright_core::{Bounded, Faults, Line, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CharacterClass, PolicyId, PolicyKind, Recipe, Stamp};

/// A policy of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `gpl_…`, or the name of a system policy.
    pub id: String,
    #[schema(inline)]
    pub name: Line<1, 100>,
    pub kind: PolicyKind,
    pub length: Bounded<5, 256>,
    pub lowercase: CharacterClass,
    pub uppercase: CharacterClass,
    pub digits: CharacterClass,
    pub symbols: CharacterClass,
    pub symbol_set: Option<Line<1, 32>>,
    pub exclude_ambiguous: bool,
    pub prefix: Option<Line<0, 32>>,
    /// floor(log2 of the number of equally likely values).
    pub entropy_bits: u32,
    /// `strong`, `token` and `passphrase` are the same everywhere.
    pub is_system: bool,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

impl Policy {
    /// The first version.
    pub fn new(id: String, name: Line<1, 100>, recipe: Recipe, stamp: Stamp) -> Policy {
        Policy {
            id,
            name,
            kind: recipe.kind,
            length: recipe.length,
            lowercase: recipe.lowercase,
            uppercase: recipe.uppercase,
            digits: recipe.digits,
            symbols: recipe.symbols,
            entropy_bits: recipe.entropy_bits(),
            symbol_set: recipe.symbol_set,
            exclude_ambiguous: recipe.exclude_ambiguous,
            prefix: recipe.prefix,
            is_system: false,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by.clone(),
            updated_at: stamp.at,
            updated_by: stamp.by,
        }
    }

    /// How its values are made.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            kind: self.kind,
            length: self.length,
            lowercase: self.lowercase,
            uppercase: self.uppercase,
            digits: self.digits,
            symbols: self.symbols,
            symbol_set: self.symbol_set.clone(),
            exclude_ambiguous: self.exclude_ambiguous,
            prefix: self.prefix.clone(),
        }
    }

    /// The same policy with other values to make.
    #[must_use]
    pub fn following(&self, recipe: Recipe) -> Policy {
        let (id, name) = (self.id.clone(), self.name.clone());
        let stamp = Stamp { at: self.created_at, by: self.created_by.clone() };
        Policy {
            is_system: self.is_system,
            version: self.version,
            updated_at: self.updated_at,
            updated_by: self.updated_by.clone(),
            ..Policy::new(id, name, recipe, stamp)
        }
    }
}

/// Names of the system policies.
pub const SYSTEM_POLICIES: [&str; 3] = ["passphrase", "strong", "token"];

/// What a value is to be made by: a policy, or a recipe of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Generate {
    /// A policy of the organization, or `strong`, `token`, `passphrase`.
    #[deserr(default)]
    pub policy_id: Option<PolicyReference>,
    /// How, if no policy is named.
    #[deserr(default)]
    pub inline: Option<Recipe>,
}

/// A policy of the organization, or one of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyReference {
    System(&'static str),
    Own(PolicyId),
}

impl std::str::FromStr for PolicyReference {
    type Err = millwright_core::InputError;

    fn from_str(text: &str) -> std::result::Result<PolicyReference, Self::Err> {
        match SYSTEM_POLICIES.iter().find(|name| **name == text) {
            Some(name) => Ok(PolicyReference::System(name)),
            None => text.parse().map(PolicyReference::Own),
        }
    }
}

impl std::fmt::Display for PolicyReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PolicyReference::System(name) => f.write_str(name),
            PolicyReference::Own(id) => id.fmt(f),
        }
    }
}

impl Serialize for PolicyReference {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PolicyReference {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

millwright_core::deserr_from_str!(PolicyReference);

impl utoipa::PartialSchema for PolicyReference {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let object = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some("^(strong|token|passphrase|gpl_[0-7][0-9a-hjkmnp-tv-z]{25})$"));
        utoipa::openapi::RefOr::T(utoipa::openapi::Schema::Object(object.build()))
    }
}

impl ToSchema for PolicyReference {}
