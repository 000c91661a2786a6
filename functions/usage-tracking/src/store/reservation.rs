//! Reservations.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use super::key_part;
use crate::domain::{Reservation, ReservationId, ReservationState};

const KEPT: Duration = Duration::from_secs(40 * 24 * 3_600);

/// A stored reservation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReservationItem {
    pub version: u64,
    pub summary: Reservation,
}

impl ReservationItem {
    pub fn of(reservation: &Reservation) -> ReservationItem {
        ReservationItem { version: reservation.version, summary: reservation.clone() }
    }

    pub fn place(tenant: &Tenant, id: ReservationId) -> Key {
        Partition::of(tenant).and("RSV").and(id).at("HEAD")
    }
}

pub fn open_reservations(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("RSVOPEN")
}

pub fn all_reservations(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("RSVS")
}

impl Item for ReservationItem {
    const KIND: &'static str = "reservation";

    fn key(&self, tenant: &Tenant) -> Key {
        ReservationItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let Reservation { id, created_at, expires_at, state, .. } = &self.summary;
        let keys = IndexKeys::default();
        let keys = keys.on(Index::Gsi2, all_reservations(tenant), format!("{created_at}#{id}"));
        match state {
            ReservationState::Held => {
                keys.on(Index::Gsi1, open_reservations(tenant), format!("{expires_at}#{id}"))
            }
            _ => keys,
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.summary.created_at.plus(KEPT))
    }
}

/// A reference is of one reservation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceMarker {
    pub reference: String,
    pub reservation_id: ReservationId,
    pub created_at: Timestamp,
}

impl ReferenceMarker {
    pub fn place(tenant: &Tenant, reference: &str) -> Key {
        Partition::of(tenant).and("RREF").and(key_part(reference)).at("REF")
    }
}

impl Item for ReferenceMarker {
    const KIND: &'static str = "reference";

    fn key(&self, tenant: &Tenant) -> Key {
        ReferenceMarker::place(tenant, &self.reference)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.created_at.plus(KEPT))
    }
}
