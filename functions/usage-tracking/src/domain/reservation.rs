//! Reservations: what is held until somebody knows what it came to.

use std::collections::BTreeMap;

use millwright_core::{Error, Result, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Amounts, Attribution, CategoryCode, Labels, LimitId, Quantity, ReservationId, Window};
use crate::codes;

millwright_core::wire_enum! {
    /// What became of a reservation.
    pub enum ReservationState {
        Held = "held",
        Committed = "committed",
        Released = "released",
        Expired = "expired",
    }
}

millwright_core::wire_enum! {
    /// Who said what it came to.
    pub enum SettledBy {
        Commit = "commit",
        Event = "event",
    }
}

/// An amount as counters hold it, stored as a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scaled(pub i128);

impl Serialize for Scaled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scaled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Scaled).map_err(de::Error::custom)
    }
}

/// What a reservation holds of one limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub limit_id: LimitId,
    pub scope_id: String,
    pub measure: String,
    pub window: Window,
    pub held: Scaled,
    /// What was booked when it was settled.
    #[serde(default)]
    pub booked: Scaled,
}

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    pub id: ReservationId,
    pub category_code: CategoryCode,
    pub dimensions: Labels,
    pub attribution: Attribution,
    pub amounts: BTreeMap<String, Quantity>,
    pub reference: Option<String>,
    pub state: ReservationState,
    pub holds: Vec<Hold>,
    pub committed: Option<BTreeMap<String, Quantity>>,
    pub settled_by: Option<SettledBy>,
    /// It had expired before.
    pub late: bool,
    /// It came to more than was held.
    pub overrun: bool,
    pub expires_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

/// How the counter of a limit moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub limit_id: LimitId,
    pub scope_id: String,
    pub window: Window,
    pub used: i128,
    pub reserved: i128,
}

impl Reservation {
    /// Books what it came to: gives its next version and the moves of counters. None if there is
    /// nothing more to book: it was committed before, or by an event.
    ///
    /// # Errors
    /// `reservation_finished` if it was released.
    pub fn settle(
        &self,
        amounts: &Amounts,
        quantities: BTreeMap<String, Quantity>,
        by: SettledBy,
        now: Timestamp,
    ) -> Result<Option<(Reservation, Vec<Move>)>> {
        match (self.state, self.settled_by, by) {
            (ReservationState::Released, ..) => {
                return Err(Error::new(codes::RESERVATION_FINISHED, "it was released"));
            }
            // The first commit stands, and the event is the truth.
            (ReservationState::Committed, _, SettledBy::Commit)
            | (ReservationState::Committed, Some(SettledBy::Event), _) => return Ok(None),
            _ => {}
        }
        let mut next = self.clone();
        let mut moves = Vec::new();
        for hold in &mut next.holds {
            let actual = amounts.get(&hold.measure).copied().unwrap_or(0);
            let (before, freed) = match self.state {
                ReservationState::Committed => (hold.booked.0, 0),
                ReservationState::Held => (0, hold.held.0),
                ReservationState::Expired | ReservationState::Released => (0, 0),
            };
            hold.booked = Scaled(actual);
            next.overrun |= actual > hold.held.0;
            moves.push(Move {
                limit_id: hold.limit_id,
                scope_id: hold.scope_id.clone(),
                window: hold.window,
                used: actual - before,
                reserved: -freed,
            });
        }
        next.late |= self.state == ReservationState::Expired;
        next.state = ReservationState::Committed;
        next.settled_by = Some(by);
        next.committed = Some(quantities);
        next.settled_at = Some(now);
        Ok(Some((next.stamped(now), moves)))
    }

    /// Gives back what it holds: by its owner, or since it expired. None if it holds nothing.
    ///
    /// # Errors
    /// `reservation_finished` if it was committed.
    pub fn give_back(
        &self,
        to: ReservationState,
        now: Timestamp,
    ) -> Result<Option<(Reservation, Vec<Move>)>> {
        match self.state {
            ReservationState::Held => {}
            ReservationState::Committed => {
                return Err(Error::new(codes::RESERVATION_FINISHED, "it was committed"));
            }
            ReservationState::Released | ReservationState::Expired => return Ok(None),
        }
        let moves = self.holds.iter().map(|hold| Move {
            limit_id: hold.limit_id,
            scope_id: hold.scope_id.clone(),
            window: hold.window,
            used: 0,
            reserved: -hold.held.0,
        });
        let moves = moves.collect();
        let next = Reservation { state: to, settled_at: Some(now), ..self.clone() };
        Ok(Some((next.stamped(now), moves)))
    }

    fn stamped(mut self, now: Timestamp) -> Reservation {
        self.version += 1;
        self.updated_at = now.max(self.updated_at);
        self
    }

    /// Holds on for longer.
    #[must_use]
    pub fn extended(&self, expires_at: Timestamp, now: Timestamp) -> Reservation {
        Reservation { expires_at, ..self.clone() }.stamped(now)
    }
}
