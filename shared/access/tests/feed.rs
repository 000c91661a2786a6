//! The revocation feed: what is withdrawn is refused, and nothing is decided blindly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use millwright_access::{
    RevocationFeed,
    feed::{Subject, kill, outdate},
};
use millwright_core::{Clock, OrgId, RoleId, SessionId, Tenant, Timestamp, UserId, Voucher, codes};
use millwright_identity::{FactVersions, Grants, Principal, Revocations, SystemRole};
use millwright_testkit::{Database, beginning};
use uuid::Uuid;

fn organization() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(1))
}

fn user() -> UserId {
    UserId::from_uuid(Uuid::from_u128(2))
}

fn role() -> RoleId {
    RoleId::from_uuid(Uuid::from_u128(3))
}

fn session() -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(4))
}

/// A holder of a custom role, from version 5 of every fact.
fn holder() -> Principal {
    Principal {
        subject: user().to_string(),
        tenant: Some(Tenant::vouched(organization(), Voucher::Test)),
        role: Some(role().to_string()),
        grants: Grants::Role(SystemRole::Member),
        client_id: "web".to_owned(),
        session_id: Some(session().to_string()),
        key_id: None,
        is_operator: false,
        fact_versions: FactVersions { user: 5, organization: 5, membership: 5, role: 5 },
        signed_in_at: None,
        token_id: "1".to_owned(),
        expires_at: Timestamp::UNIX_EPOCH,
    }
}

async fn withdraw(database: &Database, write: impl FnOnce(&mut millwright_store::Transaction)) {
    let store = database.store();
    let mut transaction = store.transaction(&Tenant::installation(Voucher::Test));
    write(&mut transaction);
    transaction.commit().await.unwrap();
}

struct Scene {
    directory: Database,
    auth: Database,
    feed: RevocationFeed,
    clock: Clock,
}

async fn scene() -> Scene {
    let clock = Clock::fixed(beginning());
    let directory = Database::start("user-management", clock.clone()).await;
    let auth = Database::start("auth", clock.clone()).await;
    let feed = RevocationFeed::new(vec![directory.store(), auth.store()], clock.clone());
    Scene { directory, auth, feed, clock }
}

impl Scene {
    async fn code(&self) -> &'static str {
        match self.feed.check(&holder()).await {
            Ok(()) => "ok",
            Err(error) => error.code().name,
        }
    }
}

#[tokio::test]
async fn every_fact_that_moved_on_makes_a_token_stale_within_twenty_seconds() {
    let subjects = [
        Subject::User(user()),
        Subject::Organization(organization()),
        Subject::Membership(organization(), user()),
        Subject::Role(role()),
    ];
    for subject in subjects {
        let scene = scene().await;
        assert_eq!(scene.code().await, "ok");
        withdraw(&scene.directory, |t| outdate(t, subject, 5)).await;
        scene.clock.advance(Duration::from_secs(21));
        assert_eq!(scene.code().await, "ok", "{subject}: issued from that very version");
        withdraw(&scene.directory, |t| outdate(t, subject, 6)).await;
        scene.clock.advance(Duration::from_secs(21));
        assert_eq!(scene.code().await, codes::TOKEN_STALE.name, "{subject}");
    }
}

#[tokio::test]
async fn dead_sessions_are_revoked_and_others_are_not() {
    let scene = scene().await;
    withdraw(&scene.auth, |t| kill(t, Subject::Session(SessionId::from_uuid(Uuid::max())))).await;
    assert_eq!(scene.code().await, "ok");
    withdraw(&scene.auth, |t| kill(t, Subject::Session(session()))).await;
    scene.clock.advance(Duration::from_secs(21));
    assert_eq!(scene.code().await, codes::TOKEN_REVOKED.name);
    scene.clock.advance(Duration::from_secs(19 * 60));
    assert_eq!(scene.code().await, codes::TOKEN_REVOKED.name, "as long as a token lives");
}

#[tokio::test]
async fn a_new_instance_knows_the_last_twenty_minutes() {
    let scene = scene().await;
    withdraw(&scene.auth, |t| kill(t, Subject::Session(session()))).await;
    scene.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(scene.code().await, codes::TOKEN_REVOKED.name);
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_is_never_taken_for_an_empty_one() {
    let scene = scene().await;
    let unread = RevocationFeed::new(vec![scene.directory.store()], scene.clock.clone());
    assert_eq!(scene.code().await, "ok");
    scene.directory.faults.outage(true);
    scene.clock.advance(Duration::from_secs(59));
    assert_eq!(scene.code().await, "ok", "the copy serves a minute");
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!(scene.code().await, codes::REVOCATION_UNKNOWN.name);
    let code = unread.check(&holder()).await.unwrap_err().code();
    assert_eq!(code, codes::REVOCATION_UNKNOWN, "nothing was ever read");
    scene.directory.faults.outage(false);
    assert_eq!(scene.code().await, "ok");
}

#[tokio::test]
async fn requests_between_two_reads_cost_nothing() {
    let scene = scene().await;
    let calls = || scene.auth.faults.calls().get("Query").copied().unwrap_or_default();
    let check = || async { scene.feed.check(&holder()).await.unwrap() };
    futures::future::join_all((0..32).map(|_| check())).await;
    assert_eq!(calls(), 1);
    scene.clock.advance(Duration::from_secs(19));
    check().await;
    assert_eq!(calls(), 1);
    scene.clock.advance(Duration::from_secs(2));
    futures::future::join_all((0..32).map(|_| check())).await;
    assert_eq!(calls(), 2);
}
