//! An event that names a reservation settles it.

use millwright_core::{Error, Result, Tenant};
use millwright_store::Outcome;

use super::{Claimed, Ingest, is_poison, sum::Summed};
use crate::{
    domain::{Counted, Reservation, Scaled, SettledBy},
    store::{EventItem, EventState, LimitCounter, ReservationItem, Touch},
};

/// How often a reservation is read again after somebody else changed it.
const MAX_LOSSES: usize = 20;

impl Ingest {
    /// Counts the event and books it in the reservation's windows, in one transaction; a
    /// reservation that was released, or that an event has settled, is passed over. One transaction;
    /// for each time the reservation changed meanwhile one read and one more.
    pub(super) async fn settle(
        &self,
        tenant: &Tenant,
        claimed: Claimed,
    ) -> Result<Option<EventItem>> {
        let Claimed { event, mut reservation } = claimed;
        for _ in 0..MAX_LOSSES {
            let shard = self.shard(tenant).await?;
            let now = self.usage.store.clock().now();
            let quantities = event.item.counted.clone();
            let settled = reservation.settle(&event.amounts, quantities, SettledBy::Event, now);
            // A released one holds nothing: the event stands for itself.
            let settled = settled.unwrap_or(None);
            let mut item = event.item.clone();
            let mut transaction = self.usage.store.transaction(tenant);
            let mut moves = Vec::new();
            if let Some((next, moved)) = &settled {
                item.touches = touches_of(&event.item, next);
                moves.clone_from(moved);
            }
            let first = transaction.create(&item);
            let mut held = None;
            if let Some((next, _)) = &settled {
                let step = transaction.replace(&ReservationItem::of(next), reservation.version);
                held = Some(step);
            }
            // What is booked by the reservation is moved below; the rest of the limits as ever.
            let mut plain = item.clone();
            if let Some((next, _)) = &settled {
                plain.touches.retain(|touch| !is_held(next, touch));
            }
            let mut summed = Summed::at(now);
            summed.add(&plain, 1);
            summed.write(&mut transaction, shard);
            for it in moves {
                if it.used == 0 && it.reserved == 0 {
                    continue;
                }
                let moved = Counted { used: it.used, reserved: it.reserved, extra: 0 };
                let (limit_id, scope_id, window) = (it.limit_id, it.scope_id, it.window);
                LimitCounter { limit_id, scope_id, window }.move_by(&mut transaction, moved, None);
            }
            let refusals = match transaction.attempt().await {
                Ok(Outcome::Done) => return Ok(Some(item)),
                Ok(Outcome::Refused(refusals)) => refusals,
                Err(error) if is_poison(&error) => {
                    self.reject_prepared(tenant, &event, &error).await?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            if let Some(refusal) = refusals.at(first) {
                let Some(before) = &refusal.item else { return Ok(None) };
                let before: EventItem = before.decode()?;
                if before.fingerprint != event.item.fingerprint {
                    self.reject_duplicate(tenant, &event).await?;
                }
                return Ok((before.summary.state == EventState::Counted).then_some(before));
            }
            let changed = held.and_then(|step| refusals.at(step));
            let Some(changed) = changed.and_then(|refusal| refusal.item.as_ref()) else {
                return Err(Error::unavailable("the reservation of an event is gone"));
            };
            reservation = changed.decode::<ReservationItem>()?.summary;
        }
        Err(Error::unavailable("the reservation of an event keeps changing"))
    }
}

fn is_held(reservation: &Reservation, touch: &Touch) -> bool {
    reservation
        .holds
        .iter()
        .any(|hold| hold.limit_id == touch.limit_id && hold.scope_id == touch.scope_id)
}

/// What the event adds to limits: in the windows of the reservation where that holds something.
fn touches_of(item: &EventItem, reservation: &Reservation) -> Vec<Touch> {
    let others = item.touches.iter().filter(|touch| !is_held(reservation, touch)).cloned();
    let held = reservation.holds.iter().map(|hold| Touch {
        limit_id: hold.limit_id,
        scope_id: hold.scope_id.clone(),
        window: hold.window,
        amount: Scaled(hold.booked.0),
    });
    others.chain(held).collect()
}
