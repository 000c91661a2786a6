//! Organizations: input, handlers.

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
    app::UserManagement,
    codes,
    domain::{
        Organization, OrganizationBody, OrganizationId, OrganizationPatch, OrganizationSummary,
        Title,
    },
    events::{OrganizationCreated, OrganizationData, OrganizationDeleted, OrganizationUpdated},
    permissions::{OrganizationCreate, OrganizationDelete, OrganizationRead, OrganizationUpdate},
    store::{OrganizationItem, OrganizationTombstone, TitleMarker, by_title},
};

/// A new organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "title": "Retrospective",
    "body": "Shorter stand-ups.",
}))]
pub struct OrganizationIn {
    /// Unique in the organization, case-insensitive.
    title: Title,
    #[deserr(default)]
    #[schema(required = false)]
    body: OrganizationBody,
}

/// A change of an organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "title": "Retrospective of November" }))]
pub struct OrganizationPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    title: Change<Title>,
    #[deserr(default)]
    #[schema(required = false)]
    body: Patch<OrganizationBody>,
}

/// A list of organizations takes no filters.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NoFilters {}

impl From<OrganizationPatchIn> for OrganizationPatch {
    fn from(patch: OrganizationPatchIn) -> OrganizationPatch {
        let OrganizationPatchIn { title, body } = patch;
        OrganizationPatch { title, body }
    }
}

impl Representation for Organization {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/organizations/organizations/{}", self.summary.id)
    }
}

/// Create an organization
///
/// One transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/organizations/organizations", tag = "Organizations")]
pub async fn organization_create(
    caller: Allowed<OrganizationCreate>,
    State(app): State<UserManagement>,
    submission: Submission<OrganizationIn>,
) -> Answered<Created<Organization>> {
    let mut write = submission.write(&app.store, &caller);
    let OrganizationIn { title, body } = submission.input;
    let created = Organization::new(app.store.ids().next(), title, body, app.stamp(&caller));
    take_title(&mut write, &created.summary);
    write.create(&OrganizationItem::of(&created));
    write.emit(&OrganizationCreated(OrganizationData::of(&created.summary, &[])))?;
    Ok(write.commit(Created(created)).await?)
}

/// List organizations
///
/// By title. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/organizations/organizations", tag = "Organizations")]
pub async fn organization_list(
    caller: Allowed<OrganizationRead>,
    State(app): State<UserManagement>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<OrganizationSummary>> {
    let query = Query::index(Index::Gsi1, by_title(&caller.tenant()));
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let found: Result<Vec<OrganizationSummary>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    Ok(listing.page(found?, page.next).await?)
}

/// Read an organization
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/organizations/organizations/{id}", tag = "Organizations")]
pub async fn organization_get(
    caller: Allowed<OrganizationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrganizationId,)>,
) -> Answered<Versioned<Organization>> {
    let found: Option<OrganizationItem> =
        app.store.get(&OrganizationItem::place(&caller.tenant(), id)).await?;
    Ok(Versioned(found.ok_or_else(|| Error::not_found("organization"))?.whole()))
}

/// Change an organization
///
/// A change of nothing is no change. One read and one transaction of at most four items.
#[utoipa::path(patch, path = "/api/v1/organizations/organizations/{id}", tag = "Organizations")]
pub async fn organization_update(
    caller: Allowed<OrganizationUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrganizationId,)>,
    if_match: IfMatch,
    Body(patch): Body<OrganizationPatchIn>,
) -> Answered<Versioned<Organization>> {
    let patch = OrganizationPatch::from(patch);
    let place = OrganizationItem::place(&caller.tenant(), id);
    let attempt = || async {
        let found: Option<OrganizationItem> = app.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("organization"))?.whole();
        if_match.check(before.summary.version)?;
        let mut write = caller.write(&app.store);
        let patched = before.patched(patch.clone());
        if patched == before {
            return write.commit(Versioned(before)).await;
        }
        let after = patched.stamped(app.stamp(&caller));
        let step = write.replace(&OrganizationItem::of(&after), before.summary.version);
        write.refused_as(step, Error::lost_race());
        if after.summary.folded_title() != before.summary.folded_title() {
            take_title(&mut write, &after.summary);
            write.remove(&TitleMarker::of(&before.summary));
        }
        let changed = before.fields_changed(&after);
        write.emit(&OrganizationUpdated(OrganizationData::of(&after.summary, &changed)))?;
        write.commit(Versioned(after)).await
    };
    // Somebody was faster: read and decide again. Who named a version is told by the check.
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete an organization
///
/// For ever; its title is free again. One batch read and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/organizations/organizations/{id}", tag = "Organizations")]
pub async fn organization_delete(
    caller: Allowed<OrganizationDelete>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrganizationId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let places = [OrganizationItem::place(&tenant, id), OrganizationTombstone::place(&tenant, id)];
    let attempt = || async {
        let items = app.store.get_many(&places).await?;
        let Some(item) = items.iter().find(|item| item.is::<OrganizationItem>()) else {
            return match items.is_empty() {
                true => Err(Error::not_found("organization")),
                false => Ok(NoContent),
            };
        };
        let summary = item.decode::<OrganizationItem>()?.summary;
        if_match.check(summary.version)?;
        let mut write = caller.write(&app.store);
        let step = write.delete_when(&places[0], Condition::version(summary.version));
        write.refused_as(step, Error::lost_race());
        write.remove(&TitleMarker::of(&summary));
        write.create(&OrganizationTombstone { id, deleted_at: app.store.clock().now() });
        write.emit(&OrganizationDeleted(OrganizationData::of(&summary, &[])))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn take_title(write: &mut Write, summary: &OrganizationSummary) {
    let step = write.create(&TitleMarker::of(summary));
    write.refused_as(step, Error::new(codes::TITLE_TAKEN, "another organization has this title"));
}
