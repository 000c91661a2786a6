//! The events usage-tracking emits.

use millwright_core::{Id, Timestamp};
use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{QuotaId, QuotaSummary};

/// A changed field. Texts stay out of events: their name is enough. For enums, ids, dates and
/// numbers add `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
}

/// What happened to a quota.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaData {
    pub quota_id: QuotaId,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

impl QuotaData {
    pub fn of(summary: &QuotaSummary, changed: &[&str]) -> QuotaData {
        let change = |field: &&str| FieldChange { field: (*field).to_owned() };
        QuotaData {
            quota_id: summary.id,
            version: summary.version,
            changes: changed.iter().map(change).collect(),
        }
    }

    fn example() -> QuotaData {
        QuotaData {
            quota_id: Id::derived(Timestamp::UNIX_EPOCH, &[7; 10]),
            version: 2,
            changes: vec![FieldChange { field: "title".to_owned() }],
        }
    }
}

/// Events that all carry the same data.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
            #[serde(transparent)]
            pub struct $name(pub QuotaData);

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "usage-tracking";

                fn subject(&self) -> String {
                    self.0.quota_id.to_string()
                }

                fn example() -> Self {
                    $name(QuotaData::example())
                }
            }
        )+

        /// Every event usage-tracking emits.
        pub const EVENTS: &[EventType] = &[
            $(EventType::of::<$name>(),)+
            access_denied_event("usage.access.denied", "usage-tracking"),
        ];
    };
}

events! {
    /// A quota was created.
    QuotaCreated = "usage.quota.created";
    /// A quota was changed.
    QuotaUpdated = "usage.quota.updated";
    /// A quota was deleted.
    QuotaDeleted = "usage.quota.deleted";
}
