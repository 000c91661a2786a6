//! Invitations under many clients at once.

use futures::future::join_all;
use millwright_testkit::Answer;
use serde_json::json;

use crate::{
    Home, crowd,
    invitations::{ACCEPT, PATH, invite, token_of},
    persistent, said, token, user, user_id,
};

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn one_token_makes_one_member() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    user(&app, 2).await;
    let sent = invite(&home.founder, 2).await;
    let calls = (0..32).map(|n| {
        let (person, body) = (instances[n % 8].person(2), token_of(&sent));
        async move { persistent(async || person.post(ACCEPT, body.clone()).await).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(count(&answers, 200), 32, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    assert_eq!(said(&app, "users.invitation.accepted").await.len(), 1);
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["members"]["used"], 2);
    assert_eq!(limits["pendingInvitations"]["used"], 0);
}

#[tokio::test]
async fn a_link_is_used_as_often_as_it_says() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    let allow = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), allow).await.expect(200);
    for number in 2..66 {
        user(&app, number).await;
    }
    let body = json!({ "type": "link", "maxUses": 10 });
    let sent = home.founder.post(PATH, body).await.expect(201);
    let calls = (2..66_u128).map(|number| {
        let person = instances[usize::try_from(number).unwrap() % 8].person(number);
        let body = token_of(&sent);
        async move { persistent(async || person.post(ACCEPT, body.clone()).await).await }
    });
    let answers = join_all(calls).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (10, 54));
    let members = home.founder.all(&home.at("/members"), 100).await;
    assert_eq!(members.len(), 11);
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["members"]["used"], 11);
    assert_eq!(limits["pendingInvitations"]["used"], 0);
}

#[tokio::test]
async fn an_address_has_one_pending_invitation() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    let calls = (0..32).map(|n| {
        let owner = token(&instances[n % 8], home.id, user_id(1), "owner");
        async move {
            let body = json!({ "email": "user2@example.com" });
            persistent(async || owner.post(PATH, body.clone()).await).await
        }
    });
    let answers = join_all(calls).await;
    assert_eq!(count(&answers, 201), 32);
    let all = home.founder.all(PATH, 100).await;
    assert_eq!(all.len(), 32);
    let pending: Vec<_> = all.iter().filter(|it| it["status"] == "pending").collect();
    assert_eq!(pending.len(), 1);
    assert_eq!(all.iter().filter(|it| it["cancelReason"] == "superseded").count(), 31);
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["pendingInvitations"]["used"], 1);
    user(&app, 2).await;
    for (sent, instance) in answers.iter().zip(instances.iter().cycle()) {
        let person = instance.person(2);
        let expected = if sent.json()["id"] == pending[0]["id"] { 200 } else { 404 };
        person.post(ACCEPT, token_of(&sent.json())).await.expect(expected);
    }
}

#[tokio::test]
async fn an_organization_takes_no_more_than_its_limit() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    for number in 2..9 {
        home.member(&app, number, "viewer").await;
    }
    let mut sent = Vec::new();
    for number in 9..41 {
        user(&app, number).await;
        sent.push(invite(&home.founder, number).await);
    }
    home.limit_members(&app, 10).await;
    let calls = (9..41_u128).zip(&sent).map(|(number, sent)| {
        let person = instances[usize::try_from(number).unwrap() % 8].person(number);
        let body = token_of(sent);
        async move { persistent(async || person.post(ACCEPT, body.clone()).await).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(count(&answers, 200), 2, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect_problem(409, "member_limit_reached");
    }
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["members"], json!({ "used": 10, "limit": 10 }));
    assert_eq!(limits["pendingInvitations"]["used"], 30);
    let full = home.founder.post(PATH, json!({ "email": "x@example.com" })).await;
    full.expect_problem(409, "member_limit_reached");
}

#[tokio::test]
async fn of_32_clients_one_sends_it_again() {
    let app = crate::app().await;
    let instances: Vec<_> = (0..8)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect();
    let home = Home::found(&app).await;
    let sent = invite(&home.founder, 2).await;
    let path = format!("{PATH}/{}/resend", sent["id"].as_str().unwrap());
    app.database.clock.advance(std::time::Duration::from_secs(61));
    let calls = (0..32).map(|n| {
        let (path, owner) = (path.clone(), token(&instances[n % 8], home.id, user_id(1), "owner"));
        async move { persistent(async || owner.post(&path, json!({})).await).await }
    });
    let answers = join_all(calls).await;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (1, 31), "{answers:?}");
    assert_eq!(said(&app, "users.invitation.resent").await.len(), 1);
}
