//! Sessions: how long they live, and who has to go when there are too many.

use std::time::Duration;

use millwright_core::{Line, OrgId, SessionId, Timestamp, UserId, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IdentityId;
use crate::secret::Fingerprint;

/// Active sessions of one person.
pub const MAX_SESSIONS: usize = 10;

/// The absolute life of a session, without and with `remember`.
const LIFE: Duration = Duration::from_secs(12 * 3600);
const LONG_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Not used for so long, it is over.
const IDLE: Duration = Duration::from_secs(7 * 24 * 3600);
/// `lastActiveAt` moves at most so often.
const ACTIVITY: Duration = Duration::from_secs(300);
/// Rotations a minute.
const MAX_ROTATIONS: u32 = 30;

/// 1-100 characters, "Firefox on Linux".
pub type DeviceName = Line<1, 100>;

wire_enum! {
    /// Where the refresh token is kept.
    pub enum ClientKind {
        Browser = "browser",
        Native = "native",
    }
}

wire_enum! {
    /// Whether a session still gives access tokens.
    pub enum SessionStatus {
        Active = "active",
        Revoked = "revoked",
        Expired = "expired",
    }
}

wire_enum! {
    /// Why a session was revoked.
    pub enum RevokedReason {
        Logout = "logout",
        ByUser = "revoked_by_user",
        ByOperator = "revoked_by_operator",
        Evicted = "evicted",
        RefreshReuse = "refresh_reuse",
        UserDeactivated = "user_deactivated",
        UserDeleted = "user_deleted",
    }
}

/// Address and browser of a request, as they are shown to their owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visitor {
    /// At most 45 characters.
    pub ip_address: String,
    /// At most 512 characters, cut.
    pub user_agent: String,
}

/// A signed-in session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub version: u64,
    /// `web` or a native client.
    pub client_id: String,
    pub client_kind: ClientKind,
    pub device_name: DeviceName,
    pub organization_id: Option<OrgId>,
    pub remember: bool,
    pub auth_time: Timestamp,
    pub created_at: Timestamp,
    pub last_active_at: Timestamp,
    pub expires_at: Timestamp,
    pub visitor: Visitor,
    pub identity_id: IdentityId,
    pub amr: Vec<String>,
    pub refresh: Refresh,
    /// For which organization and day a token was last noted as activity.
    pub activity: Option<Activity>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_reason: Option<RevokedReason>,
}

/// A day (UTC, `2026-11-23`) in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    pub organization_id: OrgId,
    pub date: String,
}

/// What is known of the refresh tokens of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// Of the current token; 0 before the first.
    pub generation: u32,
    pub current: Option<Fingerprint>,
    pub consumed: Option<Consumed>,
    /// The minute (since 1970) that `rotations` counts.
    pub minute: i64,
    pub rotations: u32,
}

/// The token before the current one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumed {
    pub fingerprint: Fingerprint,
    pub at: Timestamp,
    /// The current token, under a key that only the consumed one yields.
    pub sealed_successor: String,
}

impl Session {
    /// When a session that begins now ends whatever happens.
    pub fn end(began_at: Timestamp, remember: bool) -> Timestamp {
        began_at.plus(if remember { LONG_LIFE } else { LIFE })
    }

    /// Never past the absolute end.
    pub fn idle_expires_at(&self) -> Timestamp {
        self.last_active_at.plus(IDLE).min(self.expires_at)
    }

    pub fn status(&self, now: Timestamp) -> SessionStatus {
        if self.revoked_at.is_some() {
            SessionStatus::Revoked
        } else if now >= self.idle_expires_at() {
            SessionStatus::Expired
        } else {
            SessionStatus::Active
        }
    }

    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status(now) == SessionStatus::Active
    }

    /// Notes that somebody is there, at most every 300 seconds.
    pub fn seen(&mut self, visitor: &Visitor, now: Timestamp) {
        if now.since(self.last_active_at) >= ACTIVITY {
            self.last_active_at = now;
        }
        self.visitor = visitor.clone();
    }

    /// Counts a rotation; false if there were too many in this minute.
    pub fn may_rotate(&mut self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        if self.refresh.minute != minute {
            self.refresh.minute = minute;
            self.refresh.rotations = 0;
        }
        self.refresh.rotations += 1;
        self.refresh.rotations <= MAX_ROTATIONS
    }

    pub fn revoke(&mut self, reason: RevokedReason, now: Timestamp) {
        self.revoked_at = Some(now);
        self.revoked_reason = Some(reason);
        self.refresh.current = None;
        self.refresh.consumed = None;
    }
}

/// Which of the sessions must go so that one more fits: the least recently active, the older of
/// two that are equally so. `sessions` are active.
pub fn evicted(sessions: &[Session]) -> Vec<SessionId> {
    let mut by_activity: Vec<&Session> = sessions.iter().collect();
    by_activity.sort_by_key(|session| (session.last_active_at, session.created_at, session.id));
    let surplus = (sessions.len() + 1).saturating_sub(MAX_SESSIONS);
    by_activity.into_iter().take(surplus).map(|session| session.id).collect()
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    pub id: SessionId,
    pub user_id: UserId,
    pub client_id: String,
    pub client_kind: ClientKind,
    pub device_name: DeviceName,
    pub organization_id: Option<OrgId>,
    pub status: SessionStatus,
    pub revoked_reason: Option<RevokedReason>,
    pub remember: bool,
    pub auth_time: Timestamp,
    pub created_at: Timestamp,
    pub last_active_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub ip_address: String,
    pub user_agent: String,
    pub identity_id: IdentityId,
    pub amr: Vec<String>,
    /// The session of this request.
    pub current: bool,
    pub version: u64,
}

impl SessionView {
    pub fn of(session: &Session, current: Option<SessionId>, now: Timestamp) -> SessionView {
        let whole = session.clone();
        SessionView {
            id: whole.id,
            user_id: whole.user_id,
            client_id: whole.client_id,
            client_kind: whole.client_kind,
            device_name: whole.device_name,
            organization_id: whole.organization_id,
            status: session.status(now),
            revoked_reason: whole.revoked_reason,
            remember: whole.remember,
            auth_time: whole.auth_time,
            created_at: whole.created_at,
            last_active_at: whole.last_active_at,
            revoked_at: whole.revoked_at,
            expires_at: whole.expires_at,
            idle_expires_at: session.idle_expires_at(),
            ip_address: whole.visitor.ip_address,
            user_agent: whole.visitor.user_agent,
            identity_id: whole.identity_id,
            amr: whole.amr,
            current: current == Some(session.id),
            version: whole.version,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use millwright_core::Id;

    use super::*;

    pub fn session(number: u8, last_active_at: Timestamp) -> Session {
        Session {
            id: Id::derived(Timestamp::UNIX_EPOCH, &[number; 10]),
            user_id: Id::derived(Timestamp::UNIX_EPOCH, &[0; 10]),
            version: 1,
            client_id: "web".to_owned(),
            client_kind: ClientKind::Browser,
            device_name: "Firefox on Linux".parse().expect("a name"),
            organization_id: None,
            remember: false,
            auth_time: last_active_at,
            created_at: last_active_at,
            last_active_at,
            expires_at: Session::end(last_active_at, false),
            visitor: Visitor::default(),
            identity_id: Id::derived(Timestamp::UNIX_EPOCH, &[1; 10]),
            amr: Vec::new(),
            refresh: Refresh::default(),
            activity: None,
            revoked_at: None,
            revoked_reason: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millisecond(seconds * 1_000)
    }

    #[test]
    fn the_least_recently_active_goes_first() {
        let ten: Vec<Session> = (0..10).map(|n| session(n, at(100 - i64::from(n % 5)))).collect();
        assert_eq!(evicted(&ten), [ten[4].id], "the older of two that are equally idle");
        assert!(evicted(&ten[..9]).is_empty());
        let mut many = ten.clone();
        many.push(session(11, at(1)));
        assert_eq!(evicted(&many), [many[10].id, ten[4].id]);
    }

    #[test]
    fn a_session_ends_by_time_before_anybody_removes_it() {
        let mut session = session(1, at(0));
        assert!(session.is_active(at(12 * 3600 - 1)));
        assert_eq!(session.status(at(12 * 3600)), SessionStatus::Expired);
        session.expires_at = Session::end(at(0), true);
        assert!(session.is_active(at(7 * 24 * 3600 - 1)));
        assert_eq!(session.status(at(7 * 24 * 3600)), SessionStatus::Expired, "idle");
        session.revoke(RevokedReason::Logout, at(1));
        assert_eq!(session.status(at(2)), SessionStatus::Revoked);
    }

    #[test]
    fn thirty_rotations_a_minute() {
        let mut session = session(1, at(0));
        assert!((0..30).all(|_| session.may_rotate(at(59))));
        assert!(!session.may_rotate(at(59)));
        assert!(session.may_rotate(at(60)));
    }
}
