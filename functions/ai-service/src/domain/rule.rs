//! Routing rules: which model a request gets that names none.

use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, Label, Line, ProjectId, RoleId, UserId};
use millwright_model::Capability;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChainId, Common, Few, ModelId, RuleId, UpTo};

millwright_core::wire_enum! {
    /// What a request is for, as its client says.
    pub enum TaskType {
        Planning = "planning",
        Coding = "coding",
        Review = "review",
        Chat = "chat",
        Summarize = "summarize",
        Extract = "extract",
        Other = "other",
    }
}

millwright_core::wire_enum! {
    /// How near the organization's budget is to its end.
    pub enum BudgetPhase {
        Abundant = "abundant",
        Normal = "normal",
        Caution = "caution",
        Crisis = "crisis",
    }
}

/// What a client calls a request; in lower case.
pub type Tag = Label;

/// What must hold of a request, all that is given. Empty: always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct RuleWhen {
    #[deserr(default)]
    #[schema(required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// Of the estimated input.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_input_tokens: Option<UpTo<10_000_000>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<UpTo<10_000_000>>,
    /// The request needs all of these.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Few<Capability, 0, 10>>,
    /// The request has all of these.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Few<Text, 0, 10>>,
    /// One of these.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_ids: Option<Few<ProjectId, 0, 50>>,
    /// One of these.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Few<UserId, 0, 50>>,
    /// One of these.
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_ids: Option<Few<RoleId, 0, 50>>,
    #[deserr(default)]
    #[schema(required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_phase: Option<BudgetPhase>,
}

type Text = Line<1, 50>;

/// Where a rule leads: a model or a chain, one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct RuleTarget {
    #[deserr(default)]
    #[schema(required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<ModelId>,
    #[deserr(default)]
    #[schema(required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<ChainId>,
}

impl RuleTarget {
    /// # Errors
    /// Unless exactly one of the two is given.
    pub fn check(&self) -> Result<(), Faults> {
        let detail = match (&self.model_id, &self.chain_id) {
            (Some(_), None) | (None, Some(_)) => return Ok(()),
            (None, None) => "must have modelId or chainId",
            (Some(_), Some(_)) => "must have modelId or chainId, not both",
        };
        Err(Faults::of(Fault::new("/target", FaultCode::NotAllowed, detail)))
    }
}

/// A routing rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    pub id: RuleId,
    #[serde(flatten)]
    pub common: Common,
    #[schema(inline)]
    pub name: Line<1, 80>,
    /// The least is tried first; of equals the older.
    pub position: u32,
    pub when: RuleWhen,
    pub target: RuleTarget,
    pub enabled: bool,
}
