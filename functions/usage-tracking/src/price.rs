//! Prices: set, changed, deleted before they begin, and which of them holds.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Change, Error, FaultCode, Faults, Patch, Result, Tenant, Timestamp, codes as shared,
};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, Parameters,
    PathParameter, Plain, Representation, Submission, Versioned, Write, extract::Several,
};
use millwright_store::{Condition, Contention, Key, Partition, Position, Update};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        CategoryCode, Description, Labels, MeasureName, Price, PriceId, PriceLevel, PriceModel,
        PriceState, Tier, TierMode, UpTo, check_priced_measure, digest, effective, hex,
    },
    events::{DefinitionData, PriceCreated, PriceDeleted, PriceUpdated, changes},
    job::{MAX_PAST, order_repricing},
    permissions::{PriceManage, PriceRead},
    query::{Filter, gathered},
    store::{PriceItem, definitions},
};

const MAX_PRICES: usize = 2_000;

/// A new price.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryCode": "ai.completion", "metric": "inputTokens", "match": { "model": "large" },
    "model": "per_million", "unitPriceMicros": 3000000,
}))]
pub struct PriceIn {
    category_code: CategoryCode,
    /// A metric of the category or `count`.
    metric: MeasureName,
    /// Values of at most three dimensions.
    #[deserr(default, rename = "match")]
    #[schema(required = false, rename = "match")]
    matching: std::collections::BTreeMap<String, String>,
    model: PriceModel,
    #[deserr(default)]
    #[schema(required = false)]
    unit_price_micros: Option<u64>,
    #[deserr(default)]
    #[schema(required = false)]
    tiers: UpTo<Tier, 10>,
    #[deserr(default = TierMode::Graduated)]
    #[schema(required = false)]
    tier_mode: TierMode,
    #[deserr(default)]
    #[schema(required = false)]
    flat_micros: Option<u64>,
    /// Now, if not given; in the past, at most 35 days, only with `reprice`.
    #[deserr(default)]
    #[schema(required = false)]
    effective_from: Option<Timestamp>,
    #[deserr(default)]
    #[schema(required = false)]
    effective_to: Option<Timestamp>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Description,
    /// Starts a job that gives the events since its start their new cost.
    #[deserr(default)]
    #[schema(required = false)]
    reprice: bool,
}

/// A change of a price. Of one that has begun, the end and the description alone.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "description": "As of the new contract" }))]
pub struct PricePatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    unit_price_micros: Change<u64>,
    #[deserr(default)]
    #[schema(required = false)]
    flat_micros: Change<u64>,
    #[deserr(default)]
    #[schema(required = false)]
    effective_from: Change<Timestamp>,
    #[deserr(default)]
    #[schema(required = false)]
    effective_to: Patch<Timestamp>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<Description>,
}

/// A price.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "prc_01jdz7xk2nf5h9vq3w8c6m4t0b", "categoryCode": "ai.completion",
    "metric": "inputTokens", "level": "organization", "match": { "model": "large" },
    "model": "per_million", "unitPriceMicros": 3000000, "tiers": [], "tierMode": "graduated",
    "flatMicros": null, "effectiveFrom": "2026-11-23T01:04:58.000Z", "effectiveTo": null,
    "state": "active", "description": "", "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct PriceView {
    id: PriceId,
    category_code: CategoryCode,
    metric: String,
    level: PriceLevel,
    #[serde(rename = "match")]
    #[schema(rename = "match")]
    matching: std::collections::BTreeMap<String, String>,
    model: PriceModel,
    unit_price_micros: Option<u64>,
    tiers: UpTo<Tier, 10>,
    tier_mode: TierMode,
    flat_micros: Option<u64>,
    effective_from: Timestamp,
    effective_to: Option<Timestamp>,
    state: PriceState,
    description: Description,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl PriceView {
    fn of(price: &Price, now: Timestamp) -> PriceView {
        let it = price.clone();
        PriceView {
            state: price.state(now),
            id: it.id,
            category_code: it.category_code,
            metric: it.metric,
            level: it.level,
            matching: it.matching,
            model: it.model,
            unit_price_micros: it.unit_price_micros,
            tiers: it.tiers,
            tier_mode: it.tier_mode,
            flat_micros: it.flat_micros,
            effective_from: it.effective_from,
            effective_to: it.effective_to,
            description: it.description,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for PriceView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/prices/{}", self.id)
    }
}

fn data(before: Option<&Price>, after: &Price) -> DefinitionData {
    DefinitionData {
        name: after.id.to_string(),
        version: after.version,
        changes: before.map(|it| changes(Some(it), Some(after))).unwrap_or_default(),
    }
}

/// Prices of one measure and match are changed one after the other: where their revision is.
fn revision(tenant: &Tenant, price: &Price) -> Key {
    let mut parts: Vec<&[u8]> =
        vec![price.category_code.as_str().as_bytes(), price.metric.as_bytes()];
    for (name, value) in &price.matching {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    Partition::of(tenant).and("UNIQ").at(format!("prices#{}", hex(&digest(&parts), 12)))
}

impl Usage {
    /// Writes under the revision of the price's measure, read before anything was decided.
    async fn price_revision(&self, tenant: &Tenant, price: &Price) -> Result<u64> {
        let item = self.store.get_raw(&revision(tenant, price)).await?;
        Ok(item.and_then(|item| item.number("revision")).unwrap_or(0))
    }

    async fn price(&self, tenant: &Tenant, id: PriceId) -> Result<Price> {
        let item: Option<PriceItem> = self.store.get(&PriceItem::place(tenant, id)).await?;
        Ok(item.ok_or_else(|| Error::not_found("price"))?.0)
    }
}

fn move_revision(write: &mut Write, tenant: &Tenant, price: &Price, known: u64) {
    let unchanged = Condition::default().equals("revision", known);
    let unchanged = if known == 0 { unchanged.or_attribute_absent("revision") } else { unchanged };
    let step = write.update(&revision(tenant, price), &Update::when(unchanged).add("revision", 1));
    write.refused_as(step, Error::lost_race());
}

fn check_overlap(defined: &Defined, price: &Price) -> Result<()> {
    if defined.prices().iter().any(|other| price.overlaps(other)) {
        let detail = "another price of the same measure and match holds at that time";
        return Err(Error::new(codes::PRICE_OVERLAP, detail));
    }
    Ok(())
}

fn check_fits(defined: &Defined, price: &Price) -> Result<()> {
    price.check()?;
    let category = defined.require_category(price.category_code.as_str())?;
    check_priced_measure(&price.metric, category.metric(&price.metric).is_some())?;
    if !price.matching.keys().all(|name| category.has_dimension(name)) {
        let detail = "no dimension of the category";
        return Err(Error::fault("/match", FaultCode::NotAllowed, detail));
    }
    Ok(())
}

/// A moment that a clock may be behind.
const NOW: Duration = Duration::from_secs(60);

/// Create a price
///
/// It holds for events from its start on. One that begins in the past starts a job, within the same
/// transaction. One read, two queries and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/prices", tag = "Prices")]
pub async fn price_create(
    caller: Allowed<PriceManage>,
    State(usage): State<Usage>,
    submission: Submission<PriceIn>,
) -> Answered<Created<PriceView>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let stamp = usage.stamp(&caller);
    let price = Price {
        id: usage.store.ids().next(),
        category_code: input.category_code,
        metric: input.metric.to_string(),
        level: PriceLevel::Organization,
        matching: input.matching,
        model: input.model,
        unit_price_micros: input.unit_price_micros,
        tiers: input.tiers,
        tier_mode: input.tier_mode,
        flat_micros: input.flat_micros,
        effective_from: input.effective_from.unwrap_or(stamp.at),
        effective_to: input.effective_to,
        description: input.description,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    let is_past = price.effective_from.plus(NOW) < stamp.at;
    if is_past && !input.reprice {
        let detail = "what was counted keeps its cost: begin now or later, or ask for reprice";
        return Err(Error::new(codes::PAST_PRICE_NEEDS_REPRICE, detail).into());
    }
    if is_past && stamp.at.since(price.effective_from) > MAX_PAST {
        let detail = "must be at most 35 days ago";
        return Err(Error::fault("/effectiveFrom", FaultCode::TooSmall, detail).into());
    }
    let attempt = || async {
        let known = usage.price_revision(&tenant, &price).await?;
        let defined = usage.defined_now(&tenant).await?;
        check_fits(&defined, &price)?;
        let own = defined.prices().iter().filter(|it| it.level == PriceLevel::Organization);
        if own.count() >= MAX_PRICES {
            return Err(Error::limit_reached("prices", MAX_PRICES as u64));
        }
        check_overlap(&defined, &price)?;
        let mut write = submission.write(&usage.store, &caller);
        write.create(&PriceItem(price.clone()));
        move_revision(&mut write, &tenant, &price, known);
        write.emit(&PriceCreated(data(None, &price)))?;
        if is_past {
            // What is on its way is priced by definitions that are a few seconds old.
            let end = price.effective_to.unwrap_or(stamp.at.plus(NOW));
            let span = (price.effective_from, end.max(price.effective_from.plus(NOW)));
            order_repricing(&mut write, &price.category_code, span, caller.actor())?;
        }
        write.commit(Created(PriceView::of(&price, stamp.at))).await
    };
    let created = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(created)
}

/// Filters of prices.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct PriceFilters {
    #[deserr(default)]
    #[param(inline)]
    category_code: Option<CategoryCode>,
    #[deserr(default)]
    #[param(inline)]
    level: Option<PriceLevel>,
    /// Those that hold at this time.
    #[deserr(default)]
    #[param(inline)]
    at: Option<Timestamp>,
}

/// List prices
///
/// By category, metric and start; global ones as well. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/prices", tag = "Prices")]
pub async fn price_list(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    listing: Listing<PriceFilters>,
) -> Answered<Listed<PriceView>> {
    let tenant = caller.tenant();
    let defined = usage.defined_now(&tenant).await?;
    let now = usage.store.clock().now();
    let key =
        |it: &Price| format!("{}#{}#{}#{}", it.category_code, it.metric, it.effective_from, it.id);
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let filters = &listing.filters;
    let mut all: Vec<&Price> = defined
        .prices()
        .iter()
        .filter(|it| filters.category_code.as_ref().is_none_or(|code| *code == it.category_code))
        .filter(|it| filters.level.is_none_or(|level| level == it.level))
        .filter(|it| filters.at.is_none_or(|at| it.state(at) == PriceState::Active))
        .filter(|it| after.as_ref().is_none_or(|after| key(it) > *after))
        .collect();
    all.sort_by_key(|it| key(it));
    let has_more = all.len() > listing.limit;
    all.truncate(listing.limit);
    let last = all.last().map(|it| Position::behind(&definitions(&tenant).at(key(it))));
    let items = all.into_iter().map(|it| PriceView::of(it, now)).collect();
    Ok(listing.page(items, last.filter(|_| has_more)).await?)
}

/// Read a price
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/prices/{priceId}", tag = "Prices")]
pub async fn price_get(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
) -> Answered<Versioned<PriceView>> {
    let price = usage.price(&caller.tenant(), id).await?;
    Ok(Versioned(PriceView::of(&price, usage.store.clock().now())))
}

/// Change a price
///
/// Two reads, two queries and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/prices/{priceId}", tag = "Prices")]
pub async fn price_update(
    caller: Allowed<PriceManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
    if_match: IfMatch,
    Body(patch): Body<PricePatchIn>,
) -> Answered<Versioned<PriceView>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.price(&tenant, id).await?;
        if_match.check(before.version)?;
        let known = usage.price_revision(&tenant, &before).await?;
        let now = usage.store.clock().now();
        let mut after = before.clone();
        let patch = patch.clone();
        if let Change::Set(micros) = patch.unit_price_micros {
            after.unit_price_micros = Some(micros);
        }
        if let Change::Set(micros) = patch.flat_micros {
            after.flat_micros = Some(micros);
        }
        patch.effective_from.apply_to(&mut after.effective_from);
        patch.effective_to.apply_to_option(&mut after.effective_to);
        patch.description.apply_or_default(&mut after.description);
        let mut write = caller.write(&usage.store);
        if after == before {
            return write.commit(Versioned(PriceView::of(&before, now))).await;
        }
        check_change(&before, &after, now)?;
        let defined = usage.defined_now(&tenant).await?;
        check_fits(&defined, &after)?;
        check_overlap(&defined, &after)?;
        after.version += 1;
        after.updated_at = now.max(before.updated_at);
        let step = write.replace(&PriceItem(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        move_revision(&mut write, &tenant, &after, known);
        write.emit(&PriceUpdated(data(Some(&before), &after)))?;
        write.commit(Versioned(PriceView::of(&after, now))).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}

/// What has held stays as it was.
fn check_change(before: &Price, after: &Price, now: Timestamp) -> Result<()> {
    let is_scheduled = before.state(now) == PriceState::Scheduled;
    let moved = after.unit_price_micros != before.unit_price_micros
        || after.flat_micros != before.flat_micros
        || after.effective_from != before.effective_from;
    let cut = |end: Option<Timestamp>| end.is_some_and(|end| end.plus(NOW) < now);
    let ends_before = after.effective_to != before.effective_to
        && (cut(after.effective_to) || cut(before.effective_to));
    if !is_scheduled && (moved || ends_before) {
        let detail = "of a price that has begun, a later end and the description can change";
        return Err(Error::new(codes::PRICE_STARTED, detail));
    }
    if after.effective_from != before.effective_from && after.effective_from.plus(NOW) < now {
        let detail = "what was counted keeps its cost: begin now or later";
        return Err(Error::new(codes::PAST_PRICE_NEEDS_REPRICE, detail));
    }
    Ok(())
}

/// Delete a price
///
/// One that has not begun. One read and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/prices/{priceId}", tag = "Prices")]
pub async fn price_delete(
    caller: Allowed<PriceManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let gone = Partition::of(&tenant).and("GONE").at(format!("price#{id}"));
    let attempt = || async {
        let price = match usage.price(&tenant, id).await {
            Ok(price) => price,
            Err(error) if error.is(shared::NOT_FOUND) => {
                return match usage.store.get_raw(&gone).await? {
                    Some(_) => Ok(NoContent),
                    None => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        if_match.check(price.version)?;
        if price.state(usage.store.clock().now()) != PriceState::Scheduled {
            return Err(Error::new(codes::PRICE_STARTED, "end it instead"));
        }
        let mut write = caller.write(&usage.store);
        let place = PriceItem::place(&tenant, id);
        let step = write.delete_when(&place, Condition::version(price.version));
        write.refused_as(step, Error::lost_race());
        write.update(&gone, &Update::new().set("deletedAt", usage.store.clock().now()));
        write.emit(&PriceDeleted(data(None, &price)))?;
        write.commit(NoContent).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}

/// What is priced.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct EffectiveQuery {
    #[param(inline)]
    category_code: CategoryCode,
    #[param(inline)]
    metric: MeasureName,
    /// `model:large`; may be repeated.
    #[deserr(default)]
    #[param(inline)]
    dimensions: Several<Filter>,
    /// Now, if not given.
    #[deserr(default)]
    #[param(inline)]
    at: Option<Timestamp>,
}

/// The price that holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePrice {
    /// Null if there is none: what an event reports holds, or it costs nothing.
    price: Option<PriceView>,
    /// Why this one.
    reason: String,
}

/// Read the effective price
///
/// An organization's price wins over what an event reports, and that over a global price; then more
/// matched dimensions, then the later start. At most two queries.
#[utoipa::path(get, path = "/api/v1/usage/prices/effective", tag = "Prices")]
pub async fn price_effective(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    Parameters(query): Parameters<EffectiveQuery>,
) -> Answered<Plain<EffectivePrice>> {
    let defined = usage.defined(&caller.tenant()).await?;
    let category = defined.require_category(query.category_code.as_str())?;
    let mut dimensions: Labels = gathered(&query.dimensions.0)
        .into_iter()
        .filter_map(|(name, mut values)| Some((name, values.pop()?)))
        .collect();
    for dimension in &category.dimensions.0 {
        dimensions.entry(dimension.name.to_string()).or_default();
    }
    let now = usage.store.clock().now();
    let (code, metric) = (query.category_code.as_str(), query.metric.as_str());
    let at = query.at.unwrap_or(now);
    let price = effective(defined.prices(), code, metric, &dimensions, at);
    let reason = match price {
        None => "no price holds".to_owned(),
        Some(price) => {
            let matched = price.matching.len();
            format!(
                "{} price, {matched} dimensions matched, from {}",
                price.level, price.effective_from
            )
        }
    };
    Ok(Plain(EffectivePrice { price: price.map(|price| PriceView::of(price, now)), reason }))
}
