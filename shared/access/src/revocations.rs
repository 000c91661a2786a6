//! The feeds in memory of a verifier (specs auth 5.6).

use std::{collections::HashMap, time::Duration};

use futures::{FutureExt, future::BoxFuture, future::try_join_all};
use millwright_core::{Clock, Error, Result, Timestamp, codes};
use millwright_identity::{Principal, Revocations};
use millwright_store::{Partition, Query, Store};
use tokio::sync::RwLock;

use crate::feed::{Feed, FeedItem, RETENTION, sort_key_from};

/// A copy older than this is read on.
const FRESH: Duration = Duration::from_secs(20);
/// A copy older than this decides nothing: then nobody knows what was revoked.
const USABLE: Duration = Duration::from_secs(60);
/// Writers' clocks and commits may be that late.
const OVERLAP: Duration = Duration::from_secs(60);
/// More than anybody withdraws in 20 minutes; beyond it nothing is known.
const MAX_ITEMS: usize = 100_000;

/// Knows what was withdrawn in the last 20 minutes. One Query per feed every 20 seconds, with the
/// request that comes first; none at the start of a function.
pub struct RevocationFeed {
    tables: Vec<Store>,
    clock: Clock,
    copy: RwLock<Option<Copy>>,
}

struct Copy {
    read_at: Timestamp,
    /// The least access version that is up to date, by subject; none of what is dead.
    least: HashMap<String, Option<u64>>,
    /// When what is known of a subject can be forgotten.
    times: HashMap<String, Timestamp>,
}

impl RevocationFeed {
    /// Reads the feeds of these tables.
    pub fn new(tables: Vec<Store>, clock: Clock) -> RevocationFeed {
        RevocationFeed { tables, clock, copy: RwLock::new(None) }
    }

    /// Makes sure there is a copy that may decide.
    async fn read_on(&self) -> Result<()> {
        let now = self.clock.now();
        let is_within = |copy: &Copy, age| copy.read_at.is_within(age, now);
        if self.copy.read().await.as_ref().is_some_and(|copy| is_within(copy, FRESH)) {
            return Ok(());
        }
        let mut copy = self.copy.write().await;
        // Somebody else may have read while this one waited.
        if copy.as_ref().is_some_and(|copy| is_within(copy, FRESH)) {
            return Ok(());
        }
        let since = match &*copy {
            Some(copy) => copy.read_at.minus(OVERLAP),
            None => now.minus(RETENTION),
        };
        let read = try_join_all(self.tables.iter().map(|table| items_since(table, since))).await;
        match (read, &mut *copy) {
            (Ok(items), held) => {
                let held = held.get_or_insert_with(|| Copy {
                    read_at: now,
                    least: HashMap::new(),
                    times: HashMap::new(),
                });
                held.read_at = now;
                for item in items.into_iter().flatten() {
                    held.add(item);
                }
                held.forget(now.minus(RETENTION));
                Ok(())
            }
            (Err(error), Some(held)) if is_within(held, USABLE) => {
                tracing::warn!(%error, "revocations could not be read");
                Ok(())
            }
            (Err(error), _) => {
                let detail = "try again in a moment";
                Err(Error::new(codes::REVOCATION_UNKNOWN, detail)
                    .because(error)
                    .retry_after(Duration::from_secs(5)))
            }
        }
    }
}

async fn items_since(table: &Store, since: Timestamp) -> Result<Vec<FeedItem>> {
    let query = Query::partition(Partition::global(&Feed)).from_sort_key(sort_key_from(since));
    let items = table.collect(&query, MAX_ITEMS).await?;
    if items.len() >= MAX_ITEMS {
        return Err(Error::unavailable("the revocation feed is too long to be read"));
    }
    items.iter().map(|item| item.decode()).collect()
}

impl Copy {
    fn add(&mut self, item: FeedItem) {
        self.times
            .entry(item.subject.clone())
            .and_modify(|at| *at = item.at.max(*at))
            .or_insert(item.at);
        let version = item.access_version;
        self.least
            .entry(item.subject)
            .and_modify(|least| {
                // What is dead stays dead, a version only rises.
                *least = least.zip(version).map(|(least, version)| least.max(version));
            })
            .or_insert(version);
    }

    fn forget(&mut self, before: Timestamp) {
        self.times.retain(|_, at| *at >= before);
        self.least.retain(|subject, _| self.times.contains_key(subject));
    }

    fn check(&self, principal: &Principal) -> Result<()> {
        let is_dead = |subject: &str| self.least.get(subject).is_some_and(Option::is_none);
        let credentials = [principal.session_id.as_deref(), principal.key_id.as_deref()];
        if credentials.into_iter().flatten().any(is_dead) {
            return Err(Error::new(codes::TOKEN_REVOKED, "sign in again"));
        }
        let is_old = |subject: &str, version: u64| match self.least.get(subject) {
            Some(Some(least)) => version < *least,
            Some(None) => true,
            None => false,
        };
        let versions = principal.fact_versions;
        let organization =
            principal.tenant.and_then(|tenant| tenant.organization()).map(|id| id.to_string());
        let organization = organization.unwrap_or_default();
        let membership = format!("{organization}/{}", principal.subject);
        let role = principal.role.as_deref().unwrap_or_default();
        if is_old(&principal.subject, versions.user)
            || is_old(&organization, versions.organization)
            || is_old(&membership, versions.membership)
            || is_old(role, versions.role)
        {
            let detail = "rights have changed since: get a new access token, and repeat";
            return Err(Error::new(codes::TOKEN_STALE, detail));
        }
        Ok(())
    }
}

impl Revocations for RevocationFeed {
    fn check<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<()>> {
        async move {
            self.read_on().await?;
            match &*self.copy.read().await {
                Some(copy) => copy.check(principal),
                None => Err(Error::new(codes::REVOCATION_UNKNOWN, "try again in a moment")),
            }
        }
        .boxed()
    }
}
