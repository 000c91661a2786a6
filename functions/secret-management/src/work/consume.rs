//! secret-management-on-events: what others say, as orders to the jobs.

use std::sync::Arc;

use millwright_core::{Error, Line, ProjectId, Result, ServiceKeyId, TeamId, UserId};
use millwright_event::{Effects, Envelope, batch::Batch, inbox};
use millwright_store::{Condition, Store};
use serde::Deserialize;

use super::{JOBS, Order, WorkDue};
use crate::store::ProjectMark;

const CONSUMER: &str = "secret-management-on-events";

const MEMBERSHIP_REMOVED: &str = "users.membership.removed";
const TEAM_DELETED: &str = "teams.team.deleted";
const ORGANIZATION_DELETED: &str = "organizations.organization.deleted";
const PROJECT_DELETED: &str = "planning.project.deleted";
const PROJECT_RESTORED: &str = "planning.project.restored";
const KEY_REVOKED: &str = "auth.api_key.revoked";
const PROVIDER_DELETED: &str = "ai.provider.deleted";

/// The event types it is subscribed to.
pub const CONSUMED: &[&str] = &[
    MEMBERSHIP_REMOVED,
    TEAM_DELETED,
    ORGANIZATION_DELETED,
    PROJECT_DELETED,
    PROJECT_RESTORED,
    KEY_REVOKED,
    PROVIDER_DELETED,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfUser {
    user_id: UserId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfTeam {
    team_id: TeamId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfProject {
    project_id: ProjectId,
}

/// Personal keys have no grants of their own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfKey {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfProvider {
    provider_id: Line<1, 100>,
}

/// Works on a batch; what fails is marked in it.
pub async fn consume(store: Arc<Store>, mut batch: Batch) -> Batch {
    for message in std::mem::take(&mut batch.messages) {
        if let Err(error) = handle(&store, &message.envelope).await {
            batch.fail(&message, &error);
        }
    }
    batch
}

/// One transaction; for projects one read more.
async fn handle(store: &Store, envelope: &Envelope) -> Result<()> {
    if envelope.orgid.is_none() {
        return Ok(());
    }
    let order = match envelope.kind.as_str() {
        MEMBERSHIP_REMOVED => {
            let OfUser { user_id } = envelope.data_as()?;
            Order::Member { user_id, until: envelope.time }
        }
        TEAM_DELETED => {
            let OfTeam { team_id } = envelope.data_as()?;
            Order::Team { team_id }
        }
        KEY_REVOKED => {
            let OfKey { key_id } = envelope.data_as()?;
            let Ok(key_id) = key_id.parse::<ServiceKeyId>() else { return Ok(()) };
            Order::ServiceKey { key_id }
        }
        PROJECT_DELETED | PROJECT_RESTORED => {
            let OfProject { project_id } = envelope.data_as()?;
            Order::Project { project_id }
        }
        PROVIDER_DELETED => {
            let OfProvider { provider_id } = envelope.data_as()?;
            let (service, resource_type) = ("ai-service".to_owned(), "provider".to_owned());
            Order::Bound { service, resource_type, resource_id: provider_id.to_string() }
        }
        ORGANIZATION_DELETED => Order::Organization,
        _ => return Ok(()),
    };
    let decide = |mut effects: Effects| {
        let order = order.clone();
        async move {
            if let Order::Project { project_id } = order
                && !mark(store, &mut effects, envelope, project_id).await?
            {
                return Ok(effects);
            }
            effects.send(JOBS, &WorkDue { order })?;
            Ok(effects)
        }
    };
    inbox::once_by_value(store, CONSUMER, envelope, decide).await.map(drop)
}

/// Remembers whether the project is there; false if something later was said before.
async fn mark(
    store: &Store,
    effects: &mut Effects,
    envelope: &Envelope,
    project_id: ProjectId,
) -> Result<bool> {
    let is_deleted = envelope.kind == PROJECT_DELETED;
    let mark = ProjectMark { project_id, is_deleted, at: envelope.time };
    let place = ProjectMark::place(effects.tenant(), project_id);
    let before: Option<ProjectMark> = store.get(&place).await?;
    let unchanged = match &before {
        Some(before) if before.at >= mark.at => return Ok(false),
        Some(before) => Condition::default().equals("at", before.at),
        None => Condition::absent(),
    };
    let step = effects.put_when(&mark, unchanged);
    effects.refused_as(step, Error::lost_race());
    Ok(true)
}
