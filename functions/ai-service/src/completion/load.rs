//! How much of a limit is used now.

use millwright_core::{Result, Tenant};
use millwright_store::{RawItem, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    lease,
    limits::{Span, window_key},
};
use crate::domain::LimitScope;

/// What a subject has used in the minute and the day that go on, in UTC; tokens of completions that
/// have not ended are those that they may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentUse {
    pub requests_this_minute: u64,
    pub tokens_this_minute: u64,
    pub requests_today: u64,
    pub tokens_today: u64,
    /// Completions that are under way; 0 where no limit bounds them.
    pub concurrent: u64,
}

/// Of a subject, by the windows that its limits count. One BatchGetItem.
///
/// # Errors
/// `unavailable`.
pub async fn current(
    store: &Store,
    tenant: &Tenant,
    scope: LimitScope,
    subject: &str,
) -> Result<CurrentUse> {
    let now = store.clock().now();
    let [minute, day] = [Span::MINUTE, Span::DAY].map(|span| {
        let (begin, _) = span.around(now);
        window_key(tenant, scope, subject, span, begin)
    });
    let leases = lease::key_of(tenant, scope.as_str(), subject);
    let found = store.get_many(&[minute.clone(), day.clone(), leases.clone()]).await?;
    let of = |key: &millwright_store::Key| -> Option<&RawItem> {
        found.iter().find(|item| item.sort_key() == key.sort_key())
    };
    let number = |item: Option<&RawItem>, name: &str| {
        item.and_then(|item| item.number(name)).unwrap_or_default()
    };
    Ok(CurrentUse {
        requests_this_minute: number(of(&minute), "requests"),
        tokens_this_minute: number(of(&minute), "tokens"),
        requests_today: number(of(&day), "requests"),
        tokens_today: number(of(&day), "tokens"),
        concurrent: of(&leases).map_or(0, |item| lease::under_way(item, now)),
    })
}
