//! The events auth emits. No secret, no token, no hash; addresses in the two login events alone.

use millwright_core::{Id, Noun, OrgId, SessionId, Timestamp, UserId};

use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ClientKind, IdentityId, Purpose, Reason, RevokedReason};

fn example_id<N: Noun>() -> Id<N> {
    Id::derived(Timestamp::UNIX_EPOCH, &[7; 10])
}

millwright_event::events! {
    service: "auth";
    further: [access_denied_event("auth.access.denied", "auth")];

    /// Somebody has signed in, signed in again, or linked an identity.
    LoginSucceeded {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        provider: String = "google".to_owned(),
        purpose: Purpose = Purpose::SignIn,
        client_id: String = "web".to_owned(),
        first_sign_in: bool = true,
        ip: String = "203.0.113.7".to_owned(),
        user_agent: String = "Mozilla/5.0".to_owned(),
    } = "auth.login.succeeded", of person, about user_id;
    /// A known person was refused.
    LoginFailed {
        user_id: UserId = example_id(),
        provider: String = "google".to_owned(),
        purpose: Purpose = Purpose::SignIn,
        reason: Reason = Reason::AccountDisabled,
        ip: String = "203.0.113.7".to_owned(),
        user_agent: String = "Mozilla/5.0".to_owned(),
    } = "auth.login.failed", of person, about user_id;
    /// A session began.
    SessionCreated {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        client_kind: ClientKind = ClientKind::Browser,
        organization_id: Option<OrgId> = Some(example_id()),
    } = "auth.session.created", of person, about session_id;
    /// A session went to another organization.
    SessionSwitched {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        client_kind: ClientKind = ClientKind::Browser,
        organization_id: Option<OrgId> = Some(example_id()),
        previous_organization_id: Option<OrgId> = None,
    } = "auth.session.switched", of person, about session_id;
    /// A session was revoked.
    SessionRevoked {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        reason: RevokedReason = RevokedReason::Logout,
    } = "auth.session.revoked", of person, about session_id;
    /// A refresh token was used twice: somebody else may have it.
    RefreshTokenReused {
        user_id: UserId = example_id(),
        session_id: SessionId = example_id(),
        generation: u32 = 3,
        current_generation: u32 = 5,
    } = "auth.refresh_token.reused", of person, about session_id;
    /// An identity was linked.
    IdentityLinked {
        user_id: UserId = example_id(),
        identity_id: IdentityId = example_id(),
        provider: String = "google".to_owned(),
        issuer: String = "https://accounts.google.com".to_owned(),
    } = "auth.identity.linked", of person, about identity_id;
    /// An identity was unlinked; the e-mails of the others remain.
    IdentityUnlinked {
        user_id: UserId = example_id(),
        identity_id: IdentityId = example_id(),
        provider: String = "google".to_owned(),
        issuer: String = "https://accounts.google.com".to_owned(),
        remaining_emails: Vec<String> = vec!["ada@example.org".to_owned()],
    } = "auth.identity.unlinked", of person, about identity_id;
    /// The first token of a person for an organization on a day (UTC).
    ActivityRecorded {
        user_id: UserId = example_id(),
        organization_id: OrgId = example_id(),
        date: String = "2026-11-23".to_owned(),
    } = "auth.activity.recorded", of person, about user_id;
    /// An API key was created.
    ApiKeyCreated {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        after: KeyReach = KeyReach::default(),
    } = "auth.api_key.created", about key_id;
    /// An API key was changed.
    ApiKeyUpdated {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        before: KeyReach = KeyReach::default(),
        after: KeyReach = KeyReach::default(),
    } = "auth.api_key.updated", about key_id;
    /// An API key has a new secret.
    ApiKeyRotated {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        overlap_seconds: u32 = 0,
    } = "auth.api_key.rotated", about key_id;
    /// An API key was revoked.
    ApiKeyRevoked {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        name: String = "Backup".to_owned(),
        prefix: String = "mwp_vq3w8c6m4t0b".to_owned(),
        /// Null if somebody did it by hand.
        reason: Option<KeyRevokedReason> = Some(KeyRevokedReason::MemberRemoved),
    } = "auth.api_key.revoked", about key_id;
    /// An API key expires in seven days. Said once; a rotation that gives it longer has it said
    /// again in time.
    ApiKeyExpiring {
        key_id: String = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        kind: KeyKind = KeyKind::Personal,
        user_id: Option<UserId> = Some(example_id()),
        expires_at: Timestamp = Timestamp::UNIX_EPOCH,
    } = "auth.api_key.expiring", about key_id;
}

millwright_core::wire_enum! {
    /// What a key went with.
    pub enum KeyRevokedReason {
        MemberRemoved = "member_removed",
        UserDeleted = "user_deleted",
        OrganizationDeleted = "organization_deleted",
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
