//! Quotas: input, handlers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Patch, Result};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, PathParameter,
    Representation, Submission, Versioned, Write,
};
use millwright_store::{Condition, Contention, Index, Query};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::UsageTracking,
    codes,
    domain::{Quota, QuotaBody, QuotaId, QuotaPatch, QuotaSummary, Title},
    events::{QuotaCreated, QuotaData, QuotaDeleted, QuotaUpdated},
    permissions::{QuotaCreate, QuotaDelete, QuotaRead, QuotaUpdate},
    store::{QuotaItem, QuotaTombstone, TitleMarker, by_title},
};

/// A new quota.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "title": "Retrospective",
    "body": "Shorter stand-ups.",
}))]
pub struct QuotaIn {
    /// Unique in the organization, case-insensitive.
    title: Title,
    #[deserr(default)]
    #[schema(required = false)]
    body: QuotaBody,
}

/// A change of a quota.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "title": "Retrospective of November" }))]
pub struct QuotaPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    title: Change<Title>,
    #[deserr(default)]
    #[schema(required = false)]
    body: Patch<QuotaBody>,
}

/// A list of quotas takes no filters.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NoFilters {}

impl From<QuotaPatchIn> for QuotaPatch {
    fn from(patch: QuotaPatchIn) -> QuotaPatch {
        let QuotaPatchIn { title, body } = patch;
        QuotaPatch { title, body }
    }
}

impl Representation for Quota {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/quotas/{}", self.summary.id)
    }
}

/// Create a quota
///
/// One transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/usage/quotas", tag = "Quotas")]
pub async fn quota_create(
    caller: Allowed<QuotaCreate>,
    State(app): State<UsageTracking>,
    submission: Submission<QuotaIn>,
) -> Answered<Created<Quota>> {
    let mut write = submission.write(&app.store, &caller);
    let QuotaIn { title, body } = submission.input;
    let created = Quota::new(app.store.ids().next(), title, body, app.stamp(&caller));
    take_title(&mut write, &created.summary);
    write.create(&QuotaItem::of(&created));
    write.emit(&QuotaCreated(QuotaData::of(&created.summary, &[])))?;
    Ok(write.commit(Created(created)).await?)
}

/// List quotas
///
/// By title. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/usage/quotas", tag = "Quotas")]
pub async fn quota_list(
    caller: Allowed<QuotaRead>,
    State(app): State<UsageTracking>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<QuotaSummary>> {
    let query = Query::index(Index::Gsi1, by_title(&caller.tenant()));
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let found: Result<Vec<QuotaSummary>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    Ok(listing.page(found?, page.next).await?)
}

/// Read a quota
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/usage/quotas/{id}", tag = "Quotas")]
pub async fn quota_get(
    caller: Allowed<QuotaRead>,
    State(app): State<UsageTracking>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
) -> Answered<Versioned<Quota>> {
    let found: Option<QuotaItem> = app.store.get(&QuotaItem::place(&caller.tenant(), id)).await?;
    Ok(Versioned(found.ok_or_else(|| Error::not_found("quota"))?.whole()))
}

/// Change a quota
///
/// A change of nothing is no change. One read and one transaction of at most four items.
#[utoipa::path(patch, path = "/api/v1/usage/quotas/{id}", tag = "Quotas")]
pub async fn quota_update(
    caller: Allowed<QuotaUpdate>,
    State(app): State<UsageTracking>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    if_match: IfMatch,
    Body(patch): Body<QuotaPatchIn>,
) -> Answered<Versioned<Quota>> {
    let patch = QuotaPatch::from(patch);
    let place = QuotaItem::place(&caller.tenant(), id);
    let attempt = || async {
        let found: Option<QuotaItem> = app.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("quota"))?.whole();
        if_match.check(before.summary.version)?;
        let mut write = caller.write(&app.store);
        let patched = before.patched(patch.clone());
        if patched == before {
            return write.commit(Versioned(before)).await;
        }
        let after = patched.stamped(app.stamp(&caller));
        let step = write.replace(&QuotaItem::of(&after), before.summary.version);
        write.refused_as(step, Error::lost_race());
        if after.summary.folded_title() != before.summary.folded_title() {
            take_title(&mut write, &after.summary);
            write.remove(&TitleMarker::of(&before.summary));
        }
        let changed = before.fields_changed(&after);
        write.emit(&QuotaUpdated(QuotaData::of(&after.summary, &changed)))?;
        write.commit(Versioned(after)).await
    };
    // Somebody was faster: read and decide again. Who named a version is told by the check.
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete a quota
///
/// For ever; its title is free again. One batch read and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/usage/quotas/{id}", tag = "Quotas")]
pub async fn quota_delete(
    caller: Allowed<QuotaDelete>,
    State(app): State<UsageTracking>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let places = [QuotaItem::place(&tenant, id), QuotaTombstone::place(&tenant, id)];
    let attempt = || async {
        let items = app.store.get_many(&places).await?;
        let Some(item) = items.iter().find(|item| item.is::<QuotaItem>()) else {
            return match items.is_empty() {
                true => Err(Error::not_found("quota")),
                false => Ok(NoContent),
            };
        };
        let summary = item.decode::<QuotaItem>()?.summary;
        if_match.check(summary.version)?;
        let mut write = caller.write(&app.store);
        let step = write.delete_when(&places[0], Condition::version(summary.version));
        write.refused_as(step, Error::lost_race());
        write.remove(&TitleMarker::of(&summary));
        write.create(&QuotaTombstone { id, deleted_at: app.store.clock().now() });
        write.emit(&QuotaDeleted(QuotaData::of(&summary, &[])))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn take_title(write: &mut Write, summary: &QuotaSummary) {
    let step = write.create(&TitleMarker::of(summary));
    write.refused_as(step, Error::new(codes::TITLE_TAKEN, "another quota has this title"));
}
