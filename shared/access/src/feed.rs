//! The revocation feed of a table: pk `FEED`, sk `<milliseconds>#<id>`, kept 20 minutes. Tokens live
//! 15: what is older revokes nothing that still lives.

use std::{fmt, time::Duration};

use millwright_core::{
    ApiKeyId, OrgId, RoleId, ServiceKeyId, SessionId, Tenant, Timestamp, UserId,
};
use millwright_store::{GlobalPartition, Item, Key, Partition, Transaction};
use serde::{Deserialize, Serialize};

/// How long an item is kept.
pub const RETENTION: Duration = Duration::from_secs(20 * 60);

/// The one partition. A table with more withdrawals than a partition takes, 1,000 a second, has
/// other worries first.
pub struct Feed;

impl GlobalPartition for Feed {
    fn partition(&self) -> String {
        "FEED".to_owned()
    }
}

/// The sort key of the first item at a time.
pub fn sort_key_from(at: Timestamp) -> String {
    format!("{:013}#", at.as_millisecond().max(0))
}

/// What rights were taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    User(UserId),
    Organization(OrgId),
    Membership(OrgId, UserId),
    Role(RoleId),
    Session(SessionId),
    ApiKey(ApiKeyId),
    ServiceKey(ServiceKeyId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(id) => id.fmt(f),
            Subject::Organization(id) => id.fmt(f),
            Subject::Membership(organization, user) => write!(f, "{organization}/{user}"),
            Subject::Role(id) => id.fmt(f),
            Subject::Session(id) => id.fmt(f),
            Subject::ApiKey(id) => id.fmt(f),
            Subject::ServiceKey(id) => id.fmt(f),
        }
    }
}

/// One withdrawal; it revokes any number of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedItem {
    /// As [`Subject`] is written.
    pub subject: String,
    /// Tokens issued from an older version are out of date; none: there is nothing any more.
    pub access_version: Option<u64>,
    pub at: Timestamp,
    pub id: String,
}

impl Item for FeedItem {
    const KIND: &'static str = "feed";

    fn key(&self, _tenant: &Tenant) -> Key {
        Partition::global(&Feed).at(format!("{}{}", sort_key_from(self.at), self.id))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.at.plus(RETENTION))
    }
}

/// Tokens from an older access version are refused from now on, within 60 seconds everywhere. One
/// item of the transaction.
pub fn outdate(transaction: &mut Transaction, subject: Subject, access_version: u64) {
    write(transaction, subject, Some(access_version));
}

/// Session or key are dead from now on, within 60 seconds everywhere. One item of the transaction.
pub fn kill(transaction: &mut Transaction, subject: Subject) {
    write(transaction, subject, None);
}

fn write(transaction: &mut Transaction, subject: Subject, access_version: Option<u64>) {
    let store = transaction.store();
    let (at, id) = (store.clock().now(), store.ids().next_uuid().to_string());
    transaction.put(&FeedItem { subject: subject.to_string(), access_version, at, id });
}
