//! The verifier of keys that every function has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use millwright_core::{Clock, Error, Result, Tenant, Timestamp, Voucher, codes};
use millwright_identity::{ApiKeys, FactVersions, Grants, Pattern, Principal, Revocations};
use millwright_store::Store;

use super::{
    id::{parts, place_of, secret_hash},
    record::{KeyRecord, KeyUsed},
};
use crate::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, RoleFacts,
    RoleStatus, UserFacts, UserStatus,
};

/// Where uses of keys are told. What gets lost is no harm.
pub trait KeyUses: Send + Sync {
    fn tell(&self, used: KeyUsed) -> BoxFuture<'_, ()>;
}
/// A key's use is told at most so often.
const TOLD: Duration = Duration::from_secs(600);
/// How long a key and its facts are remembered.
const FRESH: Duration = Duration::from_secs(20);
/// More keys than one function instance meets in that time.
const MAX_REMEMBERED: usize = 10_000;

/// Resolves API keys: one GetItem of the key and one BatchGetItem of facts, one GetItem more for a
/// custom role; nothing within 20 seconds of the last time.
pub struct StoredApiKeys {
    keys: Store,
    facts: Store,
    revocations: Arc<dyn Revocations>,
    clock: Clock,
    remembered: Mutex<HashMap<String, Remembered>>,
    uses: Option<Arc<dyn KeyUses>>,
    /// When the use of a key was told, by its prefix.
    told: Mutex<HashMap<String, Timestamp>>,
}

#[derive(Clone)]
struct Remembered {
    at: Timestamp,
    record: KeyRecord,
    principal: Principal,
}

/// One and the same answer, whatever is wrong.
fn invalid(why: &'static str) -> Error {
    Error::new(codes::INVALID_TOKEN, "the access token is not accepted").because(why)
}

impl StoredApiKeys {
    /// Reads the tables of auth and of user-management.
    pub fn new(
        keys: Store,
        facts: Store,
        revocations: Arc<dyn Revocations>,
        clock: Clock,
    ) -> StoredApiKeys {
        let (remembered, told) = (Mutex::default(), Mutex::default());
        StoredApiKeys { keys, facts, revocations, clock, remembered, uses: None, told }
    }

    /// Tells of uses: of each key at most once in ten minutes.
    #[must_use]
    pub fn telling(self, uses: Arc<dyn KeyUses>) -> StoredApiKeys {
        StoredApiKeys { uses: Some(uses), ..self }
    }

    /// One SendMessage at most.
    async fn tell(&self, record: &KeyRecord, address: Option<IpAddr>, now: Timestamp) {
        let Some(uses) = &self.uses else { return };
        let is_recent = |at: Timestamp| at.is_within(TOLD, now);
        if record.summary.last_used_at.is_some_and(is_recent) {
            return;
        }
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let prefix = record.summary.id.prefix();
            if told.get(&prefix).is_some_and(|at| is_recent(*at)) {
                return;
            }
            if told.len() >= MAX_REMEMBERED {
                told.retain(|_, at| is_recent(*at));
            }
            told.insert(prefix, now);
        }
        let address = address.map(|it| it.to_string());
        uses.tell(KeyUsed { key_id: record.summary.id, at: now, address }).await;
    }

    async fn resolve(&self, key: &str, address: Option<IpAddr>) -> Result<Principal> {
        let (prefix, secret) = parts(key).ok_or_else(|| invalid("form or checksum"))?;
        let now = self.clock.now();
        let hash = secret_hash(key);
        let known = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.get(&hash).filter(|it| it.at.is_within(FRESH, now)).cloned()
        };
        let known = match known {
            Some(known) => known,
            None => self.read(prefix, secret, now).await?,
        };
        if !known.record.accepts(secret, now) || !known.record.admits(address) {
            return Err(invalid("secret, time or network"));
        }
        self.revocations.check(&known.principal).await?;
        self.tell(&known.record, address, now).await;
        let principal = known.principal.clone();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, it| it.at.is_within(FRESH, now));
        }
        remembered.insert(hash, known);
        Ok(principal)
    }

    async fn read(&self, prefix: &str, secret: &str, now: Timestamp) -> Result<Remembered> {
        let record: Option<KeyRecord> = self.keys.get(&place_of(prefix)).await?;
        let record = record.filter(|it| it.summary.id.prefix() == prefix);
        let record = record.ok_or_else(|| invalid("prefix"))?;
        if !record.accepts(secret, now) {
            return Err(invalid("secret or time"));
        }
        let principal = self.principal(&record).await?;
        Ok(Remembered { at: now, record, principal })
    }

    /// Who the key stands for, as the facts are now.
    #[allow(clippy::disallowed_methods, reason = "a verified key vouches for its organization")]
    async fn principal(&self, record: &KeyRecord) -> Result<Principal> {
        let summary = &record.summary;
        let tenant = Tenant::vouched(summary.organization_id, Voucher::Credential);
        let mut places = vec![OrganizationFacts::place(&tenant)];
        if let Some(user) = summary.user_id {
            places.push(UserFacts::place(&Tenant::person(user, Voucher::Credential)));
            places.push(MembershipFacts::place(&tenant, user));
        }
        let items = self.facts.get_many(&places).await?;
        let organization = items.iter().find(|item| item.is::<OrganizationFacts>());
        let organization = organization.map(|item| item.decode::<OrganizationFacts>());
        let organization = organization.transpose()?.ok_or_else(|| invalid("organization"))?;
        if organization.status != OrganizationStatus::Active {
            return Err(invalid("organization"));
        }
        let scopes: Vec<Pattern> =
            summary.scopes.iter().filter_map(|text| text.parse().ok()).collect();
        let mut principal = Principal {
            subject: summary.user_id.map_or_else(|| summary.id.to_string(), |id| id.to_string()),
            tenant: Some(tenant),
            role: None,
            grants: Grants::Patterns(scopes.clone()),
            client_id: summary.id.prefix(),
            session_id: None,
            key_id: Some(summary.id.to_string()),
            is_operator: false,
            fact_versions: FactVersions {
                organization: organization.access_version,
                ..FactVersions::default()
            },
            signed_in_at: None,
            token_id: summary.id.to_string(),
            expires_at: summary.expires_at,
        };
        if summary.user_id.is_none() {
            return Ok(principal);
        }
        let user = items.iter().find(|item| item.is::<UserFacts>());
        let user = user.map(|item| item.decode::<UserFacts>()).transpose()?;
        let membership = items.iter().find(|item| item.is::<MembershipFacts>());
        let membership = membership.map(|item| item.decode::<MembershipFacts>()).transpose()?;
        let (Some(user), Some(membership)) = (user, membership) else {
            return Err(invalid("owner"));
        };
        if user.status != UserStatus::Active
            || membership.status != MembershipStatus::Active
            || !organization.personal_api_keys_allowed
        {
            return Err(invalid("owner, or personal keys are forbidden"));
        }
        let mut role_version = 0;
        let role = match membership.system_role {
            Some(role) => {
                principal.role = Some(role.to_string());
                Grants::Role(role)
            }
            None => {
                principal.role = Some(membership.role_id.to_string());
                let place = RoleFacts::place(&tenant, membership.role_id);
                let role: Option<RoleFacts> = self.facts.get(&place).await?;
                role_version = role.as_ref().map_or(0, |it| it.access_version);
                let active = role.filter(|it| it.status == RoleStatus::Active);
                active.map_or(Grants::Nothing, |it| it.grants())
            }
        };
        principal.grants = Grants::Scoped { role: Box::new(role), scopes };
        principal.fact_versions.user = user.access_version;
        principal.fact_versions.membership = membership.access_version;
        principal.fact_versions.role = role_version;
        Ok(principal)
    }
}

impl ApiKeys for StoredApiKeys {
    fn authenticate<'a>(
        &'a self,
        key: &'a str,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Principal>> {
        self.resolve(key, address).boxed()
    }
}
