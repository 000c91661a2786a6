//! Every problem that is documented has been seen; here those that are nobody else's subject.

use axum::http::Method;
use millwright_core::{Tenant, Voucher};
use millwright_store::Update;
use millwright_testkit::{TestApp, unseen_problems};
use serde_json::json;
use user_management::{
    codes,
    store::{Counters, team_count_place},
};

use crate::{
    Home, app,
    consistency::consistent,
    invitations::{ACCEPT, PATH as INVITATIONS, invite, token_of},
    token, user, user_id,
};

#[test]
fn every_problem_of_the_service_is_expected_by_a_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api");
    assert_eq!(unseen_problems(codes::ALL, folder), Vec::<&str>::new());
}

fn tenant(home: &Home) -> Tenant {
    Tenant::vouched(home.id, Voucher::Test)
}

#[tokio::test]
async fn what_is_settled_is_settled() {
    let app = app().await;
    let home = Home::found(&app).await;
    user(&app, 2).await;
    let accepted = invite(&home.founder, 2).await;
    app.person(2).post(ACCEPT, token_of(&accepted)).await.expect(200);
    let path = format!("{INVITATIONS}/{}", accepted["id"].as_str().unwrap());
    home.founder.delete(&path).await.expect_problem(409, "invitation_not_pending");
    let again = home.founder.post(&format!("{path}/resend"), json!({})).await;
    again.expect_problem(409, "invitation_not_pending");
    let links = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), links).await.expect(200);
    let link = json!({ "type": "link", "maxUses": 1 });
    let link = home.founder.post(INVITATIONS, link).await.expect(201);
    for number in [3, 4] {
        user(&app, number).await;
    }
    app.person(3).post(ACCEPT, token_of(&link)).await.expect(200);
    let late = app.person(4).post(ACCEPT, token_of(&link)).await;
    late.expect_problem(409, "invitation_used_up");
    consistent(&app).await;
}

#[tokio::test]
async fn an_invitation_lifts_no_suspension() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    let links = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), links).await.expect(200);
    let link = home.founder.post(INVITATIONS, json!({ "type": "link" })).await.expect(201);
    home.founder.post(&format!("{}/suspend", home.member_path(2)), json!({})).await.expect(200);
    let refused = app.person(2).post(ACCEPT, token_of(&link)).await;
    refused.expect_problem(409, "membership_suspended");
    let member = home.founder.get(&home.member_path(2)).await.expect(200);
    assert_eq!(member["status"], "suspended");
    consistent(&app).await;
}

#[tokio::test]
async fn limits_are_told_as_limits() {
    let app = app().await;
    let home = Home::found(&app).await;
    let role = |number: usize| json!({ "name": format!("Role {number}"), "permissions": ["users.user.read"] });
    for number in 0..50 {
        home.founder.post(&home.at("/roles"), role(number)).await.expect(201);
    }
    let refused = home.founder.post(&home.at("/roles"), role(50)).await;
    assert_eq!(refused.expect_problem(409, "role_limit_reached")["limit"], 50);
    // As if there were so many.
    let store = app.database.store();
    let team = home.founder.post("/api/v1/teams", json!({ "name": "Full" })).await.expect(201);
    let id = team["id"].as_str().unwrap();
    let full = Update::new().set("count", 500);
    store.update(&team_count_place(&tenant(&home), id.parse().unwrap()), &full).await.unwrap();
    let path = format!("/api/v1/teams/{id}/members/{}", user_id(1));
    let json_type = [("content-type", "application/json")];
    let body = json!({ "role": "lead" }).to_string();
    let refused = home.founder.send(Method::PUT, &path, &json_type, body).await;
    assert_eq!(refused.expect_problem(409, "team_member_limit_reached")["limit"], 500);
    home.limit_members(&app, 10_000).await;
    let full = Update::new().set("pendingInvitationCount", 2_000);
    store.update(&Counters::place(&tenant(&home)), &full).await.unwrap();
    let refused = home.founder.post(INVITATIONS, json!({ "email": "a@example.com" })).await;
    assert_eq!(refused.expect_problem(409, "invitation_limit_reached")["limit"], 2_000);
}

/// The whole service, with what withdraws credentials.
async fn revocable() -> TestApp {
    use millwright_access::RevocationFeed;
    use millwright_core::Clock;
    use millwright_identity::NoApiKeys;
    use std::sync::Arc;
    let clock = Clock::fixed(millwright_testkit::beginning());
    TestApp::start_with("user-management", crate::router, clock, |database| {
        let feed = RevocationFeed::new(vec![database.store()], database.clock.clone());
        (Arc::new(feed), Arc::new(NoApiKeys))
    })
    .await
}

/// What explains a refusal, and the refusal itself, are of one mind: for every operation, role, and
/// members who are suspended.
#[tokio::test]
async fn explanations_agree_with_answers() {
    let app = revocable().await;
    let home = Home::found(&app).await;
    let operations = user_management::service().operations;
    let permitted: Vec<_> = operations
        .iter()
        .filter_map(|operation| Some((operation, operation.permission()?)))
        .filter(|(_, permission)| permission.grantable == millwright_identity::Grantable::Role)
        .collect();
    assert!(permitted.len() > 40, "{}", permitted.len());
    let explain = "/api/v1/permissions/explain";
    for (number, role) in [(2, "owner"), (3, "admin"), (4, "member"), (5, "viewer")] {
        let client = home.member(&app, number, role).await;
        let explained = async |code: &str| {
            let body = json!({ "permission": code, "userId": user_id(number) });
            home.founder.post(explain, body).await.expect(200)
        };
        let mut allowed = Vec::new();
        for (operation, permission) in &permitted {
            let path = some_path(&operation.path, &home, number);
            let method: Method = operation.method.as_str().parse().unwrap();
            let json_type = [("content-type", "application/json")];
            let answer = client.send(method, &path, &json_type, "{\"x\":1}").await;
            let is_denied = answer.status == 403 && answer.json()["code"] == "forbidden";
            let explanation = explained(permission.code).await;
            let name = operation.name;
            assert_eq!(explanation["allow"], json!(!is_denied), "{role}: {name}: {answer:?}");
            allowed.push(is_denied);
        }
        assert!(role == "owner" || allowed.contains(&true), "{role} may not do everything");
        home.founder
            .post(&format!("{}/suspend", home.member_path(number)), json!({}))
            .await
            .expect(200);
        app.database.clock.advance(std::time::Duration::from_secs(60));
        for (operation, permission) in &permitted {
            let path = some_path(&operation.path, &home, number);
            let method: Method = operation.method.as_str().parse().unwrap();
            let answer = client.send(method, &path, &[], "").await;
            answer.expect_problem(401, "token_stale");
            let explanation = explained(permission.code).await;
            assert_eq!(explanation["allow"], false);
            assert_eq!(explanation["reason"], "membership_status");
        }
    }
}

/// A path of the operation with things of this organization that are there, as far as they go.
fn some_path(template: &str, home: &Home, number: u128) -> String {
    let segment = |segment: &str| match segment {
        "{organizationId}" => home.id.to_string(),
        "{userId}" => user_id(number).to_string(),
        "{roleId}" => "role_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        "{teamId}" => "team_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        "{invitationId}" => "inv_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        "{batchId}" => "ivb_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        "{exportId}" => "dex_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        literal => literal.to_owned(),
    };
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Acceptance: what an admin tries in vain is recorded each time, and announced once a minute.
#[tokio::test]
async fn what_an_admin_tries_in_vain() {
    let app = app().await;
    let home = Home::found(&app).await;
    let admin = home.member(&app, 2, "admin").await;
    home.member(&app, 3, "viewer").await;
    let owner = json!({ "roleId": home.roles["owner"] });
    let big = json!({ "name": "Big", "permissions": ["organizations.organization.delete"] });
    let big = home.founder.post(&home.at("/roles"), big).await.expect(201);
    let big = home.at(&format!("/roles/{}", big["id"].as_str().unwrap()));
    let beyond = json!({ "permissions": ["organizations.organization.transfer"] });
    let as_owner = json!({ "email": "a@example.com", "roleId": home.roles["owner"] });
    for _ in 0..20 {
        admin.patch(&home.member_path(3), owner.clone()).await.expect_problem(403, "owner_only");
        let refused = admin.patch(&big, beyond.clone()).await;
        refused.expect_problem(403, "exceeds_own_permissions");
        admin.post(INVITATIONS, as_owner.clone()).await.expect_problem(403, "owner_only");
        let suspend = format!("{}/suspend", home.member_path(1));
        admin.post(&suspend, json!({})).await.expect_problem(403, "owner_only");
    }
    let own = json!({ "roleId": home.roles["viewer"] });
    admin.patch(&home.member_path(2), own).await.expect_problem(403, "own_role");
    let mut denied = crate::said(&app, "users.access.denied").await;
    denied.extend(crate::said(&app, "roles.access.denied").await);
    let mut operations: Vec<&str> =
        denied.iter().map(|it| it["operation"].as_str().unwrap()).collect();
    operations.sort_unstable();
    let each = ["invitation_create", "member_suspend", "member_update", "role_update"];
    assert_eq!(operations, each, "one for each operation in a minute");
    app.database.clock.advance(std::time::Duration::from_secs(61));
    let admin = token(&app, home.id, user_id(2), "admin");
    admin.patch(&home.member_path(3), owner).await.expect_problem(403, "owner_only");
    assert_eq!(crate::said(&app, "users.access.denied").await.len(), 4);
    consistent(&app).await;
}
