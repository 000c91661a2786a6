//! Who is where: asked of the services that own it, in the caller's name.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use millwright_access::facts::{MembershipFacts, MembershipStatus, RoleFacts, RoleStatus};
use millwright_aws::{Called, Functions};
use millwright_core::Timestamp;
use millwright_core::{Clock, Error, OrgId, ProjectId, Result, RoleId, TeamId, Tenant, UserId};
use millwright_identity::Grants;
use millwright_store::Store;
use serde_json::Value;

use crate::{
    codes,
    domain::{TeamSeat, Teams},
};
use millwright_http::Asking;

/// The role of an active member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRole {
    /// The word of a built-in role, or the id of a custom one.
    pub role: String,
    pub grants: Grants,
}

/// What is asked of user-management and planning. Every failure is `directory_unavailable`.
pub trait Directory: Send + Sync {
    /// The teams of a member, and the tree of all teams.
    fn teams<'a>(
        &'a self,
        organization: OrgId,
        user: UserId,
        asking: &'a Asking,
    ) -> BoxFuture<'a, Result<Teams>>;

    /// True if the caller finds the project.
    fn project_exists<'a>(
        &'a self,
        project: ProjectId,
        asking: &'a Asking,
    ) -> BoxFuture<'a, Result<bool>>;

    /// True if the caller finds the team.
    fn team_exists<'a>(&'a self, team: TeamId, asking: &'a Asking) -> BoxFuture<'a, Result<bool>>;

    /// The role of an active member; none for anybody else.
    fn member_role<'a>(
        &'a self,
        tenant: &'a Tenant,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<MemberRole>>>;

    /// True for a custom role that can be given.
    fn role_exists<'a>(&'a self, tenant: &'a Tenant, role: RoleId) -> BoxFuture<'a, Result<bool>>;
}

fn unavailable(why: impl std::fmt::Display) -> Error {
    Error::new(codes::DIRECTORY_UNAVAILABLE, "try again in a moment")
        .because(why)
        .retry_after(Duration::from_secs(1))
}

/// The functions of user-management and planning, invoked directly with the caller's credential;
/// roles from the access facts.
pub struct InvokedDirectory {
    functions: Functions,
    /// The table of user-management.
    facts: Store,
}

impl InvokedDirectory {
    pub fn new(functions: Functions, facts: Store) -> InvokedDirectory {
        InvokedDirectory { functions, facts }
    }

    async fn get(&self, function: &str, path: &str, asking: &Asking) -> Result<Called> {
        let authorization = asking.authorization().ok_or_else(|| unavailable("no credential"))?;
        let headers = [("authorization", authorization.to_owned())];
        let called = self.functions.call(function, "GET", path, &headers, &Value::Null).await;
        called.map_err(unavailable)
    }
}

const USERS: &str = "user-management-api";
const PLANNING: &str = "planning-api";

fn id<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str().and_then(|text| text.parse().ok())
}

fn items(called: &Called) -> Result<&Vec<Value>> {
    match (called.status, called.body["items"].as_array()) {
        (200, Some(items)) => Ok(items),
        (status, _) => Err(unavailable(format!("user-management answered {status}"))),
    }
}

impl Directory for InvokedDirectory {
    fn teams<'a>(
        &'a self,
        organization: OrgId,
        user: UserId,
        asking: &'a Asking,
    ) -> BoxFuture<'a, Result<Teams>> {
        Box::pin(async move {
            let own = format!("/api/v1/organizations/{organization}/members/{user}/teams");
            let own = self.get(USERS, &own, asking).await?;
            if own.status == 404 {
                return Ok(Teams::default());
            }
            let seat = |item: &Value| {
                let team = id(&item["teamId"])?;
                Some(TeamSeat { team, leads: item["role"] == "lead" })
            };
            let seats: Vec<TeamSeat> = items(&own)?.iter().filter_map(seat).collect();
            if seats.is_empty() {
                return Ok(Teams::default());
            }
            let all = self.get(USERS, "/api/v1/teams", asking).await?;
            let line = |item: &Value| Some((id(&item["id"])?, id(&item["parentTeamId"])));
            Ok(Teams { seats, above: items(&all)?.iter().filter_map(line).collect() })
        })
    }

    fn project_exists<'a>(
        &'a self,
        project: ProjectId,
        asking: &'a Asking,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let path = format!("/api/v1/planning/projects/{project}");
            match self.get(PLANNING, &path, asking).await?.status {
                200 => Ok(true),
                403 | 404 => Ok(false),
                status => Err(unavailable(format!("planning answered {status}"))),
            }
        })
    }

    fn team_exists<'a>(&'a self, team: TeamId, asking: &'a Asking) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match self.get(USERS, &format!("/api/v1/teams/{team}"), asking).await?.status {
                200 => Ok(true),
                403 | 404 => Ok(false),
                status => Err(unavailable(format!("user-management answered {status}"))),
            }
        })
    }

    fn member_role<'a>(
        &'a self,
        tenant: &'a Tenant,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<MemberRole>>> {
        Box::pin(async move {
            let place = MembershipFacts::place(tenant, user);
            let found: Option<MembershipFacts> =
                self.facts.get(&place).await.map_err(unavailable)?;
            let active = found.filter(|facts| facts.status == MembershipStatus::Active);
            let Some(member) = active else { return Ok(None) };
            if let Some(system) = member.system_role {
                let grants = Grants::Role(system);
                return Ok(Some(MemberRole { role: system.to_string(), grants }));
            }
            let place = RoleFacts::place(tenant, member.role_id);
            let facts: Option<RoleFacts> = self.facts.get(&place).await.map_err(unavailable)?;
            let grants = facts.map_or(Grants::Nothing, |facts| facts.grants());
            Ok(Some(MemberRole { role: member.role_id.to_string(), grants }))
        })
    }

    fn role_exists<'a>(&'a self, tenant: &'a Tenant, role: RoleId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let found: Option<RoleFacts> =
                self.facts.get(&RoleFacts::place(tenant, role)).await.map_err(unavailable)?;
            Ok(found.is_some_and(|facts| facts.status == RoleStatus::Active))
        })
    }
}

/// Teams remembered for a minute: what is taken away there is gone here by then.
pub struct RememberedTeams {
    clock: Clock,
    held: Mutex<HashMap<(OrgId, UserId), (Timestamp, Teams)>>,
}

impl RememberedTeams {
    const MAX_AGE: Duration = Duration::from_secs(60);
    const MAX_HELD: usize = 1_000;

    pub fn new(clock: Clock) -> RememberedTeams {
        RememberedTeams { clock, held: Mutex::default() }
    }

    /// # Errors
    /// `directory_unavailable`.
    pub async fn get(
        &self,
        directory: &dyn Directory,
        organization: OrgId,
        user: UserId,
        asking: &Asking,
    ) -> Result<Teams> {
        let now = self.clock.now();
        if let Some((at, teams)) = self.lock().get(&(organization, user))
            && at.is_within(RememberedTeams::MAX_AGE, now)
        {
            return Ok(teams.clone());
        }
        let teams = directory.teams(organization, user, asking).await?;
        let mut held = self.lock();
        if held.len() >= RememberedTeams::MAX_HELD {
            held.clear();
        }
        held.insert((organization, user), (now, teams.clone()));
        Ok(teams)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(OrgId, UserId), (Timestamp, Teams)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
