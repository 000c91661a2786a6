//! Categories: defined, changed, archived.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Patch, Result, Tenant};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, NoFilters,
    PathParameter, Representation, Submission, Versioned, Write,
};
use millwright_store::{Contention, Position};
use utoipa::ToSchema;

use crate::{
    app::Usage,
    codes,
    domain::{
        Category, CategoryCode, CategoryName, Color, Description, Dimensions, EventTypes, Metrics,
        Pointer, is_system_code, system_categories,
    },
    events::{CategoryArchived, CategoryCreated, CategoryUpdated, DefinitionData, changes},
    permissions::{CategoryManage, CategoryRead},
    store::{CategoryItem, UniqueMarker, definitions},
};

const MAX_CATEGORIES: usize = 200;

/// A new category.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "code": "test.run", "name": "Test runs", "eventTypes": ["ci.test.finished"],
    "metrics": [{ "name": "seconds", "pointer": "/seconds", "unit": "s" }],
    "dimensions": [{ "name": "suite", "pointer": "/suite" }],
}))]
pub struct CategoryIn {
    code: CategoryCode,
    name: CategoryName,
    #[deserr(default)]
    #[schema(required = false)]
    description: Description,
    /// Each in one category of the organization.
    #[deserr(default)]
    #[schema(required = false)]
    event_types: EventTypes,
    #[deserr(default)]
    #[schema(required = false)]
    metrics: Metrics,
    #[deserr(default)]
    #[schema(required = false)]
    dimensions: Dimensions,
    /// Where an event reports its cost in micro-dollars.
    #[deserr(default)]
    #[schema(required = false)]
    cost_pointer: Option<Pointer>,
    /// Where an event says that it does not know its cost.
    #[deserr(default)]
    #[schema(required = false)]
    price_unknown_pointer: Option<Pointer>,
    /// Where an event carries the reference of a reservation.
    #[deserr(default)]
    #[schema(required = false)]
    reference_pointer: Option<Pointer>,
    #[deserr(default)]
    #[schema(required = false)]
    color: Option<Color>,
    #[deserr(default)]
    #[schema(required = false)]
    display_order: Option<i32>,
}

/// A change of a category. Metrics and dimensions are added at the end, never changed or removed.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Minutes of builds" }))]
pub struct CategoryPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<CategoryName>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<Description>,
    #[deserr(default)]
    #[schema(required = false)]
    event_types: Change<EventTypes>,
    #[deserr(default)]
    #[schema(required = false)]
    metrics: Change<Metrics>,
    #[deserr(default)]
    #[schema(required = false)]
    dimensions: Change<Dimensions>,
    #[deserr(default)]
    #[schema(required = false)]
    color: Patch<Color>,
    #[deserr(default)]
    #[schema(required = false)]
    display_order: Patch<i32>,
}

impl Representation for Category {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/categories/{}", self.code)
    }
}

/// Takes the event types that `after` has and `before` had not, and frees the others.
fn move_types(write: &mut Write, before: Option<&Category>, after: Option<&Category>) {
    let types = |category: Option<&Category>| {
        let takes = category.filter(|it| it.archived_at.is_none());
        takes.map(|it| it.event_types.0.clone()).unwrap_or_default()
    };
    let (had, has) = (types(before), types(after));
    let Some(code) = after.or(before).map(|it| it.code.clone()) else { return };
    for kind in has.iter().filter(|kind| !had.contains(kind)) {
        let step = write.create(&UniqueMarker::new("type", kind.as_str(), &code));
        let detail = format!("another category takes {kind}");
        write.refused_as(step, Error::new(codes::EVENT_TYPE_TAKEN, detail));
    }
    for kind in had.iter().filter(|kind| !has.contains(kind)) {
        write.remove(&UniqueMarker::new("type", kind.as_str(), &code));
    }
}

fn data(before: Option<&Category>, after: &Category) -> DefinitionData {
    DefinitionData {
        name: after.code.to_string(),
        version: after.version,
        changes: before.map(|it| changes(Some(it), Some(after))).unwrap_or_default(),
    }
}

impl Usage {
    async fn category(&self, tenant: &Tenant, code: &CategoryCode) -> Result<Category> {
        if let Some(system) = system_categories().iter().find(|it| it.code == *code) {
            return Ok(system.clone());
        }
        let item: Option<CategoryItem> = self.store.get(&CategoryItem::place(tenant, code)).await?;
        Ok(item.ok_or_else(|| Error::not_found("category"))?.0)
    }
}

fn refuse_system(code: &CategoryCode) -> Result<()> {
    match is_system_code(code.as_str()) {
        true => Err(Error::new(codes::SYSTEM_CATEGORY, "the system's categories stay as they are")),
        false => Ok(()),
    }
}

/// Create a category
///
/// It counts what comes from now on. Two queries and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/categories", tag = "Categories")]
pub async fn category_create(
    caller: Allowed<CategoryManage>,
    State(usage): State<Usage>,
    submission: Submission<CategoryIn>,
) -> Answered<Created<Category>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    if defined.0.categories.len() >= MAX_CATEGORIES {
        return Err(Error::limit_reached("categories", MAX_CATEGORIES as u64).into());
    }
    let stamp = usage.stamp(&caller);
    let created = Category {
        code: input.code,
        name: input.name,
        description: input.description,
        event_types: input.event_types,
        metrics: input.metrics,
        dimensions: input.dimensions,
        cost_pointer: input.cost_pointer,
        price_unknown_pointer: input.price_unknown_pointer,
        reference_pointer: input.reference_pointer,
        color: input.color,
        display_order: input.display_order,
        is_system: false,
        archived_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    created.check()?;
    let mut write = submission.write(&usage.store, &caller);
    let step = write.create(&CategoryItem(created.clone()));
    let taken = Error::new(millwright_core::codes::NAME_TAKEN, "another category has this code");
    write.refused_as(step, taken);
    move_types(&mut write, None, Some(&created));
    write.emit(&CategoryCreated(data(None, &created)))?;
    let created = write.commit(Created(created)).await?;
    usage.forget(&caller.tenant());
    Ok(created)
}

/// List categories
///
/// Those of the system and of the organization, by code. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/categories", tag = "Categories")]
pub async fn category_list(
    caller: Allowed<CategoryRead>,
    State(usage): State<Usage>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Category>> {
    let tenant = caller.tenant();
    let defined = usage.defined_now(&tenant).await?;
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let mut all: Vec<&Category> = defined.categories().collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all.retain(|it| after.as_deref().is_none_or(|after| it.code.as_str() > after));
    let has_more = all.len() > listing.limit;
    all.truncate(listing.limit);
    let last = all.last().map(|it| Position::behind(&definitions(&tenant).at(&it.code)));
    let items = all.into_iter().cloned().collect();
    Ok(listing.page(items, last.filter(|_| has_more)).await?)
}

/// Read a category
///
/// One read, none of the system's.
#[utoipa::path(get, path = "/api/v1/usage/categories/{code}", tag = "Categories")]
pub async fn category_get(
    caller: Allowed<CategoryRead>,
    State(usage): State<Usage>,
    PathParameter((code,)): PathParameter<(CategoryCode,)>,
) -> Answered<Versioned<Category>> {
    Ok(Versioned(usage.category(&caller.tenant(), &code).await?))
}

/// Change a category
///
/// Additions count what comes later. One read and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/categories/{code}", tag = "Categories")]
pub async fn category_update(
    caller: Allowed<CategoryManage>,
    State(usage): State<Usage>,
    PathParameter((code,)): PathParameter<(CategoryCode,)>,
    if_match: IfMatch,
    Body(patch): Body<CategoryPatchIn>,
) -> Answered<Versioned<Category>> {
    refuse_system(&code)?;
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.category(&tenant, &code).await?;
        if_match.check(before.version)?;
        let mut after = before.clone();
        let patch = patch.clone();
        patch.name.apply_to(&mut after.name);
        patch.description.apply_or_default(&mut after.description);
        patch.event_types.apply_to(&mut after.event_types);
        patch.metrics.apply_to(&mut after.metrics);
        patch.dimensions.apply_to(&mut after.dimensions);
        patch.color.apply_to_option(&mut after.color);
        patch.display_order.apply_to_option(&mut after.display_order);
        let mut write = caller.write(&usage.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        after.check()?;
        before.check_successor(&after)?;
        after.version += 1;
        after.updated_at = usage.stamp(&caller).at.max(before.updated_at);
        let step = write.replace(&CategoryItem(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        move_types(&mut write, Some(&before), Some(&after));
        write.emit(&CategoryUpdated(data(Some(&before), &after)))?;
        write.commit(Versioned(after)).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}

/// Archive a category
///
/// Its event types are free again; what it counted stays. One read and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/categories/{code}", tag = "Categories")]
pub async fn category_archive(
    caller: Allowed<CategoryManage>,
    State(usage): State<Usage>,
    PathParameter((code,)): PathParameter<(CategoryCode,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    refuse_system(&code)?;
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.category(&tenant, &code).await?;
        if_match.check(before.version)?;
        let mut write = caller.write(&usage.store);
        if before.archived_at.is_some() {
            return write.commit(NoContent).await;
        }
        let now = usage.stamp(&caller).at;
        let after = Category {
            archived_at: Some(now),
            version: before.version + 1,
            updated_at: now.max(before.updated_at),
            ..before.clone()
        };
        let step = write.replace(&CategoryItem(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        move_types(&mut write, Some(&before), Some(&after));
        write.emit(&CategoryArchived(data(Some(&before), &after)))?;
        write.commit(NoContent).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}
