//! GET /auth/users/{userId}/data: everything that is kept of a person, for their own export.

use axum::extract::State;
use millwright_core::{OrgId, Result, UserId};
use millwright_http::{Answered, FromService, Listed, Listing, NoFilters, PathParameter};
use millwright_store::{Position, Query, RawItem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Auth,
    domain::{Identity, LoginRecord, Session, SessionView},
    key::KeyView,
    permissions::UserDataExport,
    store::{exported_key, identities_of, login_records_of, personal_keys_of, sessions_of},
    vouch,
};

/// One thing that is kept of a person. Never a secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UserDatum {
    Identity(Identity),
    Session(SessionView),
    ApiKey(KeyView),
    LoginRecord(LoginRecord),
}

/// What comes after what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Identities,
    Sessions,
    Keys,
    History,
}

const SECTIONS: [Section; 4] =
    [Section::Identities, Section::Sessions, Section::Keys, Section::History];

/// More keys of one person in one organization, those of 90 days included, than anybody makes.
const MAX_KEYS: usize = 1_000;

/// Where a page goes on: behind which thing of which section.
struct Place {
    section: Section,
    from: Option<Position>,
}

impl Place {
    fn of(from: Option<&Position>) -> Place {
        let at = from.map(Position::sort_key).unwrap_or_default();
        let section = match at {
            "" => Section::Identities,
            at if at.starts_with("IDN#") => Section::Identities,
            at if at.starts_with("SESSION#") => Section::Sessions,
            at if at.starts_with("KEYS#") => Section::Keys,
            _ => Section::History,
        };
        Place { section, from: from.cloned() }
    }
}

/// A part of a page: things, and where each of them is.
type Part = Vec<(UserDatum, Position)>;

/// Export a person's data
///
/// For user-management alone: identities, sessions, personal keys without secrets, and the sign-ins
/// of 90 days, in this order. One query for each kind on the page; for keys one query of memberships
/// and one for each of them.
#[utoipa::path(get, path = "/api/v1/auth/users/{userId}/data", tag = "Services")]
pub async fn user_data_export(
    _: FromService<UserDataExport>,
    State(app): State<Auth>,
    PathParameter((user,)): PathParameter<(UserId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<UserDatum>> {
    let place = Place::of(listing.from.as_ref());
    let mut items: Part = Vec::new();
    for section in SECTIONS.into_iter().skip_while(|it| *it != place.section) {
        let from = place.from.as_ref().filter(|_| section == place.section);
        let room = listing.limit - items.len();
        items.extend(part(&app, user, section, (room, from)).await?);
        if items.len() == listing.limit {
            break;
        }
    }
    let is_full = items.len() == listing.limit;
    let next = items.last().map(|(_, position)| position.clone()).filter(|_| is_full);
    let things = items.into_iter().map(|(thing, _)| thing).collect();
    Ok(listing.page(things, next).await?)
}

async fn part(
    app: &Auth,
    user: UserId,
    section: Section,
    (room, from): (usize, Option<&Position>),
) -> Result<Part> {
    let person = vouch::person(user);
    let now = app.clock().now();
    match section {
        Section::Identities => {
            read(app, &identities_of(&person), (room, from), |item| {
                Ok(UserDatum::Identity(item.decode::<Identity>()?))
            })
            .await
        }
        Section::Sessions => {
            read(app, &sessions_of(&person), (room, from), |item| {
                let session: Session = item.decode()?;
                Ok(UserDatum::Session(SessionView::of(&session, None, now)))
            })
            .await
        }
        Section::Keys => keys(app, user, (room, from)).await,
        Section::History => {
            read(app, &login_records_of(&person), (room, from), |item| {
                Ok(UserDatum::LoginRecord(item.decode::<LoginRecord>()?))
            })
            .await
        }
    }
}

async fn read(
    app: &Auth,
    query: &Query,
    (room, from): (usize, Option<&Position>),
    thing: impl Fn(&RawItem) -> Result<UserDatum>,
) -> Result<Part> {
    let mut part = Vec::new();
    let mut from = from.cloned();
    while part.len() < room {
        let page = app.store.page(query, room - part.len(), from.as_ref()).await?;
        for item in &page.items {
            part.push((thing(item)?, item.position(None)));
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(part)
}

/// Personal keys wherever the person belongs or belonged, by organization.
async fn keys(app: &Auth, user: UserId, (room, from): (usize, Option<&Position>)) -> Result<Part> {
    let person = vouch::person(user);
    let (_, memberships) = app.facts.person(user).await?;
    let mut organizations: Vec<OrgId> = memberships.iter().map(|it| it.organization_id).collect();
    organizations.sort_unstable();
    let now = app.clock().now();
    let last = from.map(Position::sort_key).unwrap_or_default();
    let mut part = Vec::new();
    for id in organizations {
        // What the last page showed is behind us, and with it whole organizations.
        let first = exported_key(&person, id, "");
        if first.sort_key() < last && !last.starts_with(first.sort_key()) {
            continue;
        }
        let query = personal_keys_of(&vouch::organization(id), Some(user)).descending(false);
        for item in app.store.collect(&query, MAX_KEYS).await? {
            let summary = item.decode_attribute("summary")?;
            let version = item.version().unwrap_or_default();
            let view = KeyView::of(&summary, version, now);
            let place = exported_key(&person, id, &view.id.to_string());
            if place.sort_key() > last {
                part.push((UserDatum::ApiKey(view), Position::behind(&place)));
            }
            if part.len() == room {
                return Ok(part);
            }
        }
    }
    Ok(part)
}
