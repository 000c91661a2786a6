//! The events auth emits. No secret, no token, no hash; addresses in the two login events alone.

use millwright_core::{Id, Noun, OrgId, SessionId, Timestamp, UserId};
use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ClientKind, IdentityId, Purpose, Reason, RevokedReason};

fn example_id<N: Noun>() -> Id<N> {
    Id::derived(Timestamp::UNIX_EPOCH, &[7; 10])
}

/// Declares events of people: their type, what they are about, an example.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:ident = $kind:literal about $subject:ident
        { $($(#[$field_meta:meta])* $field:ident: $of:ty = $example:expr,)+ }
    )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $name {
                $($(#[$field_meta])* pub $field: $of,)+
            }

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "auth";
                const IN_ORGANIZATION: bool = false;

                fn subject(&self) -> String {
                    self.$subject.to_string()
                }

                fn example() -> Self {
                    $name { $($field: $example,)+ }
                }
            }
        )+

        const OF_PEOPLE: &[EventType] = &[$(EventType::of::<$name>()),+];
    };
}

events! {
    /// Somebody has signed in, signed in again, or linked an identity.
    LoginSucceeded = "auth.login.succeeded" about user_id {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        provider: String = "google".to_owned(),
        purpose: Purpose = Purpose::SignIn,
        client_id: String = "web".to_owned(),
        first_sign_in: bool = true,
        ip: String = "203.0.113.7".to_owned(),
        user_agent: String = "Mozilla/5.0".to_owned(),
    }
    /// A known person was refused.
    LoginFailed = "auth.login.failed" about user_id {
        user_id: UserId = example_id(),
        provider: String = "google".to_owned(),
        purpose: Purpose = Purpose::SignIn,
        reason: Reason = Reason::AccountDisabled,
        ip: String = "203.0.113.7".to_owned(),
        user_agent: String = "Mozilla/5.0".to_owned(),
    }
    /// A session began.
    SessionCreated = "auth.session.created" about session_id {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        client_kind: ClientKind = ClientKind::Browser,
        organization_id: Option<OrgId> = Some(example_id()),
    }
    /// A session went to another organization.
    SessionSwitched = "auth.session.switched" about session_id {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        client_kind: ClientKind = ClientKind::Browser,
        organization_id: Option<OrgId> = Some(example_id()),
        previous_organization_id: Option<OrgId> = None,
    }
    /// A session was revoked.
    SessionRevoked = "auth.session.revoked" about session_id {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        reason: RevokedReason = RevokedReason::Logout,
    }
    /// A refresh token was used twice: somebody else may have it.
    RefreshTokenReused = "auth.refresh_token.reused" about session_id {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        generation: u32 = 3,
        current_generation: u32 = 5,
    }
    /// An identity was linked.
    IdentityLinked = "auth.identity.linked" about identity_id {
        user_id: UserId = example_id(),
        identity_id: IdentityId = example_id(),
        provider: String = "google".to_owned(),
        issuer: String = "https://accounts.google.com".to_owned(),
    }
    /// An identity was unlinked; the e-mails of the others remain.
    IdentityUnlinked = "auth.identity.unlinked" about identity_id {
        user_id: UserId = example_id(),
        identity_id: IdentityId = example_id(),
        provider: String = "google".to_owned(),
        issuer: String = "https://accounts.google.com".to_owned(),
        remaining_emails: Vec<String> = vec!["ada@example.org".to_owned()],
    }
    /// The first token of a person for an organization on a day (UTC).
    ActivityRecorded = "auth.activity.recorded" about user_id {
        user_id: UserId = example_id(),
        organization_id: OrgId = example_id(),
        date: String = "2026-11-23".to_owned(),
    }
}

/// Every event auth emits.
pub fn events() -> Vec<EventType> {
    let mut all = OF_PEOPLE.to_vec();
    all.push(access_denied_event("auth.access.denied", "auth"));
    all
}
