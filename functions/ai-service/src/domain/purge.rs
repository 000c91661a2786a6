//! Which answers of the cache are to be gone.

use std::time::Duration;

use millwright_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ModelId;

/// Answers that were made until a moment: all, or those of a model, or those that are one person's
/// alone, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Purge {
    pub model_id: Option<ModelId>,
    pub user_id: Option<UserId>,
    pub at: Timestamp,
}

impl Purge {
    /// Longer than any answer is kept.
    pub const KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);

    /// True if the answer is among them.
    pub fn takes(&self, model: ModelId, user: Option<UserId>, created_at: Timestamp) -> bool {
        created_at <= self.at
            && self.model_id.is_none_or(|it| it == model)
            && self.user_id.is_none_or(|it| user == Some(it))
    }
}
