//! Which events stand for a reservation.

use std::collections::BTreeMap;

use millwright_core::{Result, Tenant};
use millwright_store::Key;

use super::{Ingest, prepare::Prepared};
use crate::{
    domain::{Reservation, ReservationId},
    store::{ReferenceMarker, ReservationItem},
};

/// An event and the reservation it names.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub event: Prepared,
    pub reservation: Reservation,
}

impl Ingest {
    /// Tells events that name a reservation from those that do not. One BatchGetItem per hundred
    /// references, one per hundred reservations, none without any.
    pub(super) async fn find_reservations(
        &self,
        tenant: &Tenant,
        events: Vec<Prepared>,
    ) -> Result<(Vec<Claimed>, Vec<Prepared>)> {
        let store = &self.usage.store;
        let mut places: Vec<Key> = events
            .iter()
            .filter(|event| event.item.summary.reservation_id.is_none())
            .filter_map(|event| event.reference.as_deref())
            .map(|reference| ReferenceMarker::place(tenant, reference))
            .collect();
        places.sort();
        places.dedup();
        let mut by_reference: BTreeMap<String, ReservationId> = BTreeMap::new();
        if !places.is_empty() {
            for item in store.get_many(&places).await? {
                let marker: ReferenceMarker = item.decode()?;
                by_reference.insert(marker.reference, marker.reservation_id);
            }
        }
        let id_of =
            |event: &Prepared| {
                event.item.summary.reservation_id.or_else(|| {
                    event.reference.as_ref().and_then(|it| by_reference.get(it).copied())
                })
            };
        let mut places: Vec<Key> =
            events.iter().filter_map(&id_of).map(|id| ReservationItem::place(tenant, id)).collect();
        places.sort();
        places.dedup();
        let mut reservations: BTreeMap<ReservationId, Reservation> = BTreeMap::new();
        if !places.is_empty() {
            for item in store.get_many(&places).await? {
                let reservation = item.decode::<ReservationItem>()?.summary;
                reservations.insert(reservation.id, reservation);
            }
        }
        let (mut claimed, mut plain) = (Vec::new(), Vec::new());
        for event in events {
            match id_of(&event).and_then(|id| reservations.get(&id)) {
                Some(reservation) => {
                    claimed.push(Claimed { event, reservation: reservation.clone() });
                }
                None => plain.push(event),
            }
        }
        Ok((claimed, plain))
    }
}
