//! What must hold before a task is done.

use millwright_core::{FaultCode, Faults, InputError, Text};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

/// One thing that must hold before a task is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct AcceptanceCriterion {
    pub text: Text<1, 500>,
    #[deserr(default)]
    #[schema(required = false, default = false)]
    pub met: bool,
}

/// At most 20 criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AcceptanceCriteria(pub Vec<AcceptanceCriterion>);

impl AcceptanceCriteria {
    pub const MAX: usize = 20;

    pub fn unmet(&self) -> usize {
        self.0.iter().filter(|criterion| !criterion.met).count()
    }
}

impl deserr::Deserr<Faults> for AcceptanceCriteria {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let criteria =
            <Vec<AcceptanceCriterion> as deserr::Deserr<Faults>>::deserialize_from_value(
                value, location,
            )?;
        if criteria.len() > AcceptanceCriteria::MAX {
            let detail = format!("must have at most {} criteria", AcceptanceCriteria::MAX);
            return Err(Faults::refused(InputError::new(FaultCode::TooLong, detail), location));
        }
        Ok(AcceptanceCriteria(criteria))
    }
}

impl PartialSchema for AcceptanceCriteria {
    fn schema() -> RefOr<Schema> {
        let array = ArrayBuilder::new()
            .items(AcceptanceCriterion::schema())
            .max_items(Some(AcceptanceCriteria::MAX));
        RefOr::T(Schema::Array(array.build()))
    }
}

impl ToSchema for AcceptanceCriteria {}
