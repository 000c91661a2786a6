//! An organization always has an active owner.

use futures::future::join;
use serde_json::json;

use crate::{Home, app, crowd, persistent, said, token, user_id};

#[tokio::test]
async fn the_last_owner_stays() {
    let app = app().await;
    let home = Home::found(&app).await;
    let left = app.person(1).post(&home.at("/leave"), json!({})).await;
    let problem = left.expect_problem(409, "last_owner");
    assert_eq!(problem["organizationIds"], json!([home.id]));
    let second = home.member(&app, 2, "owner").await;
    home.founder.post(&format!("{}/suspend", home.member_path(2)), json!({})).await.expect(200);
    let left = app.person(1).post(&home.at("/leave"), json!({})).await;
    left.expect_problem(409, "last_owner");
    home.founder.post(&format!("{}/reactivate", home.member_path(2)), json!({})).await.expect(200);
    second.delete(&home.member_path(1)).await.expect(204);
    app.person(2).post(&home.at("/leave"), json!({})).await.expect_problem(409, "last_owner");
}

/// Crosswise in 30 rounds each: one wins, and there is an owner left.
#[tokio::test]
async fn of_two_owners_one_wins() {
    let (app, instances) = crowd(2).await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "owner").await;
    for round in 0..90 {
        let one = token(&instances[0], home.id, user_id(1), "owner");
        let two = token(&instances[1], home.id, user_id(2), "owner");
        let lower = json!({ "roleId": home.roles["admin"] });
        let (first, second) = (home.member_path(1), home.member_path(2));
        let against = async |client: &millwright_testkit::Client, path: &str| match round % 3 {
            0 => client.patch(path, lower.clone()).await,
            1 => client.post(&format!("{path}/suspend"), json!({})).await,
            _ => client.delete(path).await,
        };
        let (a, b) = join(
            persistent(async || against(&one, &second).await),
            persistent(async || against(&two, &first).await),
        )
        .await;
        let won = [&a, &b].iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(won, 1, "round {round}: {a:?} {b:?}");
        let owner = if a.status.is_success() { 1 } else { 2 };
        let client = token(&app, home.id, user_id(owner), "owner");
        let other = home.member_path(3 - owner);
        // As before the round.
        match round % 3 {
            0 => {
                let again = json!({ "roleId": home.roles["owner"] });
                client.patch(&other, again).await.expect(200);
            }
            1 => {
                client.post(&format!("{other}/reactivate"), json!({})).await.expect(200);
            }
            _ => home.rejoin(&app, 3 - owner, "owner").await,
        }
    }
}

#[tokio::test]
async fn ownership_is_handed_over() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    let path = home.at("/transfer-ownership");
    let both = home.founder.post(&path, json!({ "userId": user_id(2) })).await.expect(200);
    assert_eq!(both["from"]["systemKey"], "admin");
    assert_eq!(both["to"]["systemKey"], "owner");
    let transferred = said(&app, "organizations.ownership.transferred").await;
    assert_eq!(transferred[0]["keptRoleId"], home.roles["admin"]);
    let again = home.founder.post(&path, json!({ "userId": user_id(2) })).await;
    again.expect_problem(403, "owner_only");
    let second = token(&app, home.id, user_id(2), "owner");
    let own = second.post(&path, json!({ "userId": user_id(2) })).await;
    own.expect_problem(409, "invalid_state");
    let stranger = second.post(&path, json!({ "userId": user_id(7) })).await;
    stranger.expect_problem(409, "not_a_member");
    let roles = second.get(&home.at("/roles?system=true")).await.expect(200);
    let counts: Vec<u64> = roles["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["memberCount"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1, 1, 0, 0]);
}
