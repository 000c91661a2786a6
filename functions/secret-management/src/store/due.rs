//! What falls due, by the hour, whoever's it is: the sweep looks nowhere else.

use std::str::FromStr;

use millwright_core::{Error, OrgId, Result, Tenant, Timestamp};
use millwright_store::{GlobalPartition, Index, IndexKeys, Item, Key, Partition, Query, RawItem};
use serde::{Deserialize, Serialize};

use crate::domain::{DataKeyId, GranteeType, SecretId};

/// The shards of an hour.
pub const DUE_SHARDS: u8 = 8;

struct DueHour(String);

impl GlobalPartition for DueHour {
    fn partition(&self) -> String {
        format!("DUE#{}", self.0)
    }
}

/// What falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueThing {
    /// A reminder, expiry, rotation, deadline or purge of a secret.
    Secret(SecretId),
    /// A grant ends.
    Grant(SecretId, GranteeType, String),
    /// A data key is to be retired or destroyed.
    DataKey(DataKeyId),
    /// The daily look at an organization's secrets.
    Posture,
    /// A value was put into the secret store, and its secret never came to be.
    Stored(SecretId),
}

impl DueThing {
    fn text(&self) -> String {
        match self {
            DueThing::Secret(id) => format!("secret#{id}"),
            DueThing::Grant(id, kind, grantee) => format!("grant#{id}#{kind}#{grantee}"),
            DueThing::DataKey(id) => format!("key#{id}"),
            DueThing::Posture => "posture#".to_owned(),
            DueThing::Stored(id) => format!("stored#{id}"),
        }
    }

    fn read(text: &str) -> Option<DueThing> {
        fn id<T: FromStr>(text: &str) -> Option<T> {
            text.parse().ok()
        }
        let (kind, rest) = text.split_once('#')?;
        match kind {
            "stored" => id(rest).map(DueThing::Stored),
            "secret" => id(rest).map(DueThing::Secret),
            "key" => id(rest).map(DueThing::DataKey),
            "posture" => Some(DueThing::Posture),
            "grant" => {
                let mut parts = rest.splitn(3, '#');
                let (secret, kind) = (id(parts.next()?)?, id(parts.next()?)?);
                Some(DueThing::Grant(secret, kind, parts.next()?.to_owned()))
            }
            _ => None,
        }
    }
}

fn hour(at: Timestamp, shard: u8) -> Partition {
    Partition::global(&DueHour(format!("{}#{shard}", at.hour_bucket())))
}

/// Lets the sweep find an item at its time; nothing if there is none.
pub fn due_at(
    keys: IndexKeys,
    tenant: &Tenant,
    at: Option<Timestamp>,
    thing: DueThing,
) -> IndexKeys {
    let (Some(at), Some(organization)) = (at, tenant.organization()) else { return keys };
    let text = thing.text();
    let shard = text.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let sort_key = format!("{at}#{organization}#{text}");
    keys.on(Index::Gsi2, hour(at, shard % DUE_SHARDS), sort_key)
}

/// What is due in an hour until now, the earliest first.
pub fn due_in(at: Timestamp, shard: u8, now: Timestamp) -> Query {
    // What sorts right behind everything of this very moment.
    Query::index(Index::Gsi2, hour(at, shard)).until_sort_key(format!("{now}~"))
}

/// Whose it is, and what.
///
/// # Errors
/// `internal` for what this module did not write.
pub fn due_thing(item: &RawItem) -> Result<(OrgId, DueThing)> {
    let read = |text: &str| {
        let mut parts = text.splitn(3, '#');
        let (_, organization) = (parts.next()?, parts.next()?.parse().ok()?);
        Some((organization, DueThing::read(parts.next()?)?))
    };
    let text = item.text(Index::Gsi2.sort_key()).unwrap_or_default();
    read(text).ok_or_else(|| Error::internal(format!("{text} is not due")))
}

/// Everything that was due before this hour has happened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Swept {
    pub until: Timestamp,
}

impl Swept {
    pub fn place() -> Key {
        Partition::global(&DueHour("SWEPT".to_owned())).at("HEAD")
    }
}

impl Item for Swept {
    const KIND: &'static str = "swept";

    fn key(&self, _tenant: &Tenant) -> Key {
        Swept::place()
    }
}
