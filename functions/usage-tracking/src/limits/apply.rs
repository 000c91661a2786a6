//! Moving the counters of all limits that apply, in one transaction.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt};
use millwright_core::{Error, Kind, Result, Tenant, Timestamp};
use millwright_event::Effects;
use millwright_store::{Index, Outcome, Query, Step};

use super::{Decision, LimitStatus, Use};
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{Counted, Enforcement, Limit, LimitId, Move, Reservation, ReservationState},
    events::{DeniedData, LimitDenied, ReservationData, ReservationExpired},
    store::{LimitCounter, OnceMarker, ReservationItem, open_reservations},
};

/// The most reservations that are reclaimed before a denial.
const MAX_RECLAIMED: usize = 100;
const PARALLEL: usize = 8;

/// A limit that applies to a use, the counter, and by how much it moves.
#[derive(Clone, Debug)]
pub struct Applied<'d> {
    pub limit: &'d Limit,
    pub counter: LimitCounter,
    pub amount: i128,
}

/// Limits whose grace is used as well.
pub type Lenient = BTreeSet<(LimitId, String)>;

impl Applied<'_> {
    fn key(&self) -> (LimitId, String) {
        (self.limit.id, self.counter.scope_id.clone())
    }

    /// What it refuses beyond: a soft limit its limit at first, its grace if that is known.
    fn ceiling(&self, lenient: &Lenient) -> Option<i128> {
        match self.limit.enforcement {
            Enforcement::Soft if !lenient.contains(&self.key()) => Some(self.limit.scaled_limit()),
            _ => self.limit.ceiling(),
        }
    }
}

/// The limits of a use at a time.
///
/// # Errors
/// `window_unavailable` at the ends of time.
pub fn applied<'d>(defined: &'d Defined, used: &Use, at: Timestamp) -> Result<Vec<Applied<'d>>> {
    let limits =
        defined.limits_of(used.category_code.as_str(), &used.dimensions, &used.attribution);
    let mut all = Vec::with_capacity(limits.len());
    for (limit, scope_id) in limits {
        let amount = used.amounts.get(&limit.measure).copied().unwrap_or(0);
        all.push(Applied { limit, counter: LimitCounter::of(limit, scope_id, at)?, amount });
    }
    Ok(all)
}

/// Moves every counter of it as far as its limit lets; what is asked for by nobody is left alone.
pub fn book(
    effects: &mut Effects,
    applied: &[Applied<'_>],
    lenient: &Lenient,
    as_counted: fn(i128) -> Counted,
) -> Vec<(Step, (LimitId, String))> {
    let mut steps = Vec::new();
    for it in applied.iter().filter(|it| it.amount != 0) {
        let moved = as_counted(it.amount);
        let step = it.counter.move_by(effects, moved, it.ceiling(lenient));
        steps.push((step, it.key()));
    }
    steps
}

/// How an attempt to book ended.
pub enum Booked {
    Done {
        over_limit: bool,
    },
    /// Refused by these, also with their grace.
    Denied,
    /// Refused by something else.
    Refused(millwright_store::Refusals),
}

/// Tries without grace, then with that of the soft limits that refused.
///
/// # Errors
/// `limit_contended` if the counters are too busy.
pub async fn try_booking<A>(
    applied: &[Applied<'_>],
    mut attempt: impl FnMut(Lenient) -> A,
) -> Result<Booked>
where
    A: Future<Output = Result<(Outcome, Vec<(Step, (LimitId, String))>)>>,
{
    let mut lenient = Lenient::new();
    loop {
        let (outcome, steps) = attempt(lenient.clone()).await.map_err(contended)?;
        let refusals = match outcome {
            Outcome::Done => return Ok(Booked::Done { over_limit: !lenient.is_empty() }),
            Outcome::Refused(refusals) => refusals,
        };
        let refused: Lenient = steps
            .iter()
            .filter(|(step, _)| refusals.at(*step).is_some())
            .map(|(_, key)| key.clone())
            .collect();
        if refused.is_empty() || refusals.0.len() > refused.len() {
            return Ok(Booked::Refused(refusals));
        }
        let may_soften = |key: &(LimitId, String)| {
            let soft = applied
                .iter()
                .any(|it| it.key() == *key && it.limit.enforcement == Enforcement::Soft);
            soft && !lenient.contains(key)
        };
        if !refused.iter().all(may_soften) {
            return Ok(Booked::Denied);
        }
        lenient.extend(refused);
    }
}

fn contended(error: Error) -> Error {
    if error.kind() != Kind::Unavailable {
        return error;
    }
    Error::new(codes::LIMIT_CONTENDED, "nothing changed: try again")
        .retry_after(Duration::from_secs(1))
        .because(error)
}

impl Usage {
    /// Why a use is denied, with where all its limits stand. One BatchGetItem; for the first denial
    /// of a limit in an hour one transaction more.
    ///
    /// # Errors
    /// `unavailable`.
    pub(super) async fn denial(
        &self,
        tenant: &Tenant,
        used: &Use,
        applied: &[Applied<'_>],
    ) -> Result<Decision> {
        let limits = self.statuses(tenant, applied).await?;
        let mut denied_by = Vec::new();
        let mut retry_at = None;
        for (it, status) in applied.iter().zip(&limits) {
            let room = it.limit.ceiling().map(|ceiling| {
                ceiling - (status.counted.used + status.counted.reserved - status.counted.extra)
            });
            if it.amount == 0 || room.is_none_or(|room| it.amount <= room) {
                continue;
            }
            denied_by.push(it.limit.id.to_string());
            retry_at = retry_at.max(Some(it.counter.window.end));
            self.tell_denial(tenant, used, it).await?;
        }
        let limits = applied.iter().zip(&limits).map(|(it, at)| LimitStatus::of(it.limit, at));
        Ok(Decision {
            allowed: false,
            over_limit: false,
            denied_by,
            limits: limits.collect(),
            retry_at,
        })
    }

    /// Where limits stand. One BatchGetItem.
    ///
    /// # Errors
    /// `unavailable`.
    pub(super) async fn statuses(
        &self,
        tenant: &Tenant,
        applied: &[Applied<'_>],
    ) -> Result<Vec<crate::domain::Status>> {
        let counters: Vec<LimitCounter> = applied.iter().map(|it| it.counter.clone()).collect();
        let counted = LimitCounter::read(&self.store, tenant, &counters).await?;
        let statuses = applied
            .iter()
            .zip(counted)
            .map(|(it, counted)| it.limit.status(&it.counter.scope_id, it.counter.window, counted));
        Ok(statuses.collect())
    }

    /// The first denial per limit, scope and hour is an event.
    async fn tell_denial(&self, tenant: &Tenant, used: &Use, it: &Applied<'_>) -> Result<()> {
        let now = self.store.clock().now();
        let scope = crate::store::key_part(&it.counter.scope_id);
        let what = format!("DENIED#{}#{scope}#{}", it.limit.id, now.hour_bucket());
        if !self.tells_first(tenant, &what) {
            return Ok(());
        }
        let mut effects = self.own_effects(tenant);
        effects.create(&OnceMarker { what, at: now });
        effects.emit(&LimitDenied(DeniedData {
            limit_id: it.limit.id.to_string(),
            category_code: used.category_code.to_string(),
            user_id: used.attribution.user_id.map(|id| id.to_string()),
            project_id: used.attribution.project_id.map(|id| id.to_string()),
        }))?;
        tracing::info!(limit = %it.limit.id, category = %used.category_code, "use denied");
        effects.attempt().await.map(drop)
    }

    /// Gives back what expired reservations hold, at most a hundred. One Query of an index, and one
    /// transaction for each; true if there was any.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn reclaim(&self, tenant: &Tenant) -> Result<bool> {
        let now = self.store.clock().now();
        let query = Query::index(Index::Gsi1, open_reservations(tenant));
        let query = query.until_sort_key(format!("{now}#~"));
        let page = self.store.page(&query, MAX_RECLAIMED, None).await?;
        let expired: Result<Vec<Reservation>> =
            page.items.iter().map(|item| item.decode_attribute("summary")).collect();
        let given = expired?
            .into_iter()
            .map(|reservation| async move { self.expire(tenant, &reservation, now).await });
        let given: Vec<bool> =
            futures::stream::iter(given).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(given.into_iter().any(|it| it))
    }

    async fn expire(&self, tenant: &Tenant, held: &Reservation, now: Timestamp) -> Result<bool> {
        // An index follows a moment later: the version decides.
        let Some((next, moves)) = held.give_back(ReservationState::Expired, now)? else {
            return Ok(false);
        };
        let mut effects = self.own_effects(tenant);
        effects.replace(&ReservationItem::of(&next), held.version);
        move_all(&mut effects, moves);
        effects.emit(&ReservationExpired(ReservationData::of(held)))?;
        Ok(matches!(effects.attempt().await?, Outcome::Done))
    }
}

/// Moves counters without asking their limits.
pub fn move_all(effects: &mut Effects, moves: Vec<Move>) {
    for it in moves {
        if it.used == 0 && it.reserved == 0 {
            continue;
        }
        let moved = Counted { used: it.used, reserved: it.reserved, extra: 0 };
        let (limit_id, scope_id, window) = (it.limit_id, it.scope_id, it.window);
        LimitCounter { limit_id, scope_id, window }.move_by(effects, moved, None);
    }
}

impl ReservationData {
    pub fn of(reservation: &Reservation) -> ReservationData {
        let amounts = reservation.committed.as_ref().unwrap_or(&reservation.amounts);
        ReservationData {
            reservation_id: reservation.id.to_string(),
            category_code: reservation.category_code.to_string(),
            amounts: amounts.iter().map(|(name, it)| (name.clone(), it.to_string())).collect(),
        }
    }
}
