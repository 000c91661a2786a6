//! Prices: set, changed, deleted before they begin.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Change, Entries, Error, FaultCode, Faults, Patch, Result, Tenant, Timestamp, codes as shared,
};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, NoContent, PathParameter, Submission,
    Versioned, Write,
};
use millwright_store::{Condition, Contention, Key, Partition, Update};
use utoipa::ToSchema;

use super::PriceView;
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        CategoryCode, Description, MeasureName, Price, PriceId, PriceLevel, PriceModel, PriceState,
        Tier, TierMode, UpTo, check_priced_measure, digest, hex,
    },
    events::{DefinitionData, PriceCreated, PriceDeleted, PriceUpdated, changes},
    job::{MAX_PAST, order_repricing},
    permissions::PriceManage,
    store::{GlobalPriceItem, PlatformRevisions, PriceItem},
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
    #[schema(required = false, rename = "match", value_type = std::collections::BTreeMap<String, String>)]
    matching: Entries<String>,
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

fn data(before: Option<&Price>, after: &Price) -> DefinitionData {
    DefinitionData {
        name: after.id.to_string(),
        version: after.version,
        changes: before.map(|it| changes(Some(it), Some(after))).unwrap_or_default(),
    }
}

/// Prices of one measure and match are changed one after the other: where their revision is.
fn revision(tenant: &Tenant, price: &Price) -> Key {
    let partition = match price.level {
        PriceLevel::Organization => Partition::of(tenant).and("UNIQ"),
        PriceLevel::Global => Partition::global(&PlatformRevisions),
    };
    let mut parts: Vec<&[u8]> =
        vec![price.category_code.as_str().as_bytes(), price.metric.as_bytes()];
    for (name, value) in &price.matching {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    partition.at(format!("prices#{}", hex(&digest(&parts), 12)))
}

impl Usage {
    /// Writes under the revision of the price's measure, read before anything was decided.
    async fn price_revision(&self, tenant: &Tenant, price: &Price) -> Result<u64> {
        let item = self.store.get_raw(&revision(tenant, price)).await?;
        Ok(item.and_then(|item| item.number("revision")).unwrap_or(0))
    }

    pub(super) async fn price(
        &self,
        tenant: &Tenant,
        level: PriceLevel,
        id: PriceId,
    ) -> Result<Price> {
        let price = match level {
            PriceLevel::Organization => {
                let item: Option<PriceItem> = self.store.get(&place(tenant, level, id)).await?;
                item.map(|item| item.0)
            }
            PriceLevel::Global => {
                let item: Option<GlobalPriceItem> =
                    self.store.get(&place(tenant, level, id)).await?;
                item.map(|item| item.0)
            }
        };
        price.ok_or_else(|| Error::not_found("price"))
    }
}

fn place(tenant: &Tenant, level: PriceLevel, id: PriceId) -> Key {
    match level {
        PriceLevel::Organization => PriceItem::place(tenant, id),
        PriceLevel::Global => GlobalPriceItem::place(id),
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
    Ok(create(&usage, &caller, PriceLevel::Organization, submission).await?)
}

/// Creates a price of a level. For a global one the tenant is the operator, who has no prices.
pub(super) async fn create(
    usage: &Usage,
    caller: &Caller,
    level: PriceLevel,
    submission: Submission<PriceIn>,
) -> Result<Created<PriceView>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let stamp = usage.stamp(caller);
    let price = Price {
        id: usage.store.ids().next(),
        category_code: input.category_code,
        metric: input.metric.to_string(),
        level,
        matching: input.matching.0,
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
    if is_past && (!input.reprice || level == PriceLevel::Global) {
        let detail = "what was counted keeps its cost: begin now or later, or ask for reprice";
        return Err(Error::new(codes::PAST_PRICE_NEEDS_REPRICE, detail));
    }
    if is_past && stamp.at.since(price.effective_from) > MAX_PAST {
        let detail = "must be at most 35 days ago";
        return Err(Error::fault("/effectiveFrom", FaultCode::TooSmall, detail));
    }
    let attempt = || async {
        let known = usage.price_revision(&tenant, &price).await?;
        let defined = usage.defined_now(&tenant).await?;
        check_fits(&defined, &price)?;
        let same = defined.prices().iter().filter(|it| it.level == level);
        if same.count() >= MAX_PRICES {
            return Err(Error::limit_reached("prices", MAX_PRICES as u64));
        }
        check_overlap(&defined, &price)?;
        let mut write = submission.write(&usage.store, caller);
        match level {
            PriceLevel::Organization => write.create(&PriceItem(price.clone())),
            PriceLevel::Global => write.create(&GlobalPriceItem(price.clone())),
        };
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
    Ok(update(&usage, &caller, (PriceLevel::Organization, id), if_match, patch).await?)
}

pub(super) async fn update(
    usage: &Usage,
    caller: &Caller,
    (level, id): (PriceLevel, PriceId),
    if_match: IfMatch,
    patch: PricePatchIn,
) -> Result<Versioned<PriceView>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.price(&tenant, level, id).await?;
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
        let step = match level {
            PriceLevel::Organization => write.replace(&PriceItem(after.clone()), before.version),
            PriceLevel::Global => write.replace(&GlobalPriceItem(after.clone()), before.version),
        };
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
    Ok(delete(&usage, &caller, (PriceLevel::Organization, id), if_match).await?)
}

pub(super) async fn delete(
    usage: &Usage,
    caller: &Caller,
    (level, id): (PriceLevel, PriceId),
    if_match: IfMatch,
) -> Result<NoContent> {
    let tenant = caller.tenant();
    let gone = Partition::of(&tenant).and("GONE").at(format!("price#{id}"));
    let attempt = || async {
        let price = match usage.price(&tenant, level, id).await {
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
        let step = write.delete_when(&place(&tenant, level, id), Condition::version(price.version));
        write.refused_as(step, Error::lost_race());
        write.update(&gone, &Update::new().set("deletedAt", usage.store.clock().now()));
        write.emit(&PriceDeleted(data(None, &price)))?;
        write.commit(NoContent).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}
