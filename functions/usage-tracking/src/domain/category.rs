//! Categories: what an event counts as, and what is read from its data.

use std::{collections::BTreeSet, fmt, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{Error, Fault, FaultCode, Faults, InputError, Line, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{CategoryName, Description, Pointer, Quantity, divide_half_even, is_system_code};
use crate::codes;

/// The measure that every category has: how many events.
pub const COUNT: &str = "count";
/// The measure that every category has: what they cost.
pub const COST: &str = "cost";
/// Value of every dimension of what came after the 1,000th combination of a day.
pub const OTHER: &str = "__other__";
/// The most combinations of dimension values of a category and UTC day.
pub const MAX_COMBINATIONS: u64 = 1_000;
/// The longest value of a dimension, in characters.
pub const MAX_VALUE: usize = 64;

macro_rules! pattern_text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $pattern:literal, $is_proper:expr, $detail:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A word of the code; tests read them all.
            #[allow(dead_code)]
            pub(crate) fn of(text: &str) -> $name {
                $name(text.to_owned())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InputError;

            fn from_str(text: &str) -> Result<$name, InputError> {
                let is_proper: fn(&str) -> bool = $is_proper;
                if text.len() > $max || !is_proper(text) {
                    return Err(InputError::bad_format($detail));
                }
                Ok($name(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        millwright_core::deserr_from_str!($name);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .max_length(Some($max))
                    .pattern(Some($pattern));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {}
    };
}
pub(crate) use pattern_text;

fn is_segment(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_camel(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase()) && bytes.all(|b| b.is_ascii_alphanumeric())
}

pattern_text!(
    /// `ai.completion`: 1-5 segments, at most 80 characters.
    CategoryCode, 80, "^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*){0,4}$",
    |text| text.split('.').count() <= 5 && text.split('.').all(is_segment),
    "must be 1-5 words of lower-case letters, digits and _, separated by points, such as ai.completion"
);
pattern_text!(
    /// `inputTokens`: a metric or dimension.
    MeasureName, 32, "^[a-z][A-Za-z0-9]{0,31}$", is_camel,
    "must be a lower-case letter and up to 31 letters and digits, such as inputTokens"
);
pattern_text!(
    /// The type of an event, lower-cased.
    EventTypeName, 128, "^[a-z0-9_.:/-]+$",
    |text| !text.is_empty()
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.:/-".contains(&b)
        }),
    "must be 1-128 of a-z 0-9 _ . : / -"
);
pattern_text!(
    /// `#rrggbb`.
    Color, 7, "^#[0-9a-f]{6}$",
    |text| text.len() == 7
        && text.starts_with('#')
        && text[1..].bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
    "must be a colour such as #1a2b3c"
);

/// What is added up of each event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Metric {
    /// `count` and `cost` are there in every category.
    pub name: MeasureName,
    pub pointer: Pointer,
    #[deserr(default)]
    #[schema(required = false)]
    pub unit: Line<0, 20>,
    /// An event without it counts all the same.
    #[deserr(default)]
    #[schema(required = false)]
    pub optional: bool,
    /// Of an optional one: keep how many events carried it, for averages. At most two of a category.
    #[deserr(default)]
    #[schema(required = false)]
    pub averaged: bool,
    /// The event says it in thousandths of the unit, such as milliseconds. Of system categories only.
    #[serde(skip)]
    #[deserr(skip)]
    #[schema(ignore)]
    pub in_thousandths: bool,
}

impl Metric {
    /// What digits of an event come to: exact for whole thousandths, else half-even to nine digits.
    pub fn in_its_unit(&self, said: Quantity) -> Quantity {
        match self.in_thousandths {
            true => Quantity::from_nano(divide_half_even(said.nano(), 1_000)),
            false => said,
        }
    }

    /// How many events carried it is counted beside it; else it is that of all events.
    pub fn counts_carriers(&self) -> bool {
        self.optional && self.averaged
    }

    pub fn has_average(&self) -> bool {
        !self.optional || self.averaged
    }
}

/// What usage is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Dimension {
    /// `user`, `team`, `project` and `subject` are there anyway.
    pub name: MeasureName,
    /// A value of more than 64 characters is cut; a missing one is empty.
    pub pointer: Pointer,
}

/// At most `MAX` of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpTo<T, const MAX: usize>(pub Vec<T>);

impl<T, const MAX: usize> Default for UpTo<T, MAX> {
    fn default() -> Self {
        UpTo(Vec::new())
    }
}

impl<T: Deserr<Faults>, const MAX: usize> Deserr<Faults> for UpTo<T, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let values = <Vec<T> as Deserr<Faults>>::deserialize_from_value(value, location)?;
        if values.len() > MAX {
            let detail = format!("must have at most {MAX} entries, has {}", values.len());
            return Err(Faults::refused(InputError::new(FaultCode::TooLong, detail), location));
        }
        Ok(UpTo(values))
    }
}

impl<T: ToSchema, const MAX: usize> utoipa::__dev::ComposeSchema for UpTo<T, MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let array =
            utoipa::openapi::ArrayBuilder::new().items(T::schema()).max_items(Some(MAX)).build();
        RefOr::T(Schema::Array(array))
    }
}

impl<T: ToSchema, const MAX: usize> ToSchema for UpTo<T, MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("UpTo{MAX}{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

pub type EventTypes = UpTo<EventTypeName, 20>;
pub type Metrics = UpTo<Metric, 8>;
pub type Dimensions = UpTo<Dimension, 5>;

/// What an event counts as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "code": "build.minutes", "name": "Build minutes", "description": "",
    "eventTypes": ["ci.build.finished"],
    "metrics": [{ "name": "seconds", "pointer": "/seconds", "unit": "s", "optional": false, "averaged": false }],
    "dimensions": [{ "name": "runner", "pointer": "/runner" }],
    "costPointer": null, "priceUnknownPointer": null, "referencePointer": null, "color": null,
    "displayOrder": null, "isSystem": false, "archivedAt": null, "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z", "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct Category {
    pub code: CategoryCode,
    pub name: CategoryName,
    pub description: Description,
    /// Each in one category of the organization.
    pub event_types: EventTypes,
    pub metrics: Metrics,
    pub dimensions: Dimensions,
    /// Where an event reports its cost in whole micro-dollars.
    pub cost_pointer: Option<Pointer>,
    /// Where an event says that it does not know its cost.
    pub price_unknown_pointer: Option<Pointer>,
    /// Where an event carries the reference of a reservation.
    pub reference_pointer: Option<Pointer>,
    pub color: Option<Color>,
    pub display_order: Option<i32>,
    pub is_system: bool,
    pub archived_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

impl Category {
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.0.iter().find(|metric| metric.name.as_str() == name)
    }

    pub fn has_dimension(&self, name: &str) -> bool {
        self.dimensions.0.iter().any(|dimension| dimension.name.as_str() == name)
    }

    /// Has it this measure: `count`, `cost` or a metric?
    pub fn has_measure(&self, name: &str) -> bool {
        name == COUNT || name == COST || self.metric(name).is_some()
    }

    /// Names are unique and not reserved, and the code hides none of the system's.
    ///
    /// # Errors
    /// `invalid_request` with every fault; `system_category`.
    pub fn check(&self) -> Result<()> {
        if is_system_code(self.code.as_str()) {
            return Err(Error::new(codes::SYSTEM_CATEGORY, "this code is the system's"));
        }
        let mut faults = Faults::default();
        let mut unique = |list: &str, names: Vec<&str>, reserved: &[&str]| {
            let mut seen = BTreeSet::new();
            for (index, name) in names.into_iter().enumerate() {
                let pointer = format!("/{list}/{index}");
                if reserved.contains(&name) {
                    faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, "is reserved"));
                } else if !seen.insert(name.to_owned()) {
                    faults.0.push(Fault::new(pointer, FaultCode::Duplicate, "is there already"));
                }
            }
        };
        let names = self.metrics.0.iter().map(|metric| metric.name.as_str()).collect();
        unique("metrics", names, &[COUNT, COST]);
        let names = self.dimensions.0.iter().map(|dimension| dimension.name.as_str()).collect();
        unique("dimensions", names, &["user", "team", "project", "subject"]);
        unique("eventTypes", self.event_types.0.iter().map(EventTypeName::as_str).collect(), &[]);
        if self.metrics.0.iter().filter(|metric| metric.averaged).count() > 2 {
            let detail = "at most two metrics are averaged";
            faults.0.push(Fault::new("/metrics", FaultCode::TooLong, detail));
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
    }

    /// Additions are possible at any time, other changes of metrics and dimensions never: what was
    /// counted stays what it was.
    ///
    /// # Errors
    /// `category_in_use`.
    pub fn check_successor(&self, next: &Category) -> Result<()> {
        let metrics_stay = next.metrics.0.starts_with(&self.metrics.0);
        // Dimensions are part of the keys of counters: what came before has no value of a new one.
        let dimensions_stay = next.dimensions.0.starts_with(&self.dimensions.0);
        if metrics_stay && dimensions_stay {
            return Ok(());
        }
        let detail = "metrics and dimensions can be added at the end, not changed or removed";
        Err(Error::new(codes::CATEGORY_IN_USE, detail))
    }
}
