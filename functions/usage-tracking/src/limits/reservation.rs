//! Reservations afterwards: read, committed, released, extended.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Bounded, Entries, Error, Fault, FaultCode, Faults, ProjectId, Result, TeamId, Tenant,
    Timestamp, UserId,
};
use millwright_http::{
    Allowed, AllowedOrService, Answered, Empty, Listed, Listing, PathParameter, Representation,
    Submission, Versioned,
};
use millwright_store::{Contention, Index, Query};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{apply::move_all, reserve::check_extension};
use crate::{
    app::Usage,
    codes,
    domain::{
        CategoryCode, Quantity, Reservation, ReservationId, ReservationState, SettledBy,
        scaled_amounts, shown,
    },
    events::{ReservationData, ReservationOverran},
    permissions::{LimitConsume, LimitConsumeFor, LimitRead},
    store::{ReservationItem, all_reservations},
};

/// What a reservation holds of a limit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    limit_id: String,
    scope_id: Option<String>,
    measure: String,
    window_start: Timestamp,
    window_end: Timestamp,
    /// A decimal; micro-dollars of a cost.
    held: Quantity,
}

/// A reservation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "rsv_01jdz7xk2nf5h9vq3w8c6m4t0b", "categoryCode": "ai.completion", "dimensions": {},
    "userId": null, "teamId": null, "projectId": null, "amounts": { "count": "1", "cost": "20000" },
    "reference": "completion-1", "state": "held", "limits": [], "committed": null,
    "settledBy": null, "late": false, "overrun": false, "expiresAt": "2026-11-23T01:19:58.000Z",
    "settledAt": null, "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "svk_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct ReservationView {
    id: ReservationId,
    category_code: CategoryCode,
    dimensions: std::collections::BTreeMap<String, String>,
    user_id: Option<UserId>,
    team_id: Option<TeamId>,
    project_id: Option<ProjectId>,
    amounts: BTreeMap<String, Quantity>,
    reference: Option<String>,
    state: ReservationState,
    limits: Vec<HoldView>,
    /// What it came to.
    committed: Option<BTreeMap<String, Quantity>>,
    settled_by: Option<SettledBy>,
    /// It had expired before it was settled.
    late: bool,
    /// It came to more than was held.
    overrun: bool,
    expires_at: Timestamp,
    settled_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl ReservationView {
    pub fn of(reservation: &Reservation) -> ReservationView {
        let it = reservation.clone();
        let hold = |hold: crate::domain::Hold| HoldView {
            limit_id: hold.limit_id.to_string(),
            scope_id: (!hold.scope_id.is_empty()).then_some(hold.scope_id),
            held: shown(&hold.measure, hold.held.0),
            measure: hold.measure,
            window_start: hold.window.start,
            window_end: hold.window.end,
        };
        ReservationView {
            id: it.id,
            category_code: it.category_code,
            dimensions: it.dimensions,
            user_id: it.attribution.user_id,
            team_id: it.attribution.team_id,
            project_id: it.attribution.project_id,
            amounts: it.amounts,
            reference: it.reference,
            state: it.state,
            limits: it.holds.into_iter().map(hold).collect(),
            committed: it.committed,
            settled_by: it.settled_by,
            late: it.late,
            overrun: it.overrun,
            expires_at: it.expires_at,
            settled_at: it.settled_at,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for ReservationView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/reservations/{}", self.id)
    }
}

impl Usage {
    /// One GetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn reservation(&self, tenant: &Tenant, id: ReservationId) -> Result<Reservation> {
        let item: Option<ReservationItem> =
            self.store.get(&ReservationItem::place(tenant, id)).await?;
        Ok(item.ok_or_else(|| Error::not_found("reservation"))?.summary)
    }
}

/// Filters of reservations.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct ReservationFilters {
    #[deserr(default)]
    #[param(inline)]
    state: Option<ReservationState>,
    #[deserr(default)]
    #[param(inline)]
    category_code: Option<CategoryCode>,
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
}

/// List reservations
///
/// Newest first; those of 40 days. Members see their own. One query of an index.
#[utoipa::path(get, path = "/api/v1/usage/reservations", tag = "Reservations")]
pub async fn reservation_list(
    caller: Allowed<LimitRead>,
    State(usage): State<Usage>,
    listing: Listing<ReservationFilters>,
) -> Answered<Listed<ReservationView>> {
    let tenant = caller.tenant();
    let query = Query::index(Index::Gsi2, all_reservations(&tenant)).descending(true);
    let filters = &listing.filters;
    let own = own_only(&caller);
    let admit = |item: &millwright_store::RawItem| {
        let it: Reservation = item.decode_attribute("summary")?;
        let admitted = filters.state.is_none_or(|state| state == it.state)
            && filters.category_code.as_ref().is_none_or(|code| *code == it.category_code)
            && filters.user_id.is_none_or(|user| Some(user) == it.attribution.user_id)
            && filters.project_id.is_none_or(|id| Some(id) == it.attribution.project_id)
            && is_visible(&own, &it);
        Ok(admitted.then(|| ReservationView::of(&it)))
    };
    let page = usage
        .store
        .filtered_page(&query, listing.limit, listing.from.as_ref(), true, admit)
        .await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// The user whose reservations alone the caller sees; none if all.
fn own_only(caller: &millwright_http::Caller) -> Option<Option<UserId>> {
    let sees_all =
        caller.may::<crate::permissions::ReportReadAll>() || caller.may::<LimitConsume>();
    (!sees_all).then(|| caller.user())
}

fn is_visible(own: &Option<Option<UserId>>, reservation: &Reservation) -> bool {
    match own {
        None => true,
        Some(user) => user.is_some() && *user == reservation.attribution.user_id,
    }
}

/// Read a reservation
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/reservations/{reservationId}", tag = "Reservations")]
pub async fn reservation_get(
    caller: Allowed<LimitRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(ReservationId,)>,
) -> Answered<Versioned<ReservationView>> {
    let reservation = usage.reservation(&caller.tenant(), id).await?;
    if !is_visible(&own_only(&caller), &reservation) {
        return Err(Error::not_found("reservation").into());
    }
    Ok(Versioned(ReservationView::of(&reservation)))
}

/// What it came to.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "amounts": { "cost": 12000 } }))]
pub struct CommitIn {
    /// By measure; `cost` in micro-dollars; `count` is 1 if it is not named.
    #[schema(value_type = BTreeMap<String, String>)]
    amounts: Entries<Quantity>,
}

/// Commit a reservation
///
/// Books what it came to, once: a second commit is answered with what was settled first. After it
/// has expired it is booked without a hold. One read and one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/usage/reservations/{reservationId}/commit",
    tag = "Reservations"
)]
pub async fn reservation_commit(
    caller: AllowedOrService<LimitConsume, LimitConsumeFor>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(ReservationId,)>,
    submission: Submission<CommitIn>,
) -> Answered<Versioned<ReservationView>> {
    let tenant = caller.tenant();
    let input = &submission.input;
    let negative = input.amounts.iter().find(|(_, quantity)| quantity.is_negative());
    if let Some((name, _)) = negative {
        let pointer = format!("/amounts/{name}");
        let fault = Fault::new(pointer, FaultCode::TooSmall, "must not be negative");
        return Err(Faults::of(fault).into());
    }
    let amounts = scaled_amounts(&input.amounts);
    let attempt = || async {
        let before = usage.reservation(&tenant, id).await?;
        let mut write = submission.write(&usage.store, &caller);
        let now = usage.store.clock().now();
        let quantities = input.amounts.0.clone();
        let settled = before.settle(&amounts, quantities, SettledBy::Commit, now)?;
        let Some((after, moves)) = settled else {
            return write.commit(Versioned(ReservationView::of(&before))).await;
        };
        let step = write.replace(&ReservationItem::of(&after), before.version);
        write.refused_as(step, Error::lost_race());
        move_all(&mut write, moves);
        if after.overrun {
            write.emit(&ReservationOverran(ReservationData::of(&after)))?;
        }
        write.commit(Versioned(ReservationView::of(&after))).await
    };
    Ok(Contention::new(&usage.store).settle(&usage.store, attempt).await?)
}

/// Release a reservation
///
/// Gives back what it holds, once. One read and one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/usage/reservations/{reservationId}/release",
    tag = "Reservations"
)]
pub async fn reservation_release(
    caller: AllowedOrService<LimitConsume, LimitConsumeFor>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(ReservationId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<ReservationView>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.reservation(&tenant, id).await?;
        let mut write = submission.write(&usage.store, &caller);
        let now = usage.store.clock().now();
        let Some((after, moves)) = before.give_back(ReservationState::Released, now)? else {
            return write.commit(Versioned(ReservationView::of(&before))).await;
        };
        let step = write.replace(&ReservationItem::of(&after), before.version);
        write.refused_as(step, Error::lost_race());
        move_all(&mut write, moves);
        write.commit(Versioned(ReservationView::of(&after))).await
    };
    Ok(Contention::new(&usage.store).settle(&usage.store, attempt).await?)
}

/// For how much longer.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "ttlSeconds": 900 }))]
pub struct ExtendIn {
    /// From now on.
    ttl_seconds: Bounded<10, 3_600>,
}

/// Extend a reservation
///
/// At most 24 hours from when it was made. One read and one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/usage/reservations/{reservationId}/extend",
    tag = "Reservations"
)]
pub async fn reservation_extend(
    caller: AllowedOrService<LimitConsume, LimitConsumeFor>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(ReservationId,)>,
    submission: Submission<ExtendIn>,
) -> Answered<Versioned<ReservationView>> {
    let tenant = caller.tenant();
    let more = Duration::from_secs(u64::from(submission.input.ttl_seconds.get()));
    let attempt = || async {
        let before = usage.reservation(&tenant, id).await?;
        if before.state != ReservationState::Held {
            let detail = format!("it is {}", before.state);
            return Err(Error::new(codes::RESERVATION_FINISHED, detail));
        }
        let now = usage.store.clock().now();
        let expires_at = now.plus(more);
        check_extension(before.created_at, expires_at)?;
        usage.take_down(&tenant, expires_at).await?;
        let after = before.extended(expires_at, now);
        let mut write = submission.write(&usage.store, &caller);
        let step = write.replace(&ReservationItem::of(&after), before.version);
        write.refused_as(step, Error::lost_race());
        write.commit(Versioned(ReservationView::of(&after))).await
    };
    Ok(Contention::new(&usage.store).settle(&usage.store, attempt).await?)
}
