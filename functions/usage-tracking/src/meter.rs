//! Meters: what they measure. What they say is in [`crate::query`].

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Entries, Error, Faults, InputError, Result, Timestamp};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, Listed, Listing, NoContent, NoFilters,
    PathParameter, Representation, Submission, Versioned,
};
use millwright_store::{Contention, Position};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    app::{Defined, Usage},
    codes,
    domain::{Aggregation, CategoryPattern, MeasureName, Meter, MeterId, Name, Slug, UpTo},
    events::{DefinitionData, MeterArchived, MeterCreated, MeterUpdated, changes},
    permissions::{MeterManage, MeterRead},
    store::{MeterItem, UniqueMarker, definitions},
};

const MAX_METERS: usize = 200;
/// Meters that cannot be added up.
const MAX_NOTING: usize = 20;
/// How long an instance may not know of a new meter.
const UNNOTICED: Duration = Duration::from_secs(10);

/// A meter's id or slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterReference {
    Id(MeterId),
    Slug(Slug),
}

impl FromStr for MeterReference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<MeterReference, InputError> {
        match text.parse() {
            Ok(id) => Ok(MeterReference::Id(id)),
            Err(_) => text.parse().map(MeterReference::Slug),
        }
    }
}

impl PartialSchema for MeterReference {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(63))
            .pattern(Some("^[a-z][a-z0-9_]{1,62}$"))
            .description(Some("Id or slug"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for MeterReference {}

/// A new meter.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "slug": "ai_output_tokens", "name": "Output tokens", "categoryPattern": "ai.completion",
    "aggregation": "sum", "metric": "outputTokens", "groupBy": ["model"],
}))]
pub struct MeterIn {
    slug: Slug,
    name: Name,
    category_pattern: CategoryPattern,
    aggregation: Aggregation,
    /// Of all but counts; a sum may be of `cost`.
    #[deserr(default)]
    #[schema(required = false)]
    metric: Option<MeasureName>,
    /// Of what different values are counted: a dimension, `user`, `subject` or a metric.
    #[deserr(default)]
    #[schema(required = false)]
    unique_of: Option<MeasureName>,
    /// Dimensions of all its categories.
    #[deserr(default)]
    #[schema(required = false)]
    group_by: UpTo<MeasureName, 5>,
    /// Values of dimensions that count.
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, Vec<String>>)]
    filters: Entries<Vec<String>>,
}

/// A change of a meter. What it measures stays.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Tokens that were written" }))]
pub struct MeterPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<Name>,
}

/// A meter.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "mtr_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "ai_output_tokens", "name": "Output tokens",
    "categoryPattern": "ai.completion", "aggregation": "sum", "metric": "outputTokens",
    "uniqueOf": null, "groupBy": ["model"], "filters": {}, "countedFrom": null,
    "archivedAt": null, "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct MeterView {
    id: MeterId,
    slug: Slug,
    name: Name,
    category_pattern: CategoryPattern,
    aggregation: Aggregation,
    metric: Option<String>,
    unique_of: Option<String>,
    group_by: Vec<String>,
    filters: BTreeMap<String, Vec<String>>,
    /// From when on one that cannot be added up counts; null: all that is kept.
    counted_from: Option<Timestamp>,
    archived_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl From<&Meter> for MeterView {
    fn from(meter: &Meter) -> MeterView {
        let it = meter.clone();
        MeterView {
            id: it.id,
            slug: it.slug,
            name: it.name,
            category_pattern: it.category_pattern,
            aggregation: it.aggregation,
            metric: it.metric,
            unique_of: it.unique_of,
            group_by: it.group_by,
            filters: it.filters,
            counted_from: it.counted_from,
            archived_at: it.archived_at,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for MeterView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/meters/{}", self.id)
    }
}

fn data(before: Option<&Meter>, after: &Meter) -> DefinitionData {
    DefinitionData {
        name: after.slug.to_string(),
        version: after.version,
        changes: before.map(|it| changes(Some(it), Some(after))).unwrap_or_default(),
    }
}

/// Finds a meter among the definitions.
///
/// # Errors
/// `not_found`.
pub fn find_meter<'d>(defined: &'d Defined, reference: &MeterReference) -> Result<&'d Meter> {
    let is_it = |meter: &&Meter| match reference {
        MeterReference::Id(id) => meter.id == *id,
        MeterReference::Slug(slug) => meter.slug == *slug && meter.archived_at.is_none(),
    };
    defined.0.meters.iter().find(is_it).ok_or_else(|| Error::not_found("meter"))
}

/// Create a meter
///
/// Counts, sums and averages exist over all that is kept at once; the others count from their
/// creation, at most 20 of them. Two queries and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/meters", tag = "Meters")]
pub async fn meter_create(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    submission: Submission<MeterIn>,
) -> Answered<Created<MeterView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    let present = || defined.0.meters.iter().filter(|it| it.archived_at.is_none());
    if present().count() >= MAX_METERS {
        return Err(Error::limit_reached("meters", MAX_METERS as u64).into());
    }
    let notes = !input.aggregation.is_additive();
    if notes && present().filter(|it| !it.aggregation.is_additive()).count() >= MAX_NOTING {
        let what = "meters of min, max, unique_count and latest";
        return Err(Error::limit_reached(what, MAX_NOTING as u64).into());
    }
    let stamp = usage.stamp(&caller);
    let meter = Meter {
        id: usage.store.ids().next(),
        slug: input.slug,
        name: input.name,
        category_pattern: input.category_pattern,
        aggregation: input.aggregation,
        metric: input.metric.map(|it| it.to_string()),
        unique_of: input.unique_of.map(|it| it.to_string()),
        group_by: input.group_by.0.iter().map(ToString::to_string).collect(),
        filters: input.filters.0,
        counted_from: notes.then(|| stamp.at.plus(UNNOTICED)),
        archived_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    meter.check(&defined.matching(&meter.category_pattern))?;
    let mut write = submission.write(&usage.store, &caller);
    write.create(&MeterItem(meter.clone()));
    let step = write.create(&UniqueMarker::new("slug", meter.slug.as_str(), meter.id));
    write.refused_as(step, Error::new(codes::SLUG_TAKEN, "another meter has this slug"));
    write.emit(&MeterCreated(data(None, &meter)))?;
    let created = write.commit(Created(MeterView::from(&meter))).await?;
    usage.forget(&caller.tenant());
    Ok(created)
}

/// List meters
///
/// By slug. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/meters", tag = "Meters")]
pub async fn meter_list(
    caller: Allowed<MeterRead>,
    State(usage): State<Usage>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<MeterView>> {
    let tenant = caller.tenant();
    let defined = usage.defined_now(&tenant).await?;
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let mut all: Vec<&Meter> =
        defined.0.meters.iter().filter(|it| it.archived_at.is_none()).collect();
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all.retain(|it| after.as_deref().is_none_or(|after| it.slug.as_str() > after));
    let has_more = all.len() > listing.limit;
    all.truncate(listing.limit);
    let last = all.last().map(|it| Position::behind(&definitions(&tenant).at(&it.slug)));
    let items = all.into_iter().map(MeterView::from).collect();
    Ok(listing.page(items, last.filter(|_| has_more)).await?)
}

/// Read a meter
///
/// Two queries.
#[utoipa::path(get, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_get(
    caller: Allowed<MeterRead>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
) -> Answered<Versioned<MeterView>> {
    let defined = usage.defined_now(&caller.tenant()).await?;
    Ok(Versioned(MeterView::from(find_meter(&defined, &reference)?)))
}

impl Usage {
    async fn change_meter(
        &self,
        caller: &Caller,
        reference: &MeterReference,
        if_match: &IfMatch,
        change: impl Fn(&mut Meter, Timestamp),
    ) -> Result<Meter> {
        let tenant = caller.tenant();
        let attempt = || async {
            let defined = self.defined_now(&tenant).await?;
            let before = find_meter(&defined, reference)?.clone();
            if_match.check(before.version)?;
            let mut after = before.clone();
            let now = self.stamp(caller).at;
            change(&mut after, now);
            if after == before {
                return Ok(before);
            }
            after.version += 1;
            after.updated_at = now.max(before.updated_at);
            let mut write = caller.write(&self.store);
            let step = write.replace(&MeterItem(after.clone()), before.version);
            write.refused_as(step, Error::lost_race());
            if after.archived_at.is_some() {
                write.remove(&UniqueMarker::new("slug", before.slug.as_str(), before.id));
                write.emit(&MeterArchived(data(Some(&before), &after)))?;
            } else {
                write.emit(&MeterUpdated(data(Some(&before), &after)))?;
            }
            write.commit(NoContent).await?;
            Ok(after)
        };
        let after = Contention::new(&self.store).settle(&self.store, attempt).await?;
        self.forget(&tenant);
        Ok(after)
    }
}

/// Change a meter
///
/// Two queries and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_update(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
    if_match: IfMatch,
    Body(patch): Body<MeterPatchIn>,
) -> Answered<Versioned<MeterView>> {
    let change = |meter: &mut Meter, _: Timestamp| patch.name.clone().apply_to(&mut meter.name);
    let after = usage.change_meter(&caller, &reference, &if_match, change).await?;
    Ok(Versioned(MeterView::from(&after)))
}

/// Archive a meter
///
/// Its slug is free again. Two queries and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_archive(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let archive = |meter: &mut Meter, now: Timestamp| {
        meter.archived_at.get_or_insert(now);
    };
    usage.change_meter(&caller, &reference, &if_match, archive).await?;
    Ok(NoContent)
}
