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

/// Declares events: whether they happen in an organization, their type, what they are about, an
/// example.
macro_rules! events {
    ($all:ident, in_organization: $in_organization:literal; $(
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
                const IN_ORGANIZATION: bool = $in_organization;

                fn subject(&self) -> String {
                    self.$subject.to_string()
                }

                fn example() -> Self {
                    $name { $($field: $example,)+ }
                }
            }
        )+

        const $all: &[EventType] = &[$(EventType::of::<$name>()),+];
    };
}

events! {
    OF_PEOPLE, in_organization: false;
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

events! {
    OF_KEYS, in_organization: true;
    /// An API key was created.
    ApiKeyCreated = "auth.api_key.created" about key_id {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        after: KeyReach = KeyReach::default(),
    }
    /// An API key was changed.
    ApiKeyUpdated = "auth.api_key.updated" about key_id {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        before: KeyReach = KeyReach::default(),
        after: KeyReach = KeyReach::default(),
    }
    /// An API key has a new secret.
    ApiKeyRotated = "auth.api_key.rotated" about key_id {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        overlap_seconds: u32 = 0,
    }
    /// An API key was revoked.
    ApiKeyRevoked = "auth.api_key.revoked" about key_id {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
    }
}

millwright_core::wire_enum! {
    /// Whose a key is.
    pub enum KeyKind {
        Personal = "personal",
        Service = "service",
    }
}

/// What a key can do, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyReach {
    pub scopes: Vec<String>,
    pub allowed_cidrs: Vec<String>,
}

/// Every event auth emits.
pub fn events() -> Vec<EventType> {
    let mut all = OF_PEOPLE.to_vec();
    all.extend_from_slice(OF_KEYS);
    all.push(access_denied_event("auth.access.denied", "auth"));
    all
}
