//! Raw events: what was counted, and the marker that it was.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::{ProjectId, TeamId, Tenant, Timestamp, UserId};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::day_of;
use crate::domain::{
    Attribution, Cost, CostSource, Labels, LimitId, PriceId, Quantity, ReservationId, Scaled,
    UsageEventId, Window,
};

/// How long a raw event is kept, from when it was counted.
pub const KEPT: Duration = Duration::from_secs(40 * 24 * 3_600);
/// Over how many index partitions the events of a day are spread.
pub const TIME_SHARDS: u8 = 8;

millwright_core::wire_enum! {
    /// Whether an event counts.
    pub enum EventState {
        Counted = "counted",
        Voided = "voided",
    }
}

millwright_core::wire_enum! {
    /// Whether something happened or somebody mends what was counted.
    pub enum EventKind {
        Event = "event",
        Correction = "correction",
    }
}

/// A usage event as lists show it: all but its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct EventSummary {
    pub id: UsageEventId,
    /// `id` and `source` of the CloudEvent.
    pub event_id: String,
    pub source: String,
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub event_type: String,
    #[serde(rename = "eventKind")]
    pub kind: EventKind,
    pub state: EventState,
    pub time: Timestamp,
    pub received_at: Timestamp,
    pub user_id: Option<UserId>,
    pub team_id: Option<TeamId>,
    pub project_id: Option<ProjectId>,
    pub subject: Option<String>,
    pub reservation_id: Option<ReservationId>,
    pub category_code: String,
    /// By metric.
    pub quantities: BTreeMap<String, Quantity>,
    pub dimensions: std::collections::BTreeMap<String, String>,
    pub cost_micros: i64,
    pub cost_source: CostSource,
    #[schema(value_type = Vec<String>)]
    pub price_ids: Vec<PriceId>,
    pub voided_at: Option<Timestamp>,
    pub voided_by: Option<String>,
    pub void_reason: Option<String>,
    pub version: u64,
}

impl EventSummary {
    pub fn attribution(&self) -> Attribution {
        Attribution {
            user_id: self.user_id,
            team_id: self.team_id,
            project_id: self.project_id,
            subject: self.subject.clone(),
        }
    }
}

/// What an event added to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    pub limit_id: LimitId,
    pub scope_id: String,
    pub window: Window,
    pub amount: Scaled,
}

/// The stored raw event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventItem {
    pub version: u64,
    pub summary: EventSummary,
    /// JSON as it was written.
    pub data: String,
    #[serde(default)]
    pub extensions: Labels,
    /// Tells another body under the same key.
    pub fingerprint: String,
    /// In pico-dollars, which the summary rounds.
    pub cost: Cost,
    /// What it counts, `count` included; a correction's may be negative.
    pub counted: BTreeMap<String, Quantity>,
    /// The metrics of which it is counted who carried them.
    #[serde(default)]
    pub carried: Vec<String>,
    #[serde(default)]
    pub touches: Vec<Touch>,
    /// It has counters of its minute.
    pub by_minute: bool,
    pub counted_at: Timestamp,
}

impl EventItem {
    pub fn place(tenant: &Tenant, id: UsageEventId) -> Key {
        let first = id.uuid().as_bytes()[0];
        Partition::of(tenant).and("EV").and(format!("{first:02x}")).at(id)
    }
}

pub fn by_time(tenant: &Tenant, day: &str, shard: u8) -> Partition {
    Partition::of(tenant).and("ET").and(day).and(shard)
}

/// How many corrections a day of a category has had: they are made one after the other.
pub fn corrections_of_day(tenant: &Tenant, category: &str, day: &str) -> Key {
    Partition::of(tenant).and("COR").and(category).at(day)
}

impl Item for EventItem {
    const KIND: &'static str = "event";

    fn key(&self, tenant: &Tenant) -> Key {
        EventItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let EventSummary { id, time, .. } = &self.summary;
        let shard = id.uuid().as_bytes()[15] % TIME_SHARDS;
        let partition = by_time(tenant, &day_of(*time), shard);
        IndexKeys::default().on(Index::Gsi1, partition, format!("{time}#{id}"))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.counted_at.plus(KEPT))
    }
}
