//! The events user-management emits.

use millwright_core::{Id, Timestamp};
use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{OrganizationId, OrganizationSummary};

/// A changed field. Texts stay out of events: their name is enough. For enums, ids, dates and
/// numbers add `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
}

/// What happened to an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationData {
    pub organization_id: OrganizationId,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

impl OrganizationData {
    pub fn of(summary: &OrganizationSummary, changed: &[&str]) -> OrganizationData {
        let change = |field: &&str| FieldChange { field: (*field).to_owned() };
        OrganizationData {
            organization_id: summary.id,
            version: summary.version,
            changes: changed.iter().map(change).collect(),
        }
    }

    fn example() -> OrganizationData {
        OrganizationData {
            organization_id: Id::derived(Timestamp::UNIX_EPOCH, &[7; 10]),
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
            pub struct $name(pub OrganizationData);

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "user-management";

                fn subject(&self) -> String {
                    self.0.organization_id.to_string()
                }

                fn example() -> Self {
                    $name(OrganizationData::example())
                }
            }
        )+

        /// Every event user-management emits.
        pub const EVENTS: &[EventType] = &[
            $(EventType::of::<$name>(),)+
            access_denied_event("organizations.access.denied", "user-management"),
        ];
    };
}

events! {
    /// An organization was created.
    OrganizationCreated = "organizations.organization.created";
    /// An organization was changed.
    OrganizationUpdated = "organizations.organization.updated";
    /// An organization was deleted.
    OrganizationDeleted = "organizations.organization.deleted";
}
