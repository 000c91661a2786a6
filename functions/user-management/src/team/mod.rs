//! Teams and their members.

mod change;
mod list;
mod members;
mod people;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{change::*, list::*, members::*, people::*};
}

use millwright_core::{Result, TeamId, Tenant};
use millwright_http::{Caller, Representation};
use millwright_identity::Requires;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    domain::{Forest, Team, TeamMember, TeamRole},
    store::team_member_place,
};

/// A team with its place in the tree.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamView {
    #[serde(flatten)]
    team: Team,
    /// 1 at the root, at most 5.
    depth: usize,
}

impl TeamView {
    fn of(forest: &Forest, team: &Team) -> TeamView {
        TeamView { team: team.clone(), depth: forest.depth(team) }
    }
}

impl Representation for TeamView {
    fn version(&self) -> u64 {
        self.team.version
    }

    fn location(&self) -> String {
        format!("/api/v1/teams/{}", self.team.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

impl Representation for TeamMember {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/teams/{}/members/{}", self.team_id, self.user_id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// The caller holds `P`, or leads the team or one above it. At most one BatchGetItem.
///
/// # Errors
/// `forbidden`, recorded.
async fn require_or_lead<P: Requires>(
    app: &UserManagement,
    caller: &Caller,
    tenant: &Tenant,
    forest: &Forest,
    team: TeamId,
) -> Result<()> {
    if caller.may::<P>() {
        return Ok(());
    }
    if let Some(user) = caller.user() {
        let line = forest.line(Some(team));
        let places: Vec<_> =
            line.iter().map(|above| team_member_place(tenant, *above, user)).collect();
        for item in app.store.get_many(&places).await? {
            if item.decode::<TeamMember>()?.role == TeamRole::Lead {
                return Ok(());
            }
        }
    }
    Err(caller.deny::<P>("only its leads, or who may change all teams").await)
}
