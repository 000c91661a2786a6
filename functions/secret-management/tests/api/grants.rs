//! /secrets/{secretId}/grants, bindings, access checks.

use std::time::Duration;

use millwright_core::{OrgId, TeamId};
use millwright_identity::SystemRole;
use secret_management::domain::{TeamSeat, Teams};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{A, PATH, api_key, create, reveal, start, surroundings, work::said};

fn grant(kind: &str, id: impl ToString, rights: &[&str]) -> Value {
    json!({ "granteeType": kind, "granteeId": id.to_string(), "rights": rights })
}

#[tokio::test]
async fn a_grant_stands_for_the_permission_and_ends_by_itself() {
    let app = start().await;
    let (owner, viewer) = (app.client(A, "owner"), app.client(A, "viewer"));
    surroundings().directory.member(viewer.user, SystemRole::Viewer);
    let path = create(&owner, api_key("k", "v")).await;
    let revealing = format!("{path}/reveal");
    viewer.post(&revealing, json!({})).await.expect_problem(403, "forbidden");
    let mut body = grant("user", viewer.user, &["read"]);
    let end = app.database.clock.now().plus(Duration::from_secs(60));
    body["expiresAt"] = json!(end);
    let grants = format!("{path}/grants");
    let made = owner.post(&grants, body.clone()).await;
    assert_eq!(made.expect(201)["rights"], json!(["read"]));
    owner.post(&grants, body).await.expect_problem(409, "grant_exists");
    assert_eq!(reveal(&viewer, &path, json!({})).await["value"]["key"], "v");
    assert_eq!(viewer.get(&path).await.expect(200)["myRights"], json!(["use", "read"]));
    let stranger = grant("user", "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", &["read"]);
    owner.post(&grants, stranger).await.expect_problem(400, "invalid_request");
    app.database.clock.advance(Duration::from_secs(60));
    viewer.post(&revealing, json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_team_grant_reaches_members_of_its_sub_teams() {
    let app = start().await;
    let (owner, viewer, member) =
        (app.client(A, "owner"), app.client(A, "viewer"), app.client(A, "member"));
    let (upper, lower) =
        (TeamId::from_uuid(Uuid::from_u128(1)), TeamId::from_uuid(Uuid::from_u128(2)));
    let seats = vec![TeamSeat { team: lower, leads: false }];
    let above = vec![(upper, None), (lower, Some(upper))];
    surroundings().directory.seat(viewer.user, Teams { seats, above });
    let path = create(&owner, api_key("k", "v")).await;
    owner.post(&format!("{path}/grants"), grant("team", upper, &["read"])).await.expect(201);
    reveal(&viewer, &path, json!({})).await;
    member.post(&format!("{path}/reveal"), json!({})).await.expect_problem(403, "right_missing");
    let reached = owner.all(&format!("{PATH}/grants?granteeType=team&granteeId={upper}"), 10).await;
    assert_eq!(reached[0]["secretName"], "k");
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let app = start().await;
    let (owner, member) = (app.client(A, "owner"), app.client(A, "member"));
    surroundings().directory.member(member.user, SystemRole::Member);
    let path = create(&owner, api_key("k", "v")).await;
    let grants = format!("{path}/grants");
    let made =
        owner.post(&grants, grant("user", member.user, &["grant", "read"])).await.expect(201);
    for rights in [["grant"], ["delete"]] {
        member
            .post(&grants, grant("role", "viewer", &rights))
            .await
            .expect_problem(403, "cannot_grant_more_than_held");
    }
    let passed = member.post(&grants, grant("role", "viewer", &["read"])).await.expect(201);
    reveal(&app.client(A, "viewer"), &path, json!({})).await;
    let one = format!("{grants}/{}", passed["id"].as_str().unwrap());
    member
        .patch(&one, json!({ "rights": ["delete"] }))
        .await
        .expect_problem(403, "cannot_grant_more_than_held");
    owner.patch(&one, json!({ "rights": ["use"] })).await.expect(200);
    app.client(A, "viewer")
        .post(&format!("{path}/reveal"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    let checked =
        owner.get(&format!("{path}/access-check?userId={}", member.user)).await.expect(200);
    assert_eq!(checked["rights"], json!(["use", "read", "grant"]));
    assert_eq!(checked["because"], json!(["scope:organization", made["id"]]));
    owner.delete(&format!("{grants}/{}", made["id"].as_str().unwrap())).await.expect(204);
    let mut left = owner.get(&grants).await.expect(200);
    assert_eq!(left["items"].as_array_mut().unwrap().len(), 1);
    owner.delete(&one).await.expect(204);
}

#[tokio::test]
async fn a_service_reveals_what_is_bound_to_it_and_nothing_else() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    let other = create(&owner, api_key("other", "v")).await;
    let binding =
        |id: &str| json!({ "service": "ai-service", "resourceType": "provider", "resourceId": id });
    let bindings = format!("{path}/bindings");
    let made = owner.post(&bindings, binding("1")).await.expect(201);
    assert_eq!(owner.post(&bindings, binding("1")).await.expect(200), made);
    let organization = OrgId::from_uuid(Uuid::from_u128(A));
    let service = app.service("ai-service", Some(organization));
    assert_eq!(reveal(&service, &path, json!({})).await["value"]["key"], "v");
    for (client, path) in [
        (&service, &other),
        (&app.service("planning", Some(organization)), &path),
        (&app.service("ai-service", Some(OrgId::from_uuid(Uuid::from_u128(crate::B)))), &path),
    ] {
        client.post(&format!("{path}/reveal"), json!({})).await.expect(403);
    }
    let references = json!({ "references": [path.rsplit('/').next(), other.rsplit('/').next()] });
    let resolved = service.post(&format!("{PATH}/resolve"), references).await.expect(200);
    assert_eq!(resolved["results"][0]["status"], 200);
    assert_eq!(resolved["results"][1]["status"], 404);
    let record = &owner.all(&format!("{path}/accesses"), 10).await[1];
    assert_eq!((&record["actorType"], &record["bindingId"]), (&json!("service"), &made["id"]));
    let used = owner.get(&bindings).await.expect(200);
    assert!(used["items"][0]["lastUsedAt"].is_string());
    assert_eq!(owner.get(&path).await.expect(200)["bindingCount"], 1);
    let refused = owner.delete(&path).await.expect_problem(409, "secret_in_use");
    assert_eq!(refused["bindings"][0]["service"], "ai-service");
    owner.delete(&format!("{path}?force=true")).await.expect(204);
    let told = &said(&app, "secrets.secret.deleted").await[0]["bindings"];
    assert_eq!(
        (&told[0]["bindingId"], &told[0]["createdBy"]),
        (&made["id"], &json!(owner.user.to_string()))
    );
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    service.delete(&format!("{bindings}/{}", made["id"].as_str().unwrap())).await.expect(204);
    service.post(&format!("{path}/reveal"), json!({})).await.expect(403);
}

#[tokio::test]
async fn a_hundred_grants_are_the_limit() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    for n in 0..101u128 {
        let id = millwright_core::ServiceKeyId::from_uuid(Uuid::from_u128(n));
        let made = owner.post(&format!("{path}/grants"), grant("service_key", id, &["read"])).await;
        if n < 100 {
            made.expect(201);
        } else {
            made.expect_problem(409, "limit_reached");
        }
    }
}
