//! The log: entries, newest first.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Error, FaultCode, Faults, Line, ProjectId, Result, Tenant, Timestamp, UserId,
};
use millwright_http::{Allowed, Answered, Listed, Listing};
use millwright_store::{Index, Partition, Position, Query, RawItem, Timeline, schema::SUMMARY};
use utoipa::IntoParams;

use super::{CompletionId, CompletionStatus, CompletionSummary};
use crate::{
    app::AiService,
    domain::ModelId,
    permissions::{CompletionRead, CompletionReadAll},
    store::{SHARDS, completions_of_day, completions_of_user, day_of, moment_of_id},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The longest span of a list.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3_600);
/// The span of a list that names none.
const USUAL: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Filters of completions.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct CompletionFilters {
    /// From this time on; by default seven days before `to`.
    #[deserr(default)]
    #[param(inline)]
    from: Option<Timestamp>,
    /// Before this time; by default now. At most 31 days after `from`.
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
    #[deserr(default)]
    #[param(inline)]
    status: Option<CompletionStatus>,
    /// What answered, or was asked last.
    #[deserr(default)]
    #[param(inline)]
    model_id: Option<ModelId>,
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(inline)]
    api_key_id: Option<Line<1, 60>>,
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
    #[deserr(default)]
    #[param(inline)]
    tag: Option<Line<1, 50>>,
}

/// Whose entries a caller sees.
enum Whose {
    Everybodys,
    Of(UserId),
    /// Of a key that stands for nobody.
    OfKey(Option<String>),
}

struct Log<'a> {
    tenant: &'a Tenant,
    filters: &'a CompletionFilters,
    whose: Whose,
}

impl Log<'_> {
    fn admits(&self, entry: &CompletionSummary) -> bool {
        let filters = self.filters;
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        let is_theirs = match &self.whose {
            Whose::Everybodys => true,
            Whose::Of(user) => entry.user_id == Some(*user),
            Whose::OfKey(key) => entry.user_id.is_none() && entry.api_key_id == *key,
        };
        is_theirs
            && is(filters.status.map(|it| it == entry.status))
            && is(filters.model_id.map(|it| Some(it) == entry.model_id))
            && is(filters.user_id.map(|it| Some(it) == entry.user_id))
            && is(filters
                .api_key_id
                .as_ref()
                .map(|it| Some(it.as_str()) == entry.api_key_id.as_deref()))
            && is(filters.project_id.map(|it| Some(it) == entry.project_id))
            && is(filters.tag.as_ref().map(|it| entry.tags.iter().any(|tag| tag == it.as_str())))
    }
}

impl Timeline for Log<'_> {
    type Entry = CompletionSummary;

    fn of_day(&self, at: Timestamp) -> Vec<Query> {
        let day = day_of(at);
        match self.whose {
            Whose::Of(user) => {
                vec![Query::index(Index::Gsi1, completions_of_user(self.tenant, user, &day))]
            }
            _ => {
                let shard = |shard| completions_of_day(self.tenant, &day, shard);
                (0..SHARDS).map(|it| Query::partition(shard(it))).collect()
            }
        }
    }

    fn key_at(&self, at: Timestamp) -> String {
        CompletionId::derived(at, &[0; 10]).to_string()
    }

    fn moment_of(&self, key: &str) -> Option<Timestamp> {
        key.parse().ok().map(moment_of_id)
    }

    fn read(&self, item: &RawItem) -> Result<(String, Option<CompletionSummary>)> {
        let entry: CompletionSummary = item.decode_attribute(SUMMARY)?;
        Ok((entry.id.to_string(), self.admits(&entry).then_some(entry)))
    }
}

/// List completions
///
/// Newest first. One's own, or with `ai.completion.read_all` everybody's; `userId` names one of
/// them. At most 31 days at once. One Query for each day of a person's, eight of everybody's, until
/// the page is full.
#[utoipa::path(get, path = "/api/v1/ai/completions", tag = "Completions")]
pub async fn completion_list(
    caller: Allowed<CompletionRead>,
    State(app): State<AiService>,
    listing: Listing<CompletionFilters>,
) -> Answered<Listed<CompletionSummary>> {
    let tenant = caller.tenant();
    let filters = &listing.filters;
    // Who is newer than this very moment is on the first page of the next call.
    let to = filters.to.unwrap_or_else(|| app.store.clock().now().plus(Duration::from_millis(1)));
    let from = filters.from.unwrap_or_else(|| to.minus(USUAL));
    if to <= from || to.since(from) > LONGEST {
        let detail = "must be after from, and at most 31 days";
        return Err(Error::fault("query:to", FaultCode::TooLarge, detail).into());
    }
    let whose = match (caller.may::<CompletionReadAll>(), caller.user(), filters.user_id) {
        (true, _, Some(user)) | (false, Some(user), _) => Whose::Of(user),
        (true, _, None) => Whose::Everybodys,
        (false, None, _) => Whose::OfKey(caller.principal.key_id.clone()),
    };
    // What is older is not kept.
    let from = from.max(app.store.clock().now().minus(DAY * 366));
    let log = Log { tenant: &tenant, filters, whose };
    let behind = listing.from.as_ref().map(Position::sort_key);
    let (found, next) = app.store.newest(&log, from, to, behind, listing.limit).await?;
    let place = |key: String| Position::behind(&Partition::of(&tenant).and("CMP").at(key));
    Ok(listing.page(found, next.map(place)).await?)
}
