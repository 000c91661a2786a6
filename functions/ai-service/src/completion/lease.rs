//! How many completions of a subject may be under way at once: `maxConcurrent` of limits,
//! `maxConcurrency` of providers.
//!
//! A lease is a text in a set of its subject: until when it lasts at most, and whose it is. Taking one
//! is a condition on the size of the set, so no more than that are ever held; taking it twice, as
//! retries do, is taking it once. The end of a completion gives it back. What a crash leaves is over
//! when its time is, and cleared by whoever finds no room.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_model::{Code, SurfaceError};
use millwright_store::{Condition, Key, Partition, RawItem, Store, Update, schema::TTL};

use super::{
    CompletionId, Refused,
    limits::{Subjects, limit_of},
};
use crate::{
    domain::{Configuration, LimitScope, ProviderId},
    gateway::Plan,
};

/// One subject's set.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    key: Key,
    most: u64,
    /// Whose own bound it is, if a provider's.
    provider: Option<ProviderId>,
    /// For messages.
    name: String,
}

/// What a completion holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    text: String,
    held: Vec<Key>,
}

/// The attribute with the set.
const LEASES: &str = "leases";
/// A set of more would be no item of DynamoDB any more; a higher bound is this one.
const MOST: u64 = 5_000;
/// Beyond the time that asking may take: what comes before and after it.
const MARGIN: Duration = Duration::from_secs(60);
/// Who finds no room comes back.
const WAIT: Duration = Duration::from_secs(1);

pub(super) fn key_of(tenant: &Tenant, scope: &str, subject: &str) -> Key {
    Partition::of(tenant).and("RL").and(scope).and(subject).at("LEASES")
}

/// A lease that ends then at the latest begins so.
fn until(at: Timestamp) -> String {
    format!("{:015}", at.as_millisecond())
}

/// How many leases of a set last.
pub(super) fn under_way(item: &RawItem, now: Timestamp) -> u64 {
    let now = until(now);
    item.texts(LEASES).into_iter().filter(|lease| *lease >= now.as_str()).count() as u64
}

/// The sets of a request: of the limits that apply, and of the plan's providers.
pub(super) fn slots(
    tenant: &Tenant,
    configuration: &Configuration,
    subjects: &Subjects,
    plan: &Plan,
) -> Vec<Slots> {
    let mut all = Vec::new();
    for scope in LimitScope::ALL.iter().copied() {
        let Some((subject, limit)) = limit_of(&configuration.limits, subjects, scope) else {
            continue;
        };
        if let Some(most) = limit.limits.max_concurrent {
            let key = key_of(tenant, scope.as_str(), subject);
            let most = u64::from(most.get()).min(MOST);
            all.push(Slots { key, most, provider: None, name: scope.as_str().to_owned() });
        }
    }
    let asked: BTreeSet<ProviderId> = plan.targets.iter().map(|it| it.provider_id).collect();
    for provider in asked.into_iter().filter_map(|id| configuration.provider(id)) {
        if let Some(most) = provider.max_concurrency {
            let id = provider.id;
            let key = key_of(tenant, "own", &id.to_string());
            let name = format!("provider {}", provider.slug);
            all.push(Slots { key, most: most.into(), provider: Some(id), name });
        }
    }
    all
}

impl Leases {
    /// Takes one of each set, or of none. Providers that are as busy as they may be leave the plan. One
    /// UpdateItem for each set, at the same time; where there is no room one GetItem more, and if some
    /// of a crash are over, one UpdateItem for each of those.
    ///
    /// # Errors
    /// `rate_limit_exceeded`; `unavailable`.
    pub async fn take(
        store: &Store,
        slots: &[Slots],
        plan: &mut Plan,
        id: CompletionId,
        lasts: Duration,
    ) -> Result<Leases, Refused> {
        let now = store.clock().now();
        let text = format!("{}#{id}", until(now.plus(lasts + MARGIN)));
        let taken = join_all(slots.iter().map(|slots| slots.take(store, &text, now))).await;
        let mut leases = Leases { text, held: Vec::new() };
        let (mut full, mut busy, mut failure) = (None, Vec::new(), None);
        for (slots, taken) in slots.iter().zip(taken) {
            match (taken, slots.provider) {
                (Ok(true), _) => leases.held.push(slots.key.clone()),
                (Ok(false), Some(provider)) => busy.push((provider, slots)),
                (Ok(false), None) => full = Some(slots),
                (Err(error), _) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            leases.give_back(store).await;
            return Err(error.into());
        }
        plan.targets.retain(|it| busy.iter().all(|(provider, _)| *provider != it.provider_id));
        if plan.targets.is_empty() {
            full = full.or(busy.first().map(|(_, slots)| *slots));
        }
        let Some(full) = full else { return Ok(leases) };
        leases.give_back(store).await;
        let message = format!(
            "rate limit reached: {} at once per {}; try again when one has ended",
            full.most, full.name
        );
        let error = SurfaceError::new(Code::RateLimitExceeded, message);
        Err(Refused::waiting(error, WAIT))
    }

    /// The completion has ended. One UpdateItem for each set; if that fails the lease's time ends it.
    pub async fn give_back(&self, store: &Store) {
        let update = Update::new().delete_from_set(LEASES, &self.text);
        let all = self.held.iter().map(|key| store.update(key, &update));
        for done in join_all(all).await {
            if let Err(error) = done {
                tracing::warn!(%error, "a lease is not given back");
            }
        }
    }
}

impl Slots {
    async fn take(&self, store: &Store, text: &str, now: Timestamp) -> Result<bool> {
        if self.attempt(store, text, now).await? {
            return Ok(true);
        }
        let item = store.get_raw(&self.key).await?;
        let now_text = until(now);
        let all = item.iter().flat_map(|item| item.texts(LEASES));
        let over: Vec<&str> = all.filter(|lease| *lease < now_text.as_str()).collect();
        if over.is_empty() {
            return Ok(false);
        }
        let clear = |lease: &&str| Update::new().delete_from_set(LEASES, lease);
        let clear: Vec<Update> = over.iter().map(clear).collect();
        for done in join_all(clear.iter().map(|update| store.update(&self.key, update))).await {
            done?;
        }
        self.attempt(store, text, now).await
    }

    async fn attempt(&self, store: &Store, text: &str, now: Timestamp) -> Result<bool> {
        let room = Condition::default().has_room_for(LEASES, text, self.most);
        let gone = now.plus(Duration::from_secs(2 * 3_600)).as_second();
        let update =
            Update::when(room).add_to_set(LEASES, &[text]).set_number(TTL, i128::from(gone));
        store.update(&self.key, &update).await
    }
}
