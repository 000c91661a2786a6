//! Reserving the worst case.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use deserr::Deserr;
use millwright_core::{
    Bounded, Entries, Error, FaultCode, Faults, Line, ProjectId, Result, TeamId, Tenant, Timestamp,
    UserId,
};
use millwright_http::{
    AllowedOrService, Answer, Answered, Created, Describe, OperationDocument, Plain, Problem,
    Rendered, Submission,
};
use utoipa::ToSchema;

use super::{
    Decision, ReservationView, Use, UseIn,
    apply::{Booked, applied, book, try_booking},
};
use crate::{
    app::Usage,
    codes,
    domain::{CategoryCode, Counted, Hold, Quantity, Reservation, ReservationState, Scaled},
    permissions::{LimitConsume, LimitConsumeFor},
    store::{ReferenceMarker, ReservationItem},
};

/// What is to be held.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryCode": "ai.completion", "amounts": { "cost": 20000 }, "reference": "completion-1",
    "ttlSeconds": 600,
}))]
pub struct ReservationIn {
    category_code: CategoryCode,
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    dimensions: Entries<String>,
    #[deserr(default)]
    #[schema(required = false)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    team_id: Option<TeamId>,
    #[deserr(default)]
    #[schema(required = false)]
    project_id: Option<ProjectId>,
    /// The worst case, by measure; `cost` in micro-dollars; `count` is 1 if it is not named.
    #[schema(value_type = BTreeMap<String, String>)]
    amounts: Entries<Quantity>,
    /// What the event that follows carries; unique for 40 days. A repeat gets the same reservation.
    #[deserr(default)]
    #[schema(required = false)]
    reference: Option<Line<1, 100>>,
    /// 900 by default.
    #[deserr(default)]
    #[schema(required = false)]
    ttl_seconds: Option<Bounded<10, 3_600>>,
}

/// Held, or denied.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one of each request")]
pub enum Reserved {
    Held(Created<ReservationView>),
    Denied(Plain<Decision>),
}

impl Answer for Reserved {
    fn render(&self) -> Result<Rendered> {
        match self {
            Reserved::Held(held) => held.render(),
            Reserved::Denied(denied) => denied.render(),
        }
    }
}

impl IntoResponse for Reserved {
    fn into_response(self) -> Response {
        match self.render() {
            Ok(rendered) => rendered.into_response(),
            Err(error) => Problem(error).into_response(),
        }
    }
}

impl Describe for Reserved {
    fn describe(document: &mut OperationDocument) {
        Created::<ReservationView>::describe(document);
        Plain::<Decision>::describe(document);
    }
}

fn reserved(amount: i128) -> Counted {
    Counted { reserved: amount, ..Counted::default() }
}

/// Reserve within limits
///
/// Holds the worst case in every limit that applies, or answers 200 with `allowed: false`. Needs an
/// `Idempotency-Key` or a reference. One transaction of one item for each limit and up to three
/// more; a denial reclaims expired reservations and asks once more.
#[utoipa::path(post, path = "/api/v1/usage/reservations", tag = "Reservations")]
pub async fn reservation_create(
    caller: AllowedOrService<LimitConsume, LimitConsumeFor>,
    State(usage): State<Usage>,
    submission: Submission<ReservationIn>,
) -> Answered<Reserved> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    if !submission.is_keyed() && input.reference.is_none() {
        let detail = "send an Idempotency-Key or a reference, so that a repeat holds nothing twice";
        return Err(Error::new(codes::IDEMPOTENCY_KEY_REQUIRED, detail).into());
    }
    let defined = usage.defined(&tenant).await?;
    let reference = input.reference.map(Line::into_string);
    let wanted = UseIn {
        category_code: input.category_code,
        dimensions: input.dimensions,
        user_id: input.user_id,
        team_id: input.team_id,
        project_id: input.project_id,
        amounts: input.amounts,
    };
    let wanted = wanted.check(&caller, &defined).await?;
    let stamp = usage.stamp(&caller);
    let applied = applied(&defined, &wanted, stamp.at)?;
    let seconds = u64::from(input.ttl_seconds.map_or(900, Bounded::get));
    usage.take_down(&tenant, stamp.at.plus(Duration::from_secs(seconds))).await?;
    let reservation = Reservation {
        id: usage.store.ids().next(),
        category_code: wanted.category_code.clone(),
        dimensions: wanted.dimensions.clone(),
        attribution: wanted.attribution.clone(),
        amounts: wanted.quantities.clone(),
        reference: reference.clone(),
        state: ReservationState::Held,
        holds: applied
            .iter()
            .map(|it| Hold {
                limit_id: it.limit.id,
                scope_id: it.counter.scope_id.clone(),
                measure: it.limit.measure.clone(),
                window: it.counter.window,
                held: Scaled(it.amount),
                booked: Scaled(0),
            })
            .collect(),
        committed: None,
        settled_by: None,
        late: false,
        overrun: false,
        expires_at: stamp.at.plus(Duration::from_secs(seconds)),
        settled_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    let held = Reserved::Held(Created(ReservationView::of(&reservation)));
    for is_last in [false, true] {
        let booked = try_booking(&applied, |lenient| {
            let mut write = submission.write(&usage.store, &caller);
            let steps = book(&mut write, &applied, &lenient, reserved);
            write.create(&ReservationItem::of(&reservation));
            if let Some(reference) = &reference {
                write.create(&ReferenceMarker {
                    reference: reference.clone(),
                    reservation_id: reservation.id,
                    created_at: stamp.at,
                });
            }
            let held = held.clone();
            async move { Ok((write.attempt(&held).await?, steps)) }
        });
        match booked.await? {
            Booked::Done { .. } => return Ok(held),
            Booked::Refused(refusals) => {
                let Some(reference) = &reference else { return Err(refusals.into_error().into()) };
                let before = same_before(&usage, &tenant, reference, &wanted).await?;
                let answer = Reserved::Held(Created(ReservationView::of(&before)));
                return Ok(submission.write(&usage.store, &caller).commit(answer).await?);
            }
            Booked::Denied if !is_last && usage.reclaim(&tenant).await? => {}
            Booked::Denied => break,
        }
    }
    if let Some(reference) = &reference
        && let Ok(before) = same_before(&usage, &tenant, reference, &wanted).await
    {
        let answer = Reserved::Held(Created(ReservationView::of(&before)));
        return Ok(submission.write(&usage.store, &caller).commit(answer).await?);
    }
    let denied = Reserved::Denied(Plain(usage.denial(&tenant, &wanted, &applied).await?));
    Ok(submission.write(&usage.store, &caller).commit(denied).await?)
}

/// The reservation that has the reference, if it is the same.
async fn same_before(
    usage: &Usage,
    tenant: &Tenant,
    reference: &str,
    wanted: &Use,
) -> Result<Reservation> {
    let marker: Option<ReferenceMarker> =
        usage.store.get(&ReferenceMarker::place(tenant, reference)).await?;
    let taken = || Error::new(codes::REFERENCE_TAKEN, "it was reserved with other amounts");
    let marker = marker.ok_or_else(Error::lost_race)?;
    let before = usage.reservation(tenant, marker.reservation_id).await?;
    let is_same = before.category_code == wanted.category_code
        && before.amounts == wanted.quantities
        && before.attribution == wanted.attribution
        && before.dimensions == wanted.dimensions;
    if is_same { Ok(before) } else { Err(taken()) }
}

/// # Errors
/// `invalid_request` beyond 24 hours.
pub fn check_extension(created_at: Timestamp, expires_at: Timestamp) -> Result<()> {
    if expires_at.since(created_at) <= Duration::from_secs(24 * 3_600) {
        return Ok(());
    }
    let detail = "a reservation lasts at most 24 hours";
    Err(Error::fault("/ttlSeconds", FaultCode::TooLarge, detail))
}
