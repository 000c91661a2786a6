//! Attempts and codes: found by what only their owner knows.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{GlobalPartition, Item, Key, Partition};

use crate::{
    domain::{Attempt, AuthorizationCode},
    secret::Fingerprint,
};

struct Login<'f>(&'f Fingerprint);

impl GlobalPartition for Login<'_> {
    fn partition(&self) -> String {
        format!("LOGIN#{}", self.0.as_str())
    }
}

struct Code<'f>(&'f Fingerprint);

impl GlobalPartition for Code<'_> {
    fn partition(&self) -> String {
        format!("CODE#{}", self.0.as_str())
    }
}

pub fn attempt_key(state: &Fingerprint) -> Key {
    Partition::global(&Login(state)).at("HEAD")
}

pub fn code_key(code: &Fingerprint) -> Key {
    Partition::global(&Code(code)).at("HEAD")
}

impl Item for Attempt {
    const KIND: &'static str = "login_attempt";

    fn key(&self, _tenant: &Tenant) -> Key {
        attempt_key(&self.state)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.started_at.plus(Attempt::LIFETIME))
    }
}

impl Item for AuthorizationCode {
    const KIND: &'static str = "authorization_code";

    fn key(&self, _tenant: &Tenant) -> Key {
        code_key(&self.fingerprint)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.issued_at.plus(AuthorizationCode::REMEMBERED))
    }
}
