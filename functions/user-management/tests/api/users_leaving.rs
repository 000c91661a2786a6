//! Accounts are left, and come back.

use std::time::Duration;

use futures::future::{join, join_all};
use millwright_access::{facts::UserFacts, feed::FeedItem};
use millwright_testkit::TestApp;
use serde_json::{Value, json};

use crate::{
    Home, app,
    consistency::consistent,
    crowd,
    invitations::{ACCEPT, PATH as INVITATIONS, token_of},
    persistent, revoked, said, token, user, user_id,
};

const ME: &str = "/api/v1/users/me";
const DEACTIVATE: &str = "/api/v1/users/me/deactivate";
const PROVISION: &str = "/api/v1/users/provision";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn provision(app: &TestApp, number: u128, reactivate: bool) -> millwright_testkit::Answer {
    let body = json!({
        "userId": user_id(number), "email": format!("user{number}@example.com"),
        "reactivate": reactivate,
    });
    app.service("auth", None).post(PROVISION, body).await
}

async fn facts(app: &TestApp, number: u128) -> UserFacts {
    let items = app.database.items().await;
    let mut all = items.iter().filter(|item| item.is::<UserFacts>());
    let own = all.find(|item| item.partition_key().contains(&user_id(number).to_string()));
    own.expect("facts").decode().unwrap()
}

#[tokio::test]
async fn an_account_is_left_and_taken_up_again() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "owner").await;
    let left = app.person(1).post(DEACTIVATE, json!({ "reason": "A sabbatical" })).await;
    let left = left.expect(200);
    assert_eq!((&left["status"], &left["deactivatedBy"]), (&json!("deactivated"), &json!("self")));
    assert_eq!(left["deactivationReason"], "A sabbatical");
    assert_eq!(revoked(&app).await, [user_id(1).to_string()]);
    assert_eq!(facts(&app, 1).await.access_version, 2);
    let again = app.person(1).post(DEACTIVATE, json!({})).await;
    again.expect_problem(409, "invalid_state");
    let seen =
        token(&app, home.id, user_id(2), "owner").get(&home.member_path(1)).await.expect(200);
    assert_eq!(
        (&seen["user"]["status"], &seen["status"]),
        (&json!("deactivated"), &json!("active"))
    );
    app.person(2).post(&home.at("/leave"), json!({})).await.expect_problem(409, "last_owner");
    consistent(&app).await;
    let kept = provision(&app, 1, false).await.expect(200);
    assert_eq!(kept["status"], "deactivated", "nobody asked for it");
    let back = provision(&app, 1, true).await.expect(200);
    assert_eq!((&back["status"], &back["deactivationReason"]), (&json!("active"), &json!(null)));
    assert_eq!(provision(&app, 1, true).await.expect(200), back, "the same call changes nothing");
    consistent(&app).await;
    app.person(2).post(&home.at("/leave"), json!({})).await.expect(204);
    let gone = said(&app, "users.user.deactivated").await;
    assert_eq!(gone[0]["organizationIds"], json!([home.id]));
    assert_eq!((&gone[0]["by"], &gone[0]["byOperator"]), (&json!(user_id(1)), &json!(false)));
    assert!(!gone[0].to_string().contains("sabbatical"), "no words of people in events");
    assert_eq!(said(&app, "users.user.reactivated").await.len(), 1);
}

#[tokio::test]
async fn a_sole_owner_stays() {
    let app = app().await;
    let home = Home::found(&app).await;
    let person = app.person(1);
    let other = person.post(crate::ORGANIZATIONS, json!({ "name": "Other" })).await.expect(201);
    home.member(&app, 2, "owner").await;
    let but = ["idempotency", "outbox"];
    let before = app.database.snapshot(&but).await;
    for refused in [person.post(DEACTIVATE, json!({})).await, person.delete(ME).await] {
        let problem = refused.expect_problem(409, "last_owner");
        assert_eq!(problem["organizationIds"], json!([other["id"]]));
    }
    assert_eq!(app.database.snapshot(&but).await, before, "nothing changed anywhere");
    // An organization that is to be deleted needs no owner.
    let path = format!("{}/{}", crate::ORGANIZATIONS, other["id"].as_str().unwrap());
    let owner = token(&app, other["id"].as_str().unwrap().parse().unwrap(), user_id(1), "owner");
    owner.delete(&format!("{path}?confirm=other")).await.expect(204);
    person.post(DEACTIVATE, json!({})).await.expect(200);
    consistent(&app).await;
    // Nobody active is left to restore it, but who comes back may.
    app.person(1)
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect_problem(409, "last_owner");
    provision(&app, 1, true).await.expect(200);
    person.post(&format!("{path}/restore"), json!({})).await.expect(200);
    person.post(DEACTIVATE, json!({})).await.expect_problem(409, "last_owner");
}

#[tokio::test]
async fn leaving_takes_a_recent_sign_in() {
    let app = app().await;
    user(&app, 1).await;
    let old = app.client_of(user_id(1), None, |claims| claims.auth_time = Some(0));
    old.post(DEACTIVATE, json!({})).await.expect_problem(401, "reauthentication_required");
    old.delete(ME).await.expect_problem(401, "reauthentication_required");
}

#[tokio::test]
async fn a_deletion_is_scheduled_and_taken_back() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "owner").await;
    let person = app.person(1);
    person.delete(ME).await.expect(204);
    person.delete(ME).await.expect(204);
    let scheduled = said(&app, "users.user.deletion_scheduled").await;
    assert_eq!(scheduled.len(), 1);
    assert_eq!(scheduled[0]["deletesAt"], app.person(1).get(ME).await.expect(200)["deletesAt"]);
    app.database.clock.advance(89 * DAY);
    let back = provision(&app, 1, true).await.expect(200);
    assert_eq!((&back["status"], &back["deletesAt"]), (&json!("active"), &json!(null)));
    let due = app.database.items().await;
    assert!(!due.iter().any(|item| item.kind() == "due"), "nothing is due any more");
    app.person(1).delete(ME).await.expect(204);
    app.database.clock.advance(90 * DAY);
    let late = provision(&app, 1, true).await;
    late.expect_problem(409, "invalid_state");
    app.operator()
        .post(&format!("/api/v1/users/{}/reactivate", user_id(1)), json!({}))
        .await
        .expect_problem(409, "invalid_state");
}

#[tokio::test]
async fn operators_take_accounts_out_of_use() {
    let app = app().await;
    let home = Home::found(&app).await;
    let operator = app.operator();
    let path = format!("/api/v1/users/{}", user_id(1));
    let deactivate = format!("{path}/deactivate");
    let reason = json!({ "reason": "Abuse" });
    home.founder.post(&deactivate, reason.clone()).await.expect_problem(403, "operator_required");
    operator.post(&deactivate, json!({})).await.expect_problem(400, "invalid_request");
    operator.delete(&path).await.expect_problem(409, "invalid_state");
    operator.post(&deactivate, reason.clone()).await.expect_problem(409, "last_owner");
    let forced = json!({ "reason": "Abuse", "force": true });
    let gone = operator.post(&deactivate, forced).await.expect(200);
    assert_eq!(gone["deactivatedBy"], "operator");
    consistent(&app).await;
    provision(&app, 1, true).await.expect_problem(409, "invalid_state");
    operator.delete(&path).await.expect(204);
    operator.delete(&path).await.expect(204);
    assert_eq!(app.person(1).get(ME).await.expect(200)["status"], "deletion_scheduled");
    provision(&app, 1, true).await.expect_problem(409, "invalid_state");
    let back = operator.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    assert_eq!(back["status"], "active");
    consistent(&app).await;
    operator
        .post(&format!("{path}/reactivate"), json!({}))
        .await
        .expect_problem(409, "invalid_state");
    let nobody = format!("/api/v1/users/{}/deactivate", user_id(99));
    operator.post(&nobody, reason).await.expect_problem(404, "not_found");
    assert_eq!(said(&app, "users.user.deactivated").await[0]["byOperator"], true);
}

#[tokio::test]
async fn operators_find_people() {
    let app = app().await;
    user(&app, 1).await;
    let operator = app.operator();
    let path = "/api/v1/users";
    let by_id = operator.get(&format!("{path}?id={}", user_id(1))).await.expect(200);
    assert_eq!(by_id["items"][0]["email"], "user1@example.com");
    let by_email = operator.get(&format!("{path}?email=USER1@example.com")).await.expect(200);
    assert_eq!(by_email, by_id);
    let nobody = operator.get(&format!("{path}?email=user2@example.com")).await.expect(200);
    assert_eq!(nobody["items"], json!([]));
    let both = format!("{path}?id={}&email=user2@example.com", user_id(1));
    assert_eq!(operator.get(&both).await.expect(200)["items"], json!([]));
    operator.get(path).await.expect_problem(400, "invalid_request");
    let other = app.person(1).get(&format!("{path}?id={}", user_id(1))).await;
    other.expect_problem(403, "operator_required");
}

/// Two owners of one organization leave their accounts at the same moment.
#[tokio::test]
async fn of_two_owners_who_leave_one_stays() {
    let (app, instances) = crowd(2).await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "owner").await;
    for round in 0..32 {
        let leave = async |instance: usize, number: u128| {
            let person = instances[instance].person(number);
            persistent(async || match round % 2 {
                0 => person.post(DEACTIVATE, json!({})).await,
                _ => person.delete(ME).await,
            })
            .await
        };
        let (a, b) = join(leave(0, 1), leave(1, 2)).await;
        let won = [&a, &b].iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(won, 1, "round {round}: {a:?} {b:?}");
        let (winner, refused) = if a.status.is_success() { (1, b) } else { (2, a) };
        let problem = refused.expect_problem(409, "last_owner");
        assert_eq!(problem["organizationIds"], json!([home.id]));
        consistent(&app).await;
        provision(&app, winner, true).await.expect(200);
    }
    consistent(&app).await;
}

/// Who joins, and is made an owner, while the account is left is counted as what they are.
#[tokio::test]
async fn joining_and_leaving_at_the_same_moment_count_right() {
    let (app, instances) = crowd(8).await;
    let mut homes = Vec::new();
    for number in 1..=8_u128 {
        let founder = user(&app, number).await;
        homes.push(Home::founded_by(&app, &founder, &format!("Home {number}")).await);
    }
    user(&app, 9).await;
    for round in 0..8 {
        let mut invitations = Vec::new();
        for home in &homes {
            let role = &home.roles["owner"];
            let body = json!({ "email": "user9@example.com", "roleId": role });
            let sent =
                persistent(async || home.founder.post(INVITATIONS, body.clone()).await).await;
            invitations.push(sent.expect(201));
        }
        let joining = join_all(invitations.iter().enumerate().map(|(n, sent)| {
            let person = instances[n].person(9);
            async move { persistent(async || person.post(ACCEPT, token_of(sent)).await).await }
        }));
        let leaving = join_all((0..24).map(|n| {
            let person = instances[n % 8].person(9);
            async move { persistent(async || person.post(DEACTIVATE, json!({})).await).await }
        }));
        let (joined, left) = join(joining, leaving).await;
        let done = left.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "round {round}: {left:?}");
        for answer in &joined {
            assert!(matches!(answer.status.as_u16(), 200 | 409), "{answer:?}");
        }
        consistent(&app).await;
        provision(&app, 9, true).await.expect(200);
        consistent(&app).await;
        for home in &homes {
            let left = persistent(async || app.person(9).post(&home.at("/leave"), json!({})).await);
            assert!(matches!(left.await.status.as_u16(), 204 | 404));
        }
    }
}

/// 64 calls that leave and come back, of one owner, while others change what the owner is.
#[tokio::test]
async fn whatever_comes_together_counts_stay_exact() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "owner").await;
    let calls = (0..64_usize).map(|n| {
        let instance = &instances[n % 8];
        let (founder, person) = (token(instance, home.id, user_id(1), "owner"), instance.person(2));
        let (auth, member, roles) =
            (instance.service("auth", None), home.member_path(2), home.roles.clone());
        async move {
            let back: Value = json!({
                "userId": user_id(2), "email": "user2@example.com", "reactivate": true,
            });
            let answer = persistent(async || match n % 4 {
                0 => person.post(DEACTIVATE, json!({})).await,
                1 => auth.post(PROVISION, back.clone()).await,
                2 => founder.patch(&member, json!({ "roleId": roles["viewer"] })).await,
                _ => founder.patch(&member, json!({ "roleId": roles["owner"] })).await,
            });
            answer.await
        }
    });
    for answer in join_all(calls).await {
        assert!(matches!(answer.status.as_u16(), 200 | 409), "{answer:?}");
    }
    consistent(&app).await;
}

/// With fifty organizations of one's own the transaction is full: the other cards follow.
#[tokio::test]
async fn an_owner_of_fifty_organizations_leaves_at_once() {
    let app = app().await;
    user(&app, 1).await;
    user(&app, 2).await;
    let person = app.person(1);
    let mut homes = Vec::new();
    for number in 0..50 {
        if number % 10 == 0 {
            app.database.clock.advance(2 * DAY);
        }
        let home = Home::founded_by(&app, &app.person(1), &format!("Home {number}")).await;
        home.rejoin(&app, 2, "owner").await;
        homes.push(home);
    }
    let one_more = app.person(1).post(crate::ORGANIZATIONS, json!({ "name": "One more" })).await;
    one_more.expect_problem(409, "organization_limit_reached");
    drop(person);
    app.person(1).post(DEACTIVATE, json!({})).await.expect(200);
    app.person(2).post(DEACTIVATE, json!({})).await.expect_problem(409, "last_owner");
    provision(&app, 1, true).await.expect(200);
    app.person(2).post(DEACTIVATE, json!({})).await.expect(200);
    let feed = app.database.items().await;
    assert_eq!(feed.iter().filter(|item| item.is::<FeedItem>()).count(), 2);
    let stale = app.person(1).delete(ME).await;
    let problem = stale.expect_problem(409, "last_owner");
    assert_eq!(problem["organizationIds"].as_array().unwrap().len(), 20, "the first twenty");
}
