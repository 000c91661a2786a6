//! user-management under guard.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use millwright_core::{OrgId, Timestamp, UserId};
use millwright_identity::SystemRole;
use millwright_testkit::{Client, Contract, TestApp};
use serde_json::{Value, json};
use user_management::{
    Ports, Post, UserManagement, permissions,
    seed::{self, Seed},
};

use crate::{
    MINE,
    fixture::{By, Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = user_management::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, files| {
            let post = Post { app_url: "https://app.example.org".into(), mail: None };
            let ports = Ports { files, catalogue: permissions::CATALOGUE, post };
            user_management::router(UserManagement::new(platform, store, ports))
        },
        contract,
        calls,
        further: &[
            ("team_update", |_| json!({ "parentTeamId": null })),
            ("team_member_put", |_| json!({ "role": "lead" })),
        ],
        owner: crate::fixture::owner,
        skipping_unknown: &[],
        said_elsewhere: &[
            "users.user.deleted",
            "users.invitation.expired",
            "users.invitation_batch.completed",
            "users.export.completed",
            "organizations.export.completed",
            "organizations.organization.deleted",
        ],
    }
}

/// A time that makes ids differ.
fn moment(number: u8) -> Timestamp {
    Timestamp::from_millisecond(i64::from(number))
}

/// User number so and so.
fn somebody(number: u8) -> Seed {
    let user = UserId::derived(moment(number), &[number; 10]);
    called(user, &format!("somebody{number}@example.com"))
}

fn called(user: UserId, email: &str) -> Seed {
    Seed { user, email: email.parse().unwrap(), name: "Somebody".parse().unwrap() }
}

/// The organization of the owner, and what is in it.
struct Home {
    owner: Client,
    path: String,
    id: OrgId,
    app: TestApp,
}

impl Home {
    async fn set(app: &TestApp) -> Home {
        let owner = app.client(MINE, "owner");
        let id = owner.tenant().organization().unwrap();
        let founder = called(owner.user, "founder@example.com");
        seed::organization(&app.database.store(), id, "Guarded", founder).await.unwrap();
        let path = format!("/api/v1/organizations/{id}");
        let home = Home { owner, path, id, app: app.clone() };
        let links = json!({ "linkInvitationsAllowed": true });
        home.owner.patch(&home.at("/security-settings"), links).await.expect(200);
        // Who may leave with the account needs somebody who stays.
        home.member(13, SystemRole::Owner).await;
        home
    }

    fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }

    /// The path of a new member.
    async fn member(&self, number: u8, role: SystemRole) -> String {
        let store = self.app.database.store();
        let member = seed::member(&store, self.id, role, somebody(number)).await.unwrap();
        self.at(&format!("/members/{}", member.user_id))
    }

    /// The path of a new role.
    async fn role(&self, name: &str) -> String {
        let body = json!({ "name": name, "permissions": ["users.user.read"] });
        let made = self.owner.post(&self.at("/roles"), body).await.expect(201);
        self.at(&format!("/roles/{}", made["id"].as_str().unwrap()))
    }

    async fn invite(&self, body: Value) -> Value {
        self.owner.post("/api/v1/invitations", body).await.expect(201)
    }
}

/// The path of an invitation.
fn invitation(sent: &Value) -> String {
    format!("/api/v1/invitations/{}", sent["id"].as_str().unwrap())
}

/// A link of another organization, and an invitation of the owner into it.
async fn elsewhere(home: &Home, number: u8) -> (Value, Value) {
    let id = OrgId::derived(moment(number), &[number; 10]);
    let founder = somebody(number);
    let user = founder.user;
    let name = format!("Elsewhere {number}");
    seed::organization(&home.app.database.store(), id, &name, founder).await.unwrap();
    let owner = home.app.client_of(user, Some(id), |claims| claims.role = Some("owner".into()));
    let links = json!({ "linkInvitationsAllowed": true });
    let security = format!("/api/v1/organizations/{id}/security-settings");
    owner.patch(&security, links).await.expect(200);
    let link = owner.post("/api/v1/invitations", json!({ "type": "link" })).await.expect(201);
    let mine = json!({ "email": "founder@example.com" });
    let mine = owner.post("/api/v1/invitations", mine).await.expect(201);
    let url = link["acceptUrl"].as_str().unwrap();
    let token = url.split_once("token=").map(|(_, token)| token).unwrap();
    (json!({ "token": token }), mine)
}

fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let home = Home::set(&app).await;
        let mut calls = of_users(&home).await;
        calls.extend(of_organizations(&home).await);
        calls.extend(of_roles(&home).await);
        calls.extend(of_members(&home).await);
        calls.extend(of_invitations(&home).await);
        calls.extend(of_teams(&home).await);
        calls
    })
}

async fn of_users(home: &Home) -> BTreeMap<&'static str, Call> {
    let path = home.member(11, SystemRole::Viewer).await;
    let user = path.rsplit('/').next().unwrap().to_owned();
    let operator = home.app.operator();
    let reason = json!({ "reason": "Abuse" });
    let about =
        |path: &str| format!("/api/v1/users/{}", path.rsplit('/').next().unwrap_or_default());
    let active = about(&home.member(14, SystemRole::Viewer).await);
    let out = about(&home.member(15, SystemRole::Viewer).await);
    let gone = about(&home.member(16, SystemRole::Viewer).await);
    for path in [&out, &gone] {
        operator.post(&format!("{path}/deactivate"), reason.clone()).await.expect(200);
    }
    let mine = "/api/v1/users/me";
    let preferences = format!("{mine}/preferences");
    let exports = format!("{mine}/data-exports");
    let store = home.app.database.store();
    let export = seed::export(&store, home.owner.user, None).await.unwrap();
    let provision = json!({ "userId": somebody(12).user.to_string(), "email": "new@example.com" });
    BTreeMap::from([
        ("health_get", Call::get("/api/v1/users/health")),
        ("readiness_get", Call::get("/api/v1/users/ready")),
        ("my_user_get", Call::get("/api/v1/users/me")),
        ("my_user_update", Call::patch("/api/v1/users/me", json!({ "jobTitle": "X" }))),
        ("my_preferences_get", Call::get(&preferences)),
        ("my_preferences_update", Call::patch(&preferences, json!({ "theme": "dark" }))),
        (
            "my_user_deactivate",
            Call::post(&format!("{mine}/deactivate"), json!({ "reason": "A sabbatical" })),
        ),
        ("my_user_delete", Call::delete(mine)),
        ("my_data_export_create", Call::post(&exports, json!({}))),
        ("my_data_export_list", Call::get(&exports)),
        ("my_data_export_get", Call::get(&format!("{exports}/{export}")).refers()),
        ("user_find", Call::get("/api/v1/users?email=founder@example.com").by(By::Operator)),
        ("user_deactivate", Call::post(&format!("{active}/deactivate"), reason).by(By::Operator)),
        ("user_reactivate", Call::post(&format!("{out}/reactivate"), json!({})).by(By::Operator)),
        ("user_delete", Call::delete(&gone).by(By::Operator)),
        (
            "user_provision",
            Call::post("/api/v1/users/provision", provision).by(By::Service("auth")),
        ),
        ("user_get", Call::get(&format!("/api/v1/users/{user}")).refers()),
        ("user_lookup", Call::post("/api/v1/users/lookup", json!({ "ids": [user] }))),
    ])
}

async fn of_organizations(home: &Home) -> BTreeMap<&'static str, Call> {
    let member = home.member(21, SystemRole::Viewer).await;
    let member = json!({ "userId": member.rsplit('/').next().unwrap() });
    let (_, mine) = elsewhere(home, 22).await;
    home.owner.post(&format!("{}/accept", invitation(&mine)), json!({})).await.expect(200);
    let other = mine["organizationId"].as_str().unwrap();
    let suspended = OrgId::derived(moment(24), &[24; 10]);
    let (store, founder) = (home.app.database.store(), somebody(23));
    seed::organization(&store, suspended, "Suspended", founder).await.unwrap();
    let suspended = format!("/api/v1/organizations/{suspended}");
    let reason = json!({ "reason": "Spam" });
    let suspend = format!("{suspended}/suspend");
    home.app.operator().post(&suspend, reason.clone()).await.expect(200);
    let closed = json!({ "name": "Closed", "slug": "closed" });
    let closed = home.owner.post("/api/v1/organizations", closed).await.expect(201);
    let closed: OrgId = closed["id"].as_str().unwrap().parse().unwrap();
    let own = |claims: &mut millwright_identity::Claims| claims.role = Some("owner".into());
    let owner = home.app.client_of(home.owner.user, Some(closed), own);
    let closed = format!("/api/v1/organizations/{closed}");
    owner.delete(&format!("{closed}?confirm=closed")).await.expect(204);
    let export = seed::export(&store, home.owner.user, Some(home.id)).await.unwrap();
    let get = |rest: &str| Call::get(&home.at(rest)).refers();
    let post = |rest: &str, body: Value| Call::post(&home.at(rest), body).refers();
    let patch = |rest: &str, body: Value| Call::patch(&home.at(rest), body).refers();
    BTreeMap::from([
        (
            "organization_create",
            Call::post("/api/v1/organizations", json!({ "name": "New", "slug": "new-one" })),
        ),
        ("my_organization_list", Call::get("/api/v1/organizations")),
        ("organization_find", Call::get("/api/v1/organizations/by-slug/guarded").refers()),
        ("organization_get", get("")),
        ("organization_update", patch("", json!({ "slug": "renamed" }))),
        ("organization_delete", Call::delete(&home.at("?confirm=guarded")).refers()),
        ("organization_restore", Call::post(&format!("{closed}/restore"), json!({})).refers()),
        ("data_export_create", post("/data-exports", json!({}))),
        ("data_export_list", get("/data-exports")),
        ("data_export_get", get(&format!("/data-exports/{export}"))),
        ("organization_limits_get", get("/limits")),
        ("settings_get", get("/settings")),
        ("settings_update", patch("/settings", json!({ "language": "de" }))),
        ("security_get", get("/security-settings")),
        ("security_update", patch("/security-settings", json!({ "apiKeyMaxLifetimeDays": 30 }))),
        ("organization_sign_out", post("/sign-out-members", json!({}))),
        ("ownership_transfer", post("/transfer-ownership", member.clone())),
        (
            "organization_leave",
            Call::post(&format!("/api/v1/organizations/{other}/leave"), json!({})).refers(),
        ),
        (
            "organization_limits_update",
            Call::patch(&home.at("/limits"), json!({ "memberLimit": 600 })).by(By::Operator),
        ),
        ("organization_suspend", Call::post(&home.at("/suspend"), reason).by(By::Operator)),
        (
            "organization_unsuspend",
            Call::post(&format!("{suspended}/unsuspend"), json!({})).by(By::Operator),
        ),
        ("owner_assign", Call::post(&home.at("/assign-owner"), member).by(By::Operator)),
    ])
}

async fn of_roles(home: &Home) -> BTreeMap<&'static str, Call> {
    let (active, archived) = (home.role("Active").await, home.role("Archived").await);
    home.owner.post(&format!("{archived}/archive"), json!({})).await.expect(200);
    let of_owner = home.at(&format!("/members/{}/permissions", home.owner.user));
    let new = json!({ "name": "New", "permissions": ["teams.*"] });
    BTreeMap::from([
        ("role_list", Call::get(&home.at("/roles")).refers()),
        ("role_create", Call::post(&home.at("/roles"), new).refers()),
        ("role_get", Call::get(&active).refers()),
        ("role_update", Call::patch(&active, json!({ "name": "X" })).refers()),
        ("role_archive", Call::post(&format!("{active}/archive"), json!({})).refers()),
        ("role_unarchive", Call::post(&format!("{archived}/unarchive"), json!({})).refers()),
        ("role_delete", Call::delete(&active).refers()),
        ("permission_list", Call::get("/api/v1/permissions")),
        (
            "permission_explain",
            Call::post("/api/v1/permissions/explain", json!({ "permission": "users.user.read" })),
        ),
        ("effective_permission_list", Call::get(&of_owner).refers()),
    ])
}

async fn of_members(home: &Home) -> BTreeMap<&'static str, Call> {
    let active = home.member(31, SystemRole::Viewer).await;
    let suspended = home.member(32, SystemRole::Viewer).await;
    home.owner.post(&format!("{suspended}/suspend"), json!({})).await.expect(200);
    let organization = home.owner.get(&home.path).await.expect(200);
    let role = json!({ "roleId": organization["systemRoleIds"]["member"] });
    let post = |path: &str, act: &str| Call::post(&format!("{path}/{act}"), json!({})).refers();
    BTreeMap::from([
        ("member_list", Call::get(&home.at("/members")).refers()),
        ("member_get", Call::get(&active).refers()),
        ("member_update", Call::patch(&active, role).refers()),
        (
            "member_suspend",
            Call::post(&format!("{active}/suspend"), json!({ "reason": "X" })).refers(),
        ),
        ("member_reactivate", post(&suspended, "reactivate")),
        ("member_sign_out", post(&active, "sign-out")),
        ("member_remove", Call::delete(&active).refers()),
    ])
}

async fn of_teams(home: &Home) -> BTreeMap<&'static str, Call> {
    let all = "/api/v1/teams";
    let made = async |name: &str, parent: Value| -> String {
        let body = json!({ "name": name, "parentTeamId": parent });
        let made = home.owner.post(all, body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let top = made("Top", Value::Null).await;
    let below = format!("{all}/{}", made("Below", json!(top)).await);
    let members = format!("{below}/members");
    let member = home.member(51, SystemRole::Viewer).await;
    let added = format!("{members}/{}", member.rsplit('/').next().unwrap());
    let other = home.member(52, SystemRole::Viewer).await;
    let other = format!("{members}/{}", other.rsplit('/').next().unwrap());
    let put = |path: &str| Call {
        method: axum::http::Method::PUT,
        body: Some(json!({ "role": "member" })),
        ..Call::get(path)
    };
    put(&added).send(&home.owner).await.expect(201);
    let third = home.member(53, SystemRole::Viewer).await;
    let third = json!({ "userId": third.rsplit('/').next().unwrap(), "role": "member" });
    BTreeMap::from([
        ("team_create", Call::post(all, json!({ "name": "New" }))),
        ("team_list", Call::get(all)),
        ("team_get", Call::get(&below).refers()),
        ("team_update", Call::patch(&below, json!({ "name": "X" })).refers()),
        ("team_delete", Call::delete(&below).refers()),
        ("team_member_list", Call::get(&members).refers()),
        ("team_member_put", put(&other).refers()),
        (
            "team_member_batch",
            Call::post(&format!("{members}/batch"), json!({ "items": [third] })).refers(),
        ),
        ("team_member_remove", Call::delete(&added).refers()),
        ("member_team_list", Call::get(&format!("{member}/teams")).refers()),
    ])
}

async fn of_invitations(home: &Home) -> BTreeMap<&'static str, Call> {
    let all = "/api/v1/invitations";
    let sent = home.invite(json!({ "email": "pending@example.com" })).await;
    let old = home.invite(json!({ "type": "link" })).await;
    home.app.database.clock.advance(std::time::Duration::from_secs(60));
    let (token, accepting) = elsewhere(home, 41).await;
    let (_, declining) = elsewhere(home, 42).await;
    let post = |sent: &Value, act: &str| {
        Call::post(&format!("{}/{act}", invitation(sent)), json!({})).refers()
    };
    let batches = format!("{all}/batches");
    let rows = json!({ "rows": [{ "email": "many@example.com" }] });
    let running = home.owner.post(&batches, rows.clone()).await.expect(202);
    let batch = format!("{batches}/{}", running["id"].as_str().unwrap());
    let mut rehearsal = rows;
    rehearsal["dryRun"] = json!(true);
    BTreeMap::from([
        ("invitation_batch_create", Call::post(&batches, rehearsal)),
        ("invitation_batch_list", Call::get(&batches)),
        ("invitation_batch_get", Call::get(&batch).refers()),
        ("invitation_batch_row_list", Call::get(&format!("{batch}/rows")).refers()),
        ("invitation_batch_cancel", Call::post(&format!("{batch}/cancel"), json!({})).refers()),
        ("invitation_create", Call::post(all, json!({ "email": "new@example.org" }))),
        ("invitation_list", Call::get(all)),
        ("invitation_get", Call::get(&invitation(&sent)).refers()),
        ("invitation_resend", post(&old, "resend")),
        ("invitation_cancel", Call::delete(&invitation(&sent)).refers()),
        ("invitation_preview", Call::post(&format!("{all}/preview"), token.clone())),
        ("invitation_accept", Call::post(&format!("{all}/accept"), token)),
        ("my_invitation_list", Call::get("/api/v1/users/me/invitations")),
        ("my_invitation_accept", post(&accepting, "accept")),
        ("my_invitation_decline", post(&declining, "decline")),
    ])
}
