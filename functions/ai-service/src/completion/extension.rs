//! The object `millwright` of a request: what no provider needs to know.

use deserr::Deserr;
use millwright_core::{Faults, Line, ProjectId};
use millwright_model::{Code, SurfaceError};
use serde_json::Value;

use super::cache::CacheWish;
use crate::{
    domain::{Few, TaskType, TimeoutOverrides, UpTo},
    prompt::PromptWish,
};

/// What a client may say of its request.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct Extension {
    #[deserr(default)]
    pub task_type: Option<TaskType>,
    #[deserr(default)]
    pub tags: Option<Few<Line<1, 50>, 0, 10>>,
    #[deserr(default)]
    pub project_id: Option<ProjectId>,
    /// Messages that go before those of the request.
    #[deserr(default)]
    pub prompt: Option<PromptWish>,
    /// False: this model and no other.
    #[deserr(default)]
    pub fallback: Option<bool>,
    #[deserr(default)]
    pub timeouts: Option<TimeoutOverrides>,
    #[deserr(default)]
    pub max_cost_micros: Option<UpTo<1_000_000_000_000>>,
    #[deserr(default)]
    pub cache: Option<CacheWish>,
    /// Whether the answer is held against the schema; by default if that is strict.
    #[deserr(default)]
    pub validate_schema: Option<bool>,
    /// How often an answer that does not match is asked for again.
    #[deserr(default)]
    pub repair_attempts: Option<UpTo<3>>,
}

impl Extension {
    /// # Errors
    /// `invalid_request`: the first fault, by its field.
    pub fn read(value: Option<Value>) -> Result<Extension, SurfaceError> {
        let Some(value) = value else { return Ok(Extension::default()) };
        deserr::deserialize::<Extension, Value, Faults>(value).map_err(|faults| {
            let first = faults.0.first();
            let place = first.map(|fault| fault.pointer.replace('/', ".")).unwrap_or_default();
            let detail = first.map(|fault| fault.detail.to_string()).unwrap_or_default();
            let param = format!("millwright{place}");
            SurfaceError {
                code: Code::InvalidRequest,
                message: format!("{param}: {detail}"),
                param: Some(param),
            }
        })
    }

    pub fn tags(&self) -> Vec<String> {
        let tags = self.tags.iter().flat_map(|tags| tags.as_slice());
        tags.map(ToString::to_string).collect()
    }
}
