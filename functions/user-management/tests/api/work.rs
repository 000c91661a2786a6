//! What is done without a request: sweeps, erasures, purges, and what follows from events.

use std::time::Duration;

use futures::future::join_all;
use millwright_core::Tenant;
use millwright_event::{Cause, Envelope, batch::Message};
use millwright_store::{RawItem, Store};
use millwright_testkit::{CrashPoint, TestApp, deliveries, settled};
use serde_json::{Value, json};
use user_management::work::{JOBS, Report, SLICE, consume, sweep, work};

use crate::{
    Home, app,
    consistency::consistent,
    invitations::{PATH as INVITATIONS, invite, token_of},
    said, token, user, user_id,
};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// Works off what was sent to the jobs and not seen yet, each message so often.
pub async fn work_off(app: &TestApp, store: &Store, from: usize, copies: usize) -> usize {
    let mut seen = from;
    loop {
        let orders = app.messages_to(JOBS).await;
        let fresh = orders[seen..].to_vec();
        if fresh.is_empty() {
            return seen;
        }
        seen = orders.len();
        for envelope in fresh {
            for _ in 0..copies {
                work(store, &Message::of("m", envelope.clone()), SLICE).await.expect("worked");
            }
        }
    }
}

/// Sweeps, and works off what that has ordered.
pub async fn sweep_and_work(app: &TestApp) -> Report {
    let store = app.database.store();
    let before = app.messages_to(JOBS).await.len();
    let report = sweep(&store).await.expect("swept");
    work_off(app, &store, before, 1).await;
    report
}

fn texts(items: &[RawItem]) -> Vec<String> {
    items.iter().map(|item| format!("{:?}", item.attributes())).collect()
}

/// An event of another service, as it arrives.
fn event_of(app: &TestApp, service: &str, kind: &str, data: Value) -> Envelope {
    let cause = Cause {
        tenant: Tenant::installation(millwright_core::Voucher::Test),
        actor_id: user_id(1).to_string(),
        traceparent: None,
        correlation_id: "test".to_owned(),
        causation_id: None,
    };
    let described =
        millwright_event::Described { kind, version: 1, service, subject: user_id(1).to_string() };
    let (id, now) = (uuid::Uuid::now_v7(), app.database.clock.now());
    Envelope::compose(described, &data, id, now, &cause).unwrap()
}

pub async fn consume_all(app: &TestApp, envelopes: &[Envelope]) {
    let store = std::sync::Arc::new(app.database.store());
    let batch = consume(store, deliveries(envelopes)).await;
    let (failed, rejected) = settled(batch).await;
    assert!(failed.is_empty() && rejected.is_empty(), "{failed:?} {rejected:?}");
}

/// 85 days ago. Two organizations; user 2 belongs to the first, was in the second, is invited everywhere, leads
/// a team, has preferences, and is to be deleted.
async fn about_to_be_erased(app: &TestApp) -> (Home, Home) {
    let home = Home::found(app).await;
    let third = user(app, 3).await;
    let other = Home::founded_by(app, &third, "Other").await;
    home.member(app, 2, "admin").await;
    other.rejoin(app, 2, "viewer").await;
    let person = app.person(2);
    person.post(&other.at("/leave"), json!({})).await.expect(204);
    let team = home.founder.post("/api/v1/teams", json!({ "name": "Engines" })).await.expect(201);
    let place = format!("/api/v1/teams/{}/members/{}", team["id"].as_str().unwrap(), user_id(2));
    put(&home.founder, &place, json!({ "role": "lead" })).await;
    let declined = invite(&Home::founded_by(app, &third, "Third").await.founder, 2).await;
    let decline = format!("{INVITATIONS}/{}/decline", declined["id"].as_str().unwrap());
    person.post(&decline, json!({})).await.expect(200);
    let patch = json!({ "phoneNumber": "+4930123456", "jobTitle": "Secret agent" });
    person.patch("/api/v1/users/me", patch).await.expect(200);
    let preferences = json!({ "custom": { "web": { "nickname": "User 2" } } });
    person.patch("/api/v1/users/me/preferences", preferences).await.expect(200);
    person.delete("/api/v1/users/me").await.expect(204);
    app.database.clock.advance(85 * DAY);
    invite(&token(app, other.id, user_id(3), "owner"), 2).await;
    (home, other)
}

async fn put(client: &millwright_testkit::Client, path: &str, body: Value) {
    let headers = [("content-type", "application/json")];
    let answer = client.send(axum::http::Method::PUT, path, &headers, body.to_string()).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

async fn assert_erased(app: &TestApp, home: &Home, other: &Home) {
    consistent(app).await;
    let items = app.database.items().await;
    for text in texts(&items) {
        for secret in ["user2@example.com", "User 2", "Secret agent", "+4930123456"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(!items.iter().any(|item| item.kind() == "due" && item.sort_key().contains("user#")));
    for (organization, founder) in [(home, 1), (other, 3)] {
        let owner = token(app, organization.id, user_id(founder), "owner");
        let card = owner.get(&format!("/api/v1/users/{}", user_id(2))).await.expect(200);
        let name = (&card["displayName"], &card["status"], &card["email"]);
        assert_eq!(name, (&json!("Deleted user"), &json!("deleted"), &json!(null)));
    }
    let gone = said(app, "users.user.deleted").await;
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0]["organizationIds"], json!([home.id]));
    let removed = said(app, "users.membership.removed").await;
    let by_erasure = removed.iter().filter(|it| it["endReason"] == "user_deleted");
    assert_eq!(by_erasure.count(), 1);
    assert_eq!(said(app, "users.invitation.cancelled").await.len(), 1);
    assert_described(app).await;
}

/// Every event is one that the service declares, and fits its schema.
async fn assert_described(app: &TestApp) {
    for event in app.events().await {
        millwright_testkit::Contract::check_event(user_management::events::EVENTS, &event);
    }
}

#[tokio::test]
async fn ninety_days_later_a_person_is_erased() {
    let app = app().await;
    let (home, other) = about_to_be_erased(&app).await;
    app.database.clock.advance(4 * DAY);
    let early = sweep_and_work(&app).await;
    assert_eq!(early.erasures, 0);
    app.database.clock.advance(2 * DAY);
    assert_eq!(sweep_and_work(&app).await.erasures, 1);
    assert_erased(&app, &home, &other).await;
    assert_eq!(sweep_and_work(&app).await, Report::default());
    // The address is free again; the account is not.
    let body = json!({ "userId": user_id(9), "email": "user2@example.com" });
    app.service("auth", None).post("/api/v1/users/provision", body).await.expect(201);
    let back = json!({ "userId": user_id(2), "email": "a@example.com", "reactivate": true });
    let back = app.service("auth", None).post("/api/v1/users/provision", back).await;
    back.expect_problem(409, "invalid_state");
    app.operator()
        .post(&format!("/api/v1/users/{}/reactivate", user_id(2)), json!({}))
        .await
        .expect_problem(409, "invalid_state");
}

/// An order that comes too early, or about somebody who has come back, or whom nobody knows.
#[tokio::test]
async fn nobody_is_erased_before_the_time() {
    let app = app().await;
    about_to_be_erased(&app).await;
    user(&app, 7).await;
    for number in [2, 7, 77] {
        let data = json!({ "userId": user_id(number) });
        let order = event_of(&app, "user-management", "users.user.erase", data);
        work(&app.database.store(), &Message::of("m", order), SLICE).await.unwrap();
    }
    assert_eq!(said(&app, "users.user.deleted").await.len(), 0);
    consistent(&app).await;
}

#[tokio::test]
async fn an_erasure_that_dies_anywhere_is_finished_by_the_next() {
    let mut finished = false;
    for call in 1.. {
        if finished {
            break;
        }
        // A death after a call leaves what a death before the next one does.
        let point = CrashPoint::Before(call);
        let app = app().await;
        let (home, other) = about_to_be_erased(&app).await;
        app.database.clock.advance(6 * DAY);
        sweep(&app.database.store()).await.unwrap();
        let order = app.messages_to(JOBS).await.remove(0);
        let dying = app.database.other_process();
        dying.faults.crash(point);
        let store = dying.store();
        let message = Message::of("m", order);
        finished = tokio::select! {
            done = work(&store, &message, SLICE) => done.is_ok(),
            () = dying.faults.crashed() => false,
        };
        // The message comes again, and the sweep gives the order again.
        work(&app.database.store(), &message, SLICE).await.unwrap();
        sweep_and_work(&app).await;
        assert_erased(&app, &home, &other).await;
        assert!(call < 60, "it never ends");
    }
}

#[tokio::test]
async fn of_32_workers_one_erases() {
    let app = app().await;
    let (home, other) = about_to_be_erased(&app).await;
    app.database.clock.advance(6 * DAY);
    sweep(&app.database.store()).await.unwrap();
    let message = Message::of("m", app.messages_to(JOBS).await.remove(0));
    let calls = (0..32).map(|seed| {
        let process = app.database.other_process();
        process.faults.conflict(seed, 0.1);
        let message = &message;
        async move { work(&process.store(), message, SLICE).await }
    });
    join_all(calls).await;
    work(&app.database.store(), &message, SLICE).await.unwrap();
    assert_erased(&app, &home, &other).await;
}

/// An organization with members, teams, roles, invitations, that is to be deleted.
async fn about_to_be_purged(app: &TestApp, members: u128) -> Home {
    let home = Home::found(app).await;
    for number in 2..2 + members {
        home.member(app, number, "viewer").await;
    }
    let team = home.founder.post("/api/v1/teams", json!({ "name": "Engines" })).await.expect(201);
    let below = json!({ "name": "Gears", "parentTeamId": team["id"] });
    home.founder.post("/api/v1/teams", below).await.expect(201);
    let place = format!("/api/v1/teams/{}/members/{}", team["id"].as_str().unwrap(), user_id(2));
    put(&home.founder, &place, json!({ "role": "lead" })).await;
    let role = json!({ "name": "Auditor", "permissions": ["users.user.read"] });
    home.founder.post(&home.at("/roles"), role).await.expect(201);
    let links = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), links).await.expect(200);
    home.founder.post(INVITATIONS, json!({ "type": "link" })).await.expect(201);
    for number in 100..103 {
        invite(&home.founder, number).await;
    }
    home.founder.patch(&home.at("/settings"), json!({ "language": "de" })).await.expect(200);
    let batch = json!({ "rows": [{ "email": "many@example.com" }] });
    home.founder.post("/api/v1/invitations/batches", batch).await.expect(202);
    home.founder.delete(&home.at("?confirm=acme")).await.expect(204);
    home
}

async fn assert_purged(app: &TestApp, home: &Home, members: usize) {
    let id = home.id.to_string();
    let items = app.database.items().await;
    let kept = ["outbox", "feed", "slug", "idempotency", "denial"];
    for item in items.iter().filter(|item| !kept.contains(&item.kind())) {
        let text = format!("{:?}", item.attributes());
        assert!(!text.contains(&id), "{text}");
    }
    assert_eq!(said(app, "organizations.organization.deleted").await.len(), 1);
    let removed = said(app, "users.membership.removed").await;
    assert_eq!(removed.len(), members, "one for each member");
    assert!(removed.iter().all(|it| it["endReason"] == "organization_deleted"));
    assert_eq!(said(app, "users.invitation.cancelled").await.len(), 4);
    let mine = app.person(1).get(crate::ORGANIZATIONS).await.expect(200);
    assert_eq!(mine["items"], json!([]));
    app.operator()
        .post(&home.at("/suspend"), json!({ "reason": "x" }))
        .await
        .expect_problem(404, "not_found");
    app.person(1).post(&home.at("/restore"), json!({})).await.expect_problem(404, "not_found");
    consistent(app).await;
}

#[tokio::test]
async fn thirty_days_later_an_organization_is_purged() {
    let app = app().await;
    about_to_be_purged(&app, 50).await;
    app.database.clock.advance(29 * DAY);
    assert_eq!(sweep_and_work(&app).await.purges, 0);
    app.database.clock.advance(2 * DAY);
    assert_eq!(sweep_and_work(&app).await.purges, 1);
    assert_eq!(said(&app, "users.invitation.expired").await.len(), 4, "long before");
    assert_described(&app).await;
    // Of a slug nobody knows whose it was, but that it is taken.
    let body = json!({ "name": "Acme", "slug": "acme" });
    app.person(2).post(crate::ORGANIZATIONS, body.clone()).await.expect_problem(409, "slug_taken");
    app.database.clock.advance(91 * DAY);
    app.person(2).post(crate::ORGANIZATIONS, body).await.expect(201);
    assert_eq!(sweep_and_work(&app).await, Report::default());
}

#[tokio::test]
async fn a_purge_that_dies_anywhere_is_finished_by_the_next() {
    let mut finished = false;
    for call in 1.. {
        if finished {
            break;
        }
        let point = CrashPoint::Before(call);
        let app = app().await;
        let home = about_to_be_purged(&app, 3).await;
        let order = purge_of(&app, &home);
        app.database.clock.advance(31 * DAY);
        let dying = app.database.other_process();
        dying.faults.crash(point);
        let (store, message) = (dying.store(), Message::of("m", order));
        finished = tokio::select! {
            done = work(&store, &message, SLICE) => done.is_ok(),
            () = dying.faults.crashed() => false,
        };
        work(&app.database.store(), &message, SLICE).await.unwrap();
        assert_purged(&app, &home, 4).await;
        assert!(call < 80, "it never ends");
    }
}

fn purge_of(app: &TestApp, home: &Home) -> Envelope {
    let data = json!({ "organizationId": home.id });
    event_of(app, "user-management", "organizations.organization.purge", data)
}

#[tokio::test]
async fn of_32_workers_one_purges() {
    let app = app().await;
    let home = about_to_be_purged(&app, 30).await;
    app.database.clock.advance(31 * DAY);
    let message = Message::of("m", purge_of(&app, &home));
    let calls = (0..32).map(|seed| {
        let process = app.database.other_process();
        process.faults.conflict(seed, 0.1);
        let message = &message;
        async move { work(&process.store(), message, SLICE).await }
    });
    join_all(calls).await;
    work(&app.database.store(), &message, SLICE).await.unwrap();
    assert_purged(&app, &home, 31).await;
}

/// Slices of no time at all: every one does a step, and orders the next.
#[tokio::test]
async fn a_purge_goes_on_in_another_slice() {
    let app = app().await;
    let home = about_to_be_purged(&app, 3).await;
    app.database.clock.advance(31 * DAY);
    let message = Message::of("m", purge_of(&app, &home));
    work(&app.database.store(), &message, Duration::ZERO).await.unwrap();
    let orders = app.messages_to(JOBS).await;
    assert_eq!(orders.len(), 2, "there is more to do");
    work_off(&app, &app.database.store(), 1, 2).await;
    assert_purged(&app, &home, 4).await;
}

#[tokio::test]
async fn expired_invitations_are_settled() {
    let app = app().await;
    let home = Home::found(&app).await;
    let sent = invite(&home.founder, 2).await;
    let again = invite(&home.founder, 3).await;
    app.database.clock.advance(6 * DAY);
    let resend = format!("{INVITATIONS}/{}/resend", again["id"].as_str().unwrap());
    token(&app, home.id, user_id(1), "owner").post(&resend, json!({})).await.expect(200);
    app.database.clock.advance(2 * DAY);
    let owner = token(&app, home.id, user_id(1), "owner");
    let path = format!("{INVITATIONS}/{}", sent["id"].as_str().unwrap());
    assert_eq!(owner.get(&path).await.expect(200)["status"], "expired", "told at once");
    let used = async || {
        let limits = owner.get(&home.at("/limits")).await.expect(200);
        limits["pendingInvitations"]["used"].as_u64().unwrap()
    };
    assert_eq!(used().await, 2);
    let instances: Vec<_> = (0..8).map(|_| app.database.other_process().store()).collect();
    for report in join_all(instances.iter().map(sweep)).await {
        report.unwrap();
    }
    assert_eq!(used().await, 1);
    assert_eq!(said(&app, "users.invitation.expired").await.len(), 1);
    consistent(&app).await;
    user(&app, 2).await;
    let late = app.person(2).post(crate::invitations::ACCEPT, token_of(&sent)).await;
    assert!(matches!(late.status.as_u16(), 404 | 409), "{late:?}");
    assert_eq!(sweep_and_work(&app).await, Report::default());
}

#[tokio::test]
async fn activity_never_goes_back() {
    let app = app().await;
    let home = Home::found(&app).await;
    let of = |date: &str| {
        let data = json!({ "userId": user_id(1), "organizationId": home.id, "date": date });
        event_of(&app, "auth", "auth.activity.recorded", data)
    };
    let days = [of("2026-11-25"), of("2026-11-23"), of("2026-11-25"), of("2026-11-24")];
    consume_all(&app, &days).await;
    let read = async || {
        let member = home.founder.get(&home.member_path(1)).await.expect(200);
        member["lastActiveOn"].clone()
    };
    assert_eq!(read().await, "2026-11-25");
    let calls = (10..42).map(|n| {
        let envelope = of(&format!("2026-12-{:02}", n % 28 + 1));
        let app = &app;
        async move { consume_all(app, &[envelope]).await }
    });
    join_all(calls).await;
    assert_eq!(read().await, "2026-12-28");
    let stranger = json!({ "userId": user_id(9), "organizationId": home.id, "date": "2026-11-25" });
    consume_all(&app, &[event_of(&app, "auth", "auth.activity.recorded", stranger)]).await;
}

#[tokio::test]
async fn unlinked_addresses_leave_the_account() {
    let app = app().await;
    let home = Home::found(&app).await;
    let auth = app.service("auth", None);
    let provision = "/api/v1/users/provision";
    let with = |email: &str| json!({ "userId": user_id(1), "email": email });
    auth.post(provision, with("work@example.com")).await.expect(200);
    let data = json!({
        "userId": user_id(1), "identityId": "idn_x", "provider": "google", "issuer": "i",
        "remainingEmails": ["WORK@example.com"],
    });
    let unlinked = event_of(&app, "auth", "auth.identity.unlinked", data);
    app.database.clock.advance(Duration::from_secs(60));
    auth.post(provision, with("later@example.com")).await.expect(200);
    consume_all(&app, &[unlinked.clone(), unlinked.clone()]).await;
    let me = app.person(1).get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["email"], "work@example.com", "the oldest that is left");
    let emails: Vec<&str> =
        me["emails"].as_array().unwrap().iter().map(|it| it["email"].as_str().unwrap()).collect();
    assert_eq!(emails, ["work@example.com", "later@example.com"], "what came later stays");
    let card =
        token(&app, home.id, user_id(1), "owner").get(&home.member_path(1)).await.expect(200);
    assert_eq!(card["user"]["email"], "work@example.com");
    let updated = said(&app, "users.user.updated").await;
    let dropped = updated.iter().filter(|it| it["changed"] == json!(["email", "emails"]));
    assert_eq!(dropped.count(), 1);
    assert_eq!(updated.len(), 3);
    let free = json!({ "userId": user_id(5), "email": "user1@example.com" });
    auth.post(provision, free).await.expect(201);
    consistent(&app).await;
}

/// With fifty organizations of one's own not every card fits into the transaction: the others
/// follow by the event.
#[tokio::test]
async fn cards_follow_the_account() {
    let app = app().await;
    user(&app, 1).await;
    user(&app, 2).await;
    for number in 0..50 {
        if number % 10 == 0 {
            app.database.clock.advance(2 * DAY);
        }
        let home = Home::founded_by(&app, &app.person(1), &format!("Home {number}")).await;
        home.rejoin(&app, 2, "owner").await;
    }
    app.person(1).post("/api/v1/users/me/deactivate", json!({})).await.expect(200);
    let events = app.events().await;
    let gone = events.iter().find(|event| event.kind == "users.user.deactivated").unwrap();
    consume_all(&app, &[gone.clone(), gone.clone()]).await;
    consistent(&app).await;
    app.database.clock.advance(91 * DAY);
    app.person(2).patch("/api/v1/users/me", json!({ "displayName": "B" })).await.expect(200);
    consistent(&app).await;
}
