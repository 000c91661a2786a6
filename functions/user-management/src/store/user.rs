//! Items of a user.

use std::time::Duration;

use millwright_core::{Error, Result, Tenant, Timestamp, UserId};
use millwright_store::{Condition, GlobalPartition, Item, Key, Partition, Step, Transaction};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{Email, Preferences, User},
};

/// `tenant` is the person.
pub fn user_place(tenant: &Tenant) -> Key {
    Partition::of(tenant).at("PROFILE")
}

impl Item for User {
    const KIND: &'static str = "user";

    fn key(&self, tenant: &Tenant) -> Key {
        user_place(tenant)
    }
}

/// An address belongs to one user at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailMarker {
    pub email: Email,
    pub user_id: UserId,
}

struct EmailOwner<'a>(&'a Email);

impl GlobalPartition for EmailOwner<'_> {
    fn partition(&self) -> String {
        format!("EMAIL#{}", self.0)
    }
}

impl EmailMarker {
    pub fn place(email: &Email) -> Key {
        Partition::global(&EmailOwner(email)).at("HEAD")
    }

    /// Gives the address to the user, if nobody else has it.
    pub fn take(transaction: &mut Transaction, email: &Email, user_id: UserId) -> Step {
        let step = transaction.create(&EmailMarker { email: email.clone(), user_id });
        let detail = "another user has this address";
        transaction.refused_as(step, Error::new(codes::EMAIL_TAKEN, detail));
        step
    }
}

impl Item for EmailMarker {
    const KIND: &'static str = "email";

    fn key(&self, _tenant: &Tenant) -> Key {
        EmailMarker::place(&self.email)
    }
}

/// The most organizations a user founds within a day.
pub const MAX_FOUNDINGS: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// When a user founded organizations, as far as it limits the next one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Foundings {
    pub version: u64,
    pub times: Vec<Timestamp>,
}

impl Foundings {
    pub fn place(tenant: &Tenant) -> Key {
        Partition::of(tenant).at("FOUNDINGS")
    }

    /// # Errors
    /// `organization_limit_reached`, with the time to wait.
    pub fn with_another(&self, now: Timestamp) -> Result<Foundings> {
        let recent = self.times.iter().copied().filter(|at| at.is_within(DAY, now));
        let mut times: Vec<Timestamp> = recent.collect();
        if let (true, Some(first)) = (times.len() >= MAX_FOUNDINGS, times.first()) {
            let detail = format!("at most {MAX_FOUNDINGS} organizations a day");
            return Err(Error::new(codes::ORGANIZATION_LIMIT_REACHED, detail)
                .with("limit", MAX_FOUNDINGS)
                .retry_after(first.plus(DAY).since(now)));
        }
        times.push(now);
        Ok(Foundings { version: self.version + 1, times })
    }

    /// Writes the successor of `before`; refused if somebody was faster.
    pub fn succeed(&self, transaction: &mut Transaction, before: &Foundings) {
        let step = match before.version {
            0 => transaction.create(self),
            version => transaction.put_when(self, Condition::version(version)),
        };
        transaction.refused_as(step, Error::lost_race());
    }
}

impl Item for Foundings {
    const KIND: &'static str = "foundings";

    fn key(&self, tenant: &Tenant) -> Key {
        Foundings::place(tenant)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.times.last().map(|last| last.plus(2 * DAY))
    }
}

/// The preferences of a user; there are none as long as nobody has set anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreferencesItem {
    pub version: u64,
    /// JSON as text: the table's numbers and depth are not ours.
    json: String,
}

impl PreferencesItem {
    pub fn of(preferences: &Preferences) -> Result<PreferencesItem> {
        let json = serde_json::to_string(preferences).map_err(Error::internal)?;
        Ok(PreferencesItem { version: preferences.version, json })
    }

    pub fn preferences(&self) -> Result<Preferences> {
        serde_json::from_str(&self.json).map_err(Error::internal)
    }

    pub fn place(person: &Tenant) -> Key {
        Partition::of(person).at("PREFERENCES")
    }
}

impl Item for PreferencesItem {
    const KIND: &'static str = "preferences";

    fn key(&self, person: &Tenant) -> Key {
        PreferencesItem::place(person)
    }
}
