//! Bulk requests: up to 100 operations in one, each with its own result.

use http::StatusCode;
use millwright_core::{Error, FaultCode, Faults, InputError, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

use crate::{Answer, Describe, OperationDocument, answer::Rendered, problem};

/// 1 to `MAX` operations, described by `T` and not read yet: each is refused for itself.
#[derive(Clone, Debug)]
pub struct Operations<T, const MAX: usize> {
    pub values: Vec<Value>,
    described: std::marker::PhantomData<fn() -> T>,
}

impl<T, const MAX: usize> deserr::Deserr<Faults> for Operations<T, MAX> {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let values =
            <Vec<Value> as deserr::Deserr<Faults>>::deserialize_from_value(value, location)?;
        let refused = match values.len() {
            0 => Some((FaultCode::TooShort, "must have an operation".to_owned())),
            n if n > MAX => Some((FaultCode::TooLong, format!("must have at most {MAX}"))),
            _ => None,
        };
        match refused {
            Some((code, detail)) => Err(Faults::refused(InputError::new(code, detail), location)),
            None => Ok(Operations { values, described: std::marker::PhantomData }),
        }
    }
}

impl<T: ToSchema, const MAX: usize> ComposeSchema for Operations<T, MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let array = ArrayBuilder::new().items(T::schema()).min_items(Some(1)).max_items(Some(MAX));
        RefOr::T(Schema::Array(array.build()))
    }
}

impl<T: ToSchema, const MAX: usize> ToSchema for Operations<T, MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{}Operations", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "status": 201, "id": "task_01jdz7xk2nf5h9vq3w8c6m4t0b", "version": 1 }))]
pub struct BatchResult {
    /// As if the operation had been sent alone.
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    /// The thing it was about, if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub id: Option<String>,
    /// Its version afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub version: Option<u64>,
    /// Why it did not; pointers are relative to the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub problem: Option<Value>,
}

impl BatchResult {
    pub fn done(status: StatusCode, id: impl ToString, version: u64) -> BatchResult {
        let (id, version) = (Some(id.to_string()), Some(version));
        BatchResult { status: status.as_u16(), id, version, problem: None }
    }

    pub fn refused(error: &Error) -> BatchResult {
        let status = problem::status(error.kind());
        if status.is_server_error() {
            tracing::error!(%error, "an operation of a batch failed");
        }
        let problem = Some(Value::Object(problem::members(error)));
        BatchResult { status: status.as_u16(), id: None, version: None, problem }
    }
}

/// The results, in the order of the operations.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchResults {
    pub results: Vec<BatchResult>,
}

/// Results of the operations that one transaction carried out, with their places in the batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchStep(pub Vec<(usize, BatchResult)>);

impl Answer for BatchStep {
    fn render(&self) -> Result<Rendered> {
        let body = Some(serde_json::to_string(self).map_err(Error::internal)?);
        let status = StatusCode::OK;
        Ok(Rendered::of(status, body))
    }
}

/// Only the batch itself answers.
impl Describe for BatchStep {
    fn describe(_document: &mut OperationDocument) {}
}
