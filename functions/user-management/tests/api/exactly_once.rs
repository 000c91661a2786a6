//! What is said of a change: exactly once in effect, whatever dies when.

use millwright_testkit::{Contract, CrashPoint, TestApp};
use serde_json::json;
use user_management::{events::EVENTS, work::CONSUMED};

use crate::{Home, ORGANIZATIONS, app, said, token, user, user_id, work::consume_all};

/// The process dies at any moment of an operation; its client repeats it with the same key.
async fn dies_at(
    app: &TestApp,
    home: &Home,
    point: CrashPoint,
    path: &str,
    body: &serde_json::Value,
) {
    let dying = app.instance();
    dying.faults().crash(point);
    let key = [("idempotency-key", "once")];
    let client = token(&dying, home.id, user_id(1), "owner");
    tokio::select! {
        _ = client.post_with(path, &key, body.clone()) => {}
        () = dying.faults().crashed() => {}
    }
    // The claim of the dead one lapses.
    app.database.clock.advance(std::time::Duration::from_secs(36));
    let client = token(app, home.id, user_id(1), "owner");
    let answer = client.post_with(path, &key, body.clone()).await;
    assert!(answer.status.is_success(), "{point:?}: {answer:?}");
}

#[tokio::test]
async fn a_change_is_told_once_whatever_dies() {
    for call in 1..=6 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let home = Home::found(&app).await;
            home.member(&app, 2, "viewer").await;
            let suspend = format!("{}/suspend", home.member_path(2));
            dies_at(&app, &home, point, &suspend, &json!({})).await;
            assert_eq!(said(&app, "users.membership.suspended").await.len(), 1, "{point:?}");
            dies_at(&app, &home, point, "/api/v1/teams", &json!({ "name": "Mills" })).await;
            assert_eq!(said(&app, "teams.team.created").await.len(), 1, "{point:?}");
            for event in app.events().await {
                Contract::check_event(EVENTS, &event);
            }
        }
    }
}

/// Delivered twice, and all at once in another order: what follows from it happens once.
#[tokio::test]
async fn an_event_that_comes_again_changes_nothing() {
    let app = app().await;
    let person = user(&app, 1).await;
    for number in 0..3 {
        let body = json!({ "name": format!("Home {number}") });
        person.post(ORGANIZATIONS, body).await.expect(201);
    }
    app.person(1).patch("/api/v1/users/me", json!({ "displayName": "Ada" })).await.expect(200);
    let mut events = app.events().await;
    events.retain(|event| CONSUMED.contains(&event.kind.as_str()));
    assert_eq!(events.len(), 1);
    consume_all(&app, &events).await;
    let before = app.database.snapshot(&["inbox"]).await;
    let mut again = events.clone();
    again.reverse();
    again.extend(events);
    consume_all(&app, &again).await;
    assert_eq!(app.database.snapshot(&["inbox"]).await, before);
}
