//! Sessions: input, handlers.

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
    app::Auth,
    codes,
    domain::{Session, SessionBody, SessionId, SessionPatch, SessionSummary, Title},
    events::{SessionCreated, SessionData, SessionDeleted, SessionUpdated},
    permissions::{SessionCreate, SessionDelete, SessionRead, SessionUpdate},
    store::{SessionItem, SessionTombstone, TitleMarker, by_title},
};

/// A new session.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "title": "Retrospective",
    "body": "Shorter stand-ups.",
}))]
pub struct SessionIn {
    /// Unique in the organization, case-insensitive.
    title: Title,
    #[deserr(default)]
    #[schema(required = false)]
    body: SessionBody,
}

/// A change of a session.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "title": "Retrospective of November" }))]
pub struct SessionPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    title: Change<Title>,
    #[deserr(default)]
    #[schema(required = false)]
    body: Patch<SessionBody>,
}

/// A list of sessions takes no filters.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NoFilters {}

impl From<SessionPatchIn> for SessionPatch {
    fn from(patch: SessionPatchIn) -> SessionPatch {
        let SessionPatchIn { title, body } = patch;
        SessionPatch { title, body }
    }
}

impl Representation for Session {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/auth/sessions/{}", self.summary.id)
    }
}

/// Create a session
///
/// One transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/auth/sessions", tag = "Sessions")]
pub async fn session_create(
    caller: Allowed<SessionCreate>,
    State(app): State<Auth>,
    submission: Submission<SessionIn>,
) -> Answered<Created<Session>> {
    let mut write = submission.write(&app.store, &caller);
    let SessionIn { title, body } = submission.input;
    let created = Session::new(app.store.ids().next(), title, body, app.stamp(&caller));
    take_title(&mut write, &created.summary);
    write.create(&SessionItem::of(&created));
    write.emit(&SessionCreated(SessionData::of(&created.summary, &[])))?;
    Ok(write.commit(Created(created)).await?)
}

/// List sessions
///
/// By title. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "Sessions")]
pub async fn session_list(
    caller: Allowed<SessionRead>,
    State(app): State<Auth>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<SessionSummary>> {
    let query = Query::index(Index::Gsi1, by_title(&caller.tenant()));
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let found: Result<Vec<SessionSummary>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    Ok(listing.page(found?, page.next).await?)
}

/// Read a session
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/auth/sessions/{id}", tag = "Sessions")]
pub async fn session_get(
    caller: Allowed<SessionRead>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
) -> Answered<Versioned<Session>> {
    let found: Option<SessionItem> =
        app.store.get(&SessionItem::place(&caller.tenant(), id)).await?;
    Ok(Versioned(found.ok_or_else(|| Error::not_found("session"))?.whole()))
}

/// Change a session
///
/// A change of nothing is no change. One read and one transaction of at most four items.
#[utoipa::path(patch, path = "/api/v1/auth/sessions/{id}", tag = "Sessions")]
pub async fn session_update(
    caller: Allowed<SessionUpdate>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
    if_match: IfMatch,
    Body(patch): Body<SessionPatchIn>,
) -> Answered<Versioned<Session>> {
    let patch = SessionPatch::from(patch);
    let place = SessionItem::place(&caller.tenant(), id);
    let attempt = || async {
        let found: Option<SessionItem> = app.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("session"))?.whole();
        if_match.check(before.summary.version)?;
        let mut write = caller.write(&app.store);
        let patched = before.patched(patch.clone());
        if patched == before {
            return write.commit(Versioned(before)).await;
        }
        let after = patched.stamped(app.stamp(&caller));
        let step = write.replace(&SessionItem::of(&after), before.summary.version);
        write.refused_as(step, Error::lost_race());
        if after.summary.folded_title() != before.summary.folded_title() {
            take_title(&mut write, &after.summary);
            write.remove(&TitleMarker::of(&before.summary));
        }
        let changed = before.fields_changed(&after);
        write.emit(&SessionUpdated(SessionData::of(&after.summary, &changed)))?;
        write.commit(Versioned(after)).await
    };
    // Somebody was faster: read and decide again. Who named a version is told by the check.
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete a session
///
/// For ever; its title is free again. One batch read and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "Sessions")]
pub async fn session_delete(
    caller: Allowed<SessionDelete>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let places = [SessionItem::place(&tenant, id), SessionTombstone::place(&tenant, id)];
    let attempt = || async {
        let items = app.store.get_many(&places).await?;
        let Some(item) = items.iter().find(|item| item.is::<SessionItem>()) else {
            return match items.is_empty() {
                true => Err(Error::not_found("session")),
                false => Ok(NoContent),
            };
        };
        let summary = item.decode::<SessionItem>()?.summary;
        if_match.check(summary.version)?;
        let mut write = caller.write(&app.store);
        let step = write.delete_when(&places[0], Condition::version(summary.version));
        write.refused_as(step, Error::lost_race());
        write.remove(&TitleMarker::of(&summary));
        write.create(&SessionTombstone { id, deleted_at: app.store.clock().now() });
        write.emit(&SessionDeleted(SessionData::of(&summary, &[])))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn take_title(write: &mut Write, summary: &SessionSummary) {
    let step = write.create(&TitleMarker::of(summary));
    write.refused_as(step, Error::new(codes::TITLE_TAKEN, "another session has this title"));
}
