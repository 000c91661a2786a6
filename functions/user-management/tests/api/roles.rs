//! /organizations/{organizationId}/roles and /permissions

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{Home, app, crowd, persistent, revoked, said, token, user_id};

#[tokio::test]
async fn built_in_roles_come_by_rank() {
    let app = app().await;
    let home = Home::found(&app).await;
    for name in ["zebra", "Ape"] {
        let body = json!({ "name": name, "permissions": ["users.user.read"] });
        home.founder.post(&home.at("/roles"), body).await.expect(201);
    }
    let listed = home.founder.get(&home.at("/roles")).await.expect(200);
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Owner", "Admin", "Member", "Viewer", "Ape", "zebra"]);
    let custom = home.founder.get(&home.at("/roles?system=false")).await.expect(200);
    assert_eq!(custom["items"].as_array().unwrap().len(), 2);
    let owner = &listed["items"][0];
    assert_eq!(owner["memberCount"], 1);
    let codes = owner["permissions"].as_array().unwrap();
    assert!(codes.contains(&json!("organizations.organization.delete")));
    let path = home.at(&format!("/roles/{}", owner["id"].as_str().unwrap()));
    let patch = json!({ "name": "Boss" });
    home.founder.patch(&path, patch).await.expect_problem(409, "system_role");
    home.founder.delete(&path).await.expect_problem(409, "system_role");
}

#[tokio::test]
async fn a_role_is_kept_in_its_shortest_form() {
    let app = app().await;
    let home = Home::found(&app).await;
    let path = home.at("/roles");
    let patterns =
        ["users.*.*", "users.user.read", "*.*.read", "organizations.organization.delete"];
    let body = json!({ "name": "Helper", "permissions": patterns });
    let made = home.founder.post(&path, body).await.expect(201);
    assert_eq!(
        made["permissions"],
        json!(["*.*.read", "organizations.organization.delete", "users.*"])
    );
    let unknown = json!({ "name": "X", "permissions": ["users.user.read", "users.user.fly"] });
    let problem = home.founder.post(&path, unknown).await;
    let problem = problem.expect_problem(400, "unknown_permission");
    assert_eq!(problem["unknown"], json!(["users.user.fly"]));
    let service = json!({ "name": "X", "permissions": ["users.user.provision"] });
    home.founder.post(&path, service).await.expect_problem(400, "unknown_permission");
    let many: Vec<String> = (0..101).map(|n| format!("a.b.c{n}")).collect();
    let body = json!({ "name": "X", "permissions": many });
    home.founder.post(&path, body).await.expect_problem(400, "invalid_request");
    for name in ["helper", "OWNER"] {
        let body = json!({ "name": name, "permissions": ["users.*"] });
        home.founder.post(&path, body).await.expect_problem(409, "name_taken");
    }
}

#[tokio::test]
async fn nobody_hands_on_what_they_do_not_hold() {
    let app = app().await;
    let home = Home::found(&app).await;
    let admin = home.member(&app, 2, "admin").await;
    let path = home.at("/roles");
    let code = "organizations.organization.delete";
    let beyond = json!({ "name": "X", "permissions": [code] });
    for _ in 0..20 {
        let refused = admin.post(&path, beyond.clone()).await;
        refused.expect_problem(403, "exceeds_own_permissions");
    }
    assert_eq!(said(&app, "roles.access.denied").await.len(), 1);
    let wild = json!({ "name": "Wild", "permissions": ["*"] });
    admin.post(&path, wild.clone()).await.expect(201);
    let custom = app.client_of(user_id(2), Some(home.id), |claims| {
        claims.role = Some("role_custom".to_owned());
        claims.perms = Some("users.* roles.*".to_owned());
    });
    let wilder = json!({ "name": "Wilder", "permissions": ["*.*.read"] });
    custom.post(&path, wilder).await.expect_problem(403, "exceeds_own_permissions");
    let fits = json!({ "name": "Fits", "permissions": ["users.*", "roles.role.read"] });
    custom.post(&path, fits).await.expect(201);
    // A role that grants more than one holds cannot be edited either.
    let own = home.founder.post(&path, json!({ "name": "Y", "permissions": [code] })).await;
    let own = home.at(&format!("/roles/{}", own.expect(201)["id"].as_str().unwrap()));
    let less = json!({ "permissions": ["users.*"] });
    admin.patch(&own, less).await.expect_problem(403, "exceeds_own_permissions");
    admin.delete(&own).await.expect_problem(403, "exceeds_own_permissions");
}

#[tokio::test]
async fn what_a_role_grants_less_is_withdrawn() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "name": "Helper", "permissions": ["users.*"] });
    let made = home.founder.post(&home.at("/roles"), body).await.expect(201);
    let path = home.at(&format!("/roles/{}", made["id"].as_str().unwrap()));
    home.founder.patch(&path, json!({ "name": "HELPER" })).await.expect(200);
    assert!(revoked(&app).await.is_empty(), "a rename takes nothing away");
    let patch = json!({ "permissions": ["users.user.read"] });
    let changed = home.founder.patch(&path, patch).await.expect(200);
    assert_eq!(changed["version"], 3);
    assert_eq!(revoked(&app).await, [made["id"].as_str().unwrap()]);
    let updated = said(&app, "roles.role.updated").await;
    assert_eq!(updated[1]["addedPermissions"], json!(["users.user.read"]));
    assert_eq!(updated[1]["removedPermissions"], json!(["users.*"]));
    let stale = home.founder.patch_if(&path, "\"1\"", json!({ "name": "Z" })).await;
    stale.expect_problem(412, "version_stale");
}

#[tokio::test]
async fn an_archived_role_is_kept_but_not_given() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    home.member(&app, 3, "viewer").await;
    let body = json!({ "name": "Helper", "permissions": ["users.*"] });
    let made = home.founder.post(&home.at("/roles"), body).await.expect(201);
    let path = home.at(&format!("/roles/{}", made["id"].as_str().unwrap()));
    let give = json!({ "roleId": made["id"] });
    let given = home.founder.patch(&home.member_path(2), give.clone()).await.expect(200);
    assert_eq!((&given["roleName"], &given["systemKey"]), (&json!("Helper"), &Value::Null));
    home.founder.post(&format!("{path}/archive"), json!({})).await.expect(200);
    let refused = home.founder.patch(&home.member_path(3), give.clone()).await;
    refused.expect_problem(409, "role_archived");
    let kept = home.founder.get(&home.member_path(2)).await.expect(200);
    assert_eq!(kept["roleId"], made["id"]);
    let in_use = home.founder.delete(&path).await.expect_problem(409, "role_in_use");
    assert_eq!(in_use["userIds"], json!([user_id(2)]));
    home.founder.post(&format!("{path}/unarchive"), json!({})).await.expect(200);
    let settings = json!({ "invitationRoleId": made["id"] });
    home.founder.patch(&home.at("/settings"), settings).await.expect(200);
    let refused = home.founder.post(&format!("{path}/archive"), json!({})).await;
    refused.expect_problem(409, "invalid_state");
}

#[tokio::test]
async fn a_role_is_deleted_twice() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "name": "Helper", "permissions": ["users.*"] });
    let made = home.founder.post(&home.at("/roles"), body.clone()).await.expect(201);
    let path = home.at(&format!("/roles/{}", made["id"].as_str().unwrap()));
    home.founder.delete(&path).await.expect(204);
    home.founder.delete(&path).await.expect(204);
    home.founder.get(&path).await.expect_problem(404, "not_found");
    home.founder.post(&home.at("/roles"), body).await.expect(201);
    let never = home.at("/roles/role_01jdz7xk2nf5h9vq3w8c6m4t0b");
    home.founder.delete(&never).await.expect_problem(404, "not_found");
}

/// Either it is deleted and nobody holds it, or somebody holds it and it stays.
#[tokio::test]
async fn a_role_is_not_deleted_under_32_assignments() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    for number in 2..34 {
        home.member(&app, number, "viewer").await;
    }
    let body = json!({ "name": "Helper", "permissions": ["users.*"] });
    let made = home.founder.post(&home.at("/roles"), body).await.expect(201);
    let path = home.at(&format!("/roles/{}", made["id"].as_str().unwrap()));
    let give = json!({ "roleId": made["id"] });
    let calls = (1..34_u128).map(|number| {
        let instance = &instances[usize::try_from(number).unwrap() % 8];
        let owner = token(instance, home.id, user_id(1), "owner");
        let (give, path, member) = (give.clone(), path.clone(), home.member_path(number));
        async move {
            let call = async || match number {
                1 => owner.delete(&path).await,
                _ => owner.patch(&member, give.clone()).await,
            };
            persistent(call).await
        }
    });
    let answers = join_all(calls).await;
    let given = answers[1..].iter().filter(|answer| answer.status == 200).count();
    let counted = home.founder.get(&path).await;
    match answers[0].status.as_u16() {
        204 => {
            assert_eq!(given, 0);
            counted.expect_problem(404, "not_found");
        }
        _ => {
            answers[0].expect_problem(409, "role_in_use");
            assert_eq!(given, 32);
            assert_eq!(counted.expect(200)["memberCount"], 32);
        }
    }
}

#[tokio::test]
async fn permissions_are_listed_and_explained() {
    let app = app().await;
    let home = Home::found(&app).await;
    let viewer = home.member(&app, 2, "viewer").await;
    let listed = viewer.get("/api/v1/permissions?module=roles").await;
    let etag = listed.etag();
    assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 4);
    let (get, path) = (axum::http::Method::GET, "/api/v1/permissions?module=roles");
    let again = viewer.send(get, path, &[("if-none-match", &etag)], "").await;
    assert_eq!(again.status, 304);
    let explain = "/api/v1/permissions/explain";
    let ask = |code: &str| json!({ "permission": code });
    let why = viewer.post(explain, ask("users.user.read")).await.expect(200);
    assert_eq!((&why["allow"], &why["reason"]), (&json!(true), &json!("granted")));
    let why = viewer.post(explain, ask("users.membership.suspend")).await.expect(200);
    assert_eq!((&why["allow"], &why["reason"]), (&json!(false), &json!("pattern")));
    viewer.post(explain, ask("no.such.thing")).await.expect_problem(400, "unknown_permission");
    home.founder.post(&format!("{}/suspend", home.member_path(2)), json!({})).await.expect(200);
    let why = json!({ "permission": "users.user.read", "userId": user_id(2) });
    let why = home.founder.post(explain, why).await.expect(200);
    assert_eq!(why["reason"], "membership_status");
    let of_viewer = format!("{}/permissions", home.member_path(2));
    let none = home.founder.get(&of_viewer).await.expect(200);
    assert!(none["items"].as_array().unwrap().is_empty());
    let own = home.founder.get(&format!("{}/permissions", home.member_path(1))).await.expect(200);
    let role = home.at(&format!("/roles/{}", home.roles["owner"].as_str().unwrap()));
    let codes = home.founder.get(&role).await.expect(200)["permissions"].clone();
    let effective: Value =
        own["items"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert_eq!(effective, codes);
    let nobody = app.client_of(user_id(9), Some(home.id), |claims| {
        claims.role = Some("role_custom".to_owned());
        claims.perms = Some("teams.*".to_owned());
    });
    nobody.get(&of_viewer).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn expired_invitations_keep_no_role() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "name": "Auditor", "permissions": ["users.user.read"] });
    let role = home.founder.post(&home.at("/roles"), body).await.expect(201);
    let path = home.at(&format!("/roles/{}", role["id"].as_str().unwrap()));
    let invited = json!({ "email": "user2@example.com", "roleId": role["id"] });
    home.founder.post("/api/v1/invitations", invited).await.expect(201);
    home.founder.delete(&path).await.expect_problem(409, "role_in_use");
    app.database.clock.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    let owner = crate::token(&app, home.id, crate::user_id(1), "owner");
    owner.delete(&path).await.expect(204);
    assert_eq!(crate::said(&app, "users.invitation.expired").await.len(), 1);
    crate::consistency::consistent(&app).await;
}
