//! The events auth emits.

use millwright_core::{Id, Timestamp};
use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{SessionId, SessionSummary};

/// A changed field. Texts stay out of events: their name is enough. For enums, ids, dates and
/// numbers add `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
}

/// What happened to a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionData {
    pub session_id: SessionId,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

impl SessionData {
    pub fn of(summary: &SessionSummary, changed: &[&str]) -> SessionData {
        let change = |field: &&str| FieldChange { field: (*field).to_owned() };
        SessionData {
            session_id: summary.id,
            version: summary.version,
            changes: changed.iter().map(change).collect(),
        }
    }

    fn example() -> SessionData {
        SessionData {
            session_id: Id::derived(Timestamp::UNIX_EPOCH, &[7; 10]),
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
            pub struct $name(pub SessionData);

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "auth";

                fn subject(&self) -> String {
                    self.0.session_id.to_string()
                }

                fn example() -> Self {
                    $name(SessionData::example())
                }
            }
        )+

        /// Every event auth emits.
        pub const EVENTS: &[EventType] = &[
            $(EventType::of::<$name>(),)+
            access_denied_event("auth.access.denied", "auth"),
        ];
    };
}

events! {
    /// A session was created.
    SessionCreated = "auth.session.created";
    /// A session was changed.
    SessionUpdated = "auth.session.updated";
    /// A session was deleted.
    SessionDeleted = "auth.session.deleted";
}
