//! Reading the records of accesses.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Result, Tenant, Timestamp};
use millwright_http::{
    Allowed, Answered, Asking, Entitled, Listed, Listing, NoFilters, OrOperator, PathParameter,
};
use millwright_store::{Position, Query, RawItem};
use utoipa::IntoParams;

use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{Access, AccessOutcome, Right, SecretId},
    permissions::AccessRead,
    store::{ACCESS_SHARDS, AccessItem, day_of},
};

/// Filters of the records.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct AccessFilters {
    #[deserr(default)]
    #[param(inline)]
    secret_id: Option<SecretId>,
    #[deserr(default)]
    #[param(inline)]
    actor_id: Option<Line<1, 60>>,
    /// An operation.
    #[deserr(default)]
    #[param(inline)]
    action: Option<Line<1, 60>>,
    #[deserr(default)]
    outcome: Option<AccessOutcome>,
    /// At most 31 days before `to`; that many if not given.
    #[deserr(default)]
    #[param(inline)]
    from: Option<Timestamp>,
    /// Now if not given.
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
}

const MAX_SPAN: Duration = Duration::from_secs(31 * 24 * 3_600);
/// A page looks at no more days: it may be empty and still have a next one.
const DAYS_AT_ONCE: usize = 8;

impl AccessFilters {
    fn span(&self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let to = self.to.unwrap_or(now);
        let from = self.from.unwrap_or_else(|| to.minus(MAX_SPAN));
        if from > to || to.since(from) > MAX_SPAN {
            let detail = "must be before `to`, at most 31 days";
            return Err(Error::fault("query:from", FaultCode::NotAllowed, detail));
        }
        Ok((from, to))
    }

    fn admit(&self, access: &Access, from: Timestamp, to: Timestamp) -> bool {
        let is = |wanted: &Line<1, 60>, text: &str| wanted.as_str() == text;
        (from..=to).contains(&access.at)
            && self.secret_id.is_none_or(|id| access.secret_id == Some(id))
            && self.actor_id.as_ref().is_none_or(|id| is(id, &access.actor_id))
            && self.action.as_ref().is_none_or(|action| is(action, &access.action))
            && self.outcome.is_none_or(|outcome| access.outcome == outcome)
    }
}

/// List accesses
///
/// Of all secrets, newest first; for operators of those of the platform. Of one secret one query;
/// else four queries for each day that is looked at, at most eight days a page: a page may be empty
/// and still have a next one.
#[utoipa::path(get, path = "/api/v1/secrets/accesses", tag = "Accesses")]
pub async fn access_list(
    caller: OrOperator<Allowed<AccessRead>>,
    State(app): State<SecretManagement>,
    listing: Listing<AccessFilters>,
) -> Answered<Listed<Access>> {
    let (tenant, filters) = (caller.tenant(), &listing.filters);
    let (from, to) = filters.span(app.now())?;
    if let Some(id) = filters.secret_id {
        let admit = |item: &RawItem| {
            let access: Access = item.decode_attribute("summary")?;
            Ok(filters.admit(&access, from, to).then_some(access))
        };
        let query = AccessItem::of_secret(&tenant, id);
        let position = listing.from.as_ref();
        let page = app.store.filtered_page(&query, listing.limit, position, true, admit).await?;
        return Ok(listing.page(page.items, page.next).await?);
    }
    let mut bound = match &listing.from {
        Some(position) => position.sort_key().to_owned(),
        // Sorts behind every record of that millisecond.
        None => format!("{to}~"),
    };
    let mut found = Vec::new();
    for _ in 0..DAYS_AT_ONCE {
        let at = bound.split(['#', '~']).next().unwrap_or_default().parse::<Timestamp>()?;
        let examined = newest(&app, &tenant, at, &bound, listing.limit - found.len()).await?;
        let is_full = examined.len() == listing.limit - found.len();
        let last = examined.last().map(AccessItem::sort_key_of);
        found.extend(examined.into_iter().filter(|access| filters.admit(access, from, to)));
        match last {
            Some(last) if is_full => {
                return Ok(listing.page(found, Some(behind(&tenant, &last))).await?);
            }
            _ => {}
        }
        let midnight = at.as_millisecond().div_euclid(86_400_000) * 86_400_000;
        let before = Timestamp::from_millisecond(midnight - 1);
        if before < from {
            return Ok(listing.page(found, None).await?);
        }
        bound = format!("{before}~");
    }
    Ok(listing.page(found, Some(behind(&tenant, &bound))).await?)
}

/// The cursor knows the day by the time in the sort key.
fn behind(tenant: &Tenant, sort_key: &str) -> Position {
    Position::behind(&AccessItem::partition(tenant, "", 0).at(sort_key))
}

/// The newest records of a day before a bound. One Query for each shard.
async fn newest(
    app: &SecretManagement,
    tenant: &Tenant,
    day: Timestamp,
    bound: &str,
    limit: usize,
) -> Result<Vec<Access>> {
    let mut all: Vec<Access> = Vec::new();
    for shard in 0..ACCESS_SHARDS {
        let partition = AccessItem::partition(tenant, &day_of(day), shard);
        let query = Query::partition(partition).until_sort_key(bound).descending(true);
        // One more than wanted, since the bound itself was on the page before.
        for item in app.store.page(&query, limit + 1, None).await?.items {
            if item.sort_key() != bound {
                all.push(item.decode::<AccessItem>()?.summary);
            }
        }
    }
    all.sort_by_key(|access| std::cmp::Reverse((access.at, access.id)));
    all.truncate(limit);
    Ok(all)
}

/// List the accesses of a secret
///
/// Newest first, eventually consistent. Two queries.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/accesses", tag = "Accesses")]
pub async fn secret_access_list(
    caller: OrOperator<Entitled<AccessRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Access>> {
    let asker = Asker::operated(&app, &caller, &asking);
    // Nobody grants anything of the platform's: who changes it sees who did.
    let right = if asker.is_operator { Right::Update } else { Right::Grant };
    asker.demand::<AccessRead>(id, right).await?;
    let query = AccessItem::of_secret(&caller.tenant(), id);
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let found: Result<Vec<Access>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    Ok(listing.page(found?, page.next).await?)
}
