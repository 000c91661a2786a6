//! Whom a usage is attributed to.

use std::collections::BTreeMap;

use millwright_core::{ProjectId, TeamId, UserId};
use serde::{Deserialize, Serialize};

millwright_core::wire_enum! {
    /// Whose usage a series is.
    pub enum ScopeType {
        Organization = "organization",
        Team = "team",
        Project = "project",
        User = "user",
        Subject = "subject",
    }
}

/// To whom a usage belongs, besides the organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Only if it is none of the three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Attribution {
    /// The id it has for a type of scope: that of the organization is empty.
    pub fn of(&self, scope: ScopeType) -> Option<String> {
        match scope {
            ScopeType::Organization => Some(String::new()),
            ScopeType::Team => self.team_id.map(|id| id.to_string()),
            ScopeType::Project => self.project_id.map(|id| id.to_string()),
            ScopeType::User => self.user_id.map(|id| id.to_string()),
            ScopeType::Subject => self.subject.clone(),
        }
    }

    /// Every scope it counts in, the organization first.
    pub fn scopes(&self) -> Vec<(ScopeType, String)> {
        let all = ScopeType::ALL.iter();
        all.filter_map(|scope| Some((*scope, self.of(*scope)?))).collect()
    }
}

/// Names to values, such as dimensions.
pub type Labels = BTreeMap<String, String>;
