//! auth-jobs: tidies up behind users, memberships and organizations that are gone, notes when keys
//! were used, and says which expire soon.
//!
//! Access has ended through facts and feeds before any of this: what comes late, twice or in another
//! order ends in the same state. Every effect looks at what stands (a session that is revoked is not
//! revoked again, and no event tells of it twice), and an event is remembered with the last of its
//! effects. What was made after the time of an event is another membership's, or a reactivated
//! account's, and stays.

mod keys;
mod person;
mod sweep;
mod used;

use std::sync::Arc;

use millwright_access::api_keys::KeyUsed;
use millwright_core::{OrgId, Result, Tenant, UserId};
use millwright_event::{Effects, Envelope, Event, batch::Batch, inbox::once_by_value};
use millwright_store::Store;
use serde::Deserialize;

use crate::{
    events::KeyRevokedReason,
    jobs::keys::{Ending, Going, end_organization},
    store::Owner,
    vouch,
};

pub use sweep::sweep;

/// The name under which the inbox remembers what was done.
const CONSUMER: &str = "auth-jobs";

const USER_DEACTIVATED: &str = "users.user.deactivated";
const USER_DELETION_SCHEDULED: &str = "users.user.deletion_scheduled";
const USER_DELETED: &str = "users.user.deleted";
const MEMBERSHIP_REMOVED: &str = "users.membership.removed";
const ORGANIZATION_DELETED: &str = "organizations.organization.deleted";

/// The event types it is subscribed to.
pub const CONSUMED: &[&str] = &[
    USER_DEACTIVATED,
    USER_DELETION_SCHEDULED,
    USER_DELETED,
    MEMBERSHIP_REMOVED,
    ORGANIZATION_DELETED,
];

/// What events of user-management say, as far as it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfUser {
    user_id: UserId,
    /// Where the user belonged.
    #[serde(default)]
    organization_ids: Vec<OrgId>,
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

async fn handle(store: &Store, envelope: &Envelope) -> Result<()> {
    match envelope.kind.as_str() {
        USER_DEACTIVATED | USER_DELETION_SCHEDULED => {
            let told: OfUser = envelope.data_as()?;
            person::end_sessions(store, envelope, told.user_id).await
        }
        USER_DELETED => {
            let told: OfUser = envelope.data_as()?;
            person::erase(store, envelope, told.user_id, &told.organization_ids).await
        }
        MEMBERSHIP_REMOVED => {
            let told: OfUser = envelope.data_as()?;
            member_removed(store, envelope, told.user_id).await
        }
        ORGANIZATION_DELETED => {
            end_organization(store, envelope, &organization(envelope)?).await?;
            once_by_value(store, CONSUMER, envelope, async |effects| Ok(effects)).await.map(drop)
        }
        KeyUsed::TYPE => used::note(store, &envelope.data_as()?).await,
        kind => {
            tracing::warn!(kind, "nothing to do for this type");
            Ok(())
        }
    }
}

/// Revokes the personal keys that the membership had. One GetItem, one BatchGetItem and one
/// transaction of at most 63 items.
async fn member_removed(store: &Store, envelope: &Envelope, user: UserId) -> Result<()> {
    let organization = organization(envelope)?;
    let ending = Ending {
        owner: Owner::Person(user),
        reason: KeyRevokedReason::MemberRemoved,
        until: Some(envelope.time),
    };
    let decide = async |mut effects: Effects| {
        if let Some(going) = Going::find(store, &organization, ending).await? {
            going.write(&mut effects, &organization, &envelope.actorid)?;
        }
        Ok(effects)
    };
    once_by_value(store, CONSUMER, envelope, decide).await.map(drop)
}

fn organization(envelope: &Envelope) -> Result<Tenant> {
    let id = envelope.orgid.ok_or_else(|| envelope.unreadable("orgid is missing"))?;
    Ok(vouch::organization(id))
}
