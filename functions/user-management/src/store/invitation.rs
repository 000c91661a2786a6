//! Items of invitations.

use std::time::Duration;

use millwright_core::{Error, OrgId, Tenant, Timestamp};
use millwright_store::{
    Condition, GlobalPartition, Item, Key, Partition, Query, Transaction, Update,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{Email, Invitation, InvitationId},
};

/// How long a token outlives its invitation: so long who repeats an acceptance is told the same.
const AFTERLIFE: Duration = Duration::from_secs(30 * 24 * 3600);

fn invitations(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("INVITATIONS")
}

/// The invitations of an organization, newest first.
pub fn newest_invitations(tenant: &Tenant) -> Query {
    Query::partition(invitations(tenant)).descending(true)
}

/// A stored invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationItem {
    pub version: u64,
    pub invitation: Invitation,
    /// The token itself is nowhere.
    pub token_hash: String,
}

impl InvitationItem {
    pub fn of(invitation: &Invitation, token_hash: &str) -> InvitationItem {
        InvitationItem {
            version: invitation.version,
            invitation: invitation.clone(),
            token_hash: token_hash.to_owned(),
        }
    }

    pub fn place(tenant: &Tenant, id: InvitationId) -> Key {
        invitations(tenant).at(id)
    }
}

impl Item for InvitationItem {
    const KIND: &'static str = "invitation";

    fn key(&self, tenant: &Tenant) -> Key {
        InvitationItem::place(tenant, self.invitation.id)
    }
}

/// The one pending invitation of an address in an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingMarker {
    pub email: Email,
    pub invitation_id: InvitationId,
}

impl PendingMarker {
    pub fn place(tenant: &Tenant, email: &Email) -> Key {
        Partition::of(tenant).and("INVITED").at(email)
    }

    /// Puts this one in the place of `superseded`, or of none; refused as a lost race.
    pub fn take(self, transaction: &mut Transaction, superseded: Option<InvitationId>) {
        let condition = match superseded {
            Some(old) => Condition::default().equals("invitationId", old),
            None => Condition::absent(),
        };
        let step = transaction.put_when(&self, condition);
        transaction.refused_as(step, Error::lost_race());
    }
}

impl Item for PendingMarker {
    const KIND: &'static str = "invited";

    fn key(&self, tenant: &Tenant) -> Key {
        PendingMarker::place(tenant, &self.email)
    }
}

struct OfInvitee<'a>(&'a Email);

impl GlobalPartition for OfInvitee<'_> {
    fn partition(&self) -> String {
        format!("INVITEE#{}", self.0)
    }
}

/// Leads from an address to the invitations sent there, as long as there are any.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitee {
    pub email: Email,
    pub organization_id: OrgId,
    pub invitation_id: InvitationId,
    pub expires_at: Timestamp,
}

impl Invitee {
    pub fn place(email: &Email, id: InvitationId) -> Key {
        Partition::global(&OfInvitee(email)).at(id)
    }

    /// The invitations of an address, newest first.
    pub fn newest(email: &Email) -> Query {
        Query::partition(Partition::global(&OfInvitee(email))).descending(true)
    }
}

impl Item for Invitee {
    const KIND: &'static str = "invitee";

    fn key(&self, _tenant: &Tenant) -> Key {
        Invitee::place(&self.email, self.invitation_id)
    }
}

struct OfToken<'a>(&'a str);

impl GlobalPartition for OfToken<'_> {
    fn partition(&self) -> String {
        format!("INVITETOKEN#{}", self.0)
    }
}

/// Leads from a token to its invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenMarker {
    pub token_hash: String,
    pub organization_id: OrgId,
    pub invitation_id: InvitationId,
    pub expires_at: Timestamp,
}

impl TokenMarker {
    pub fn place(token_hash: &str) -> Key {
        Partition::global(&OfToken(token_hash)).at("HEAD")
    }
}

impl Item for TokenMarker {
    const KIND: &'static str = "invitation_token";

    fn key(&self, _tenant: &Tenant) -> Key {
        TokenMarker::place(&self.token_hash)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at.plus(AFTERLIFE))
    }
}

/// How many invitations an organization sends in a day, sent again ones included.
const MAX_SENT: u64 = 2_000;

/// Counts one more letter of the day, within the limit. One item.
pub fn count_sent(transaction: &mut Transaction, now: Timestamp) {
    let day = now.to_string().chars().take(10).collect::<String>();
    let key = Partition::of(transaction.tenant()).and("SENT").at(day);
    let below = Condition::default().less_than("count", MAX_SENT).or_attribute_absent("count");
    let ttl = now.plus(Duration::from_secs(2 * 24 * 3600)).as_second();
    let step = transaction.update(&key, &Update::when(below).add("count", 1).set("ttl", ttl));
    let detail = format!("at most {MAX_SENT} invitations a day");
    let refused = Error::new(codes::INVITATION_LIMIT_REACHED, detail);
    transaction.refused_as(step, refused.with("limit", MAX_SENT));
}
