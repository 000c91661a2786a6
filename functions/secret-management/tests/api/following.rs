//! What follows from the events of others.

use std::sync::Arc;

use millwright_event::{Cause, Described, Envelope};
use millwright_testkit::{CrashPoint, TestApp, deliveries, settled};
use secret_management::{
    domain::{TeamSeat, Teams},
    work::consume,
};
use serde_json::{Value, json};

use crate::{
    A, PATH, api_key, create, reveal, start, surroundings,
    work::{HOUR, Jobs, said},
};

/// An event of another service about organization A, as it arrives.
fn event_of(app: &TestApp, kind: &str, data: Value) -> Envelope {
    let cause = Cause {
        tenant: app.client(A, "owner").tenant(),
        actor_id: "usr_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned(),
        traceparent: None,
        correlation_id: "test".to_owned(),
        causation_id: None,
    };
    let described = Described { kind, version: 1, service: "other", subject: "x".to_owned() };
    let (id, now) = (app.database.store().ids().next_uuid(), app.database.clock.now());
    Envelope::compose(described, &data, id, now, &cause).unwrap()
}

async fn arrive(app: &TestApp, envelopes: &[Envelope]) {
    let store = Arc::new(app.database.other_process().store());
    let (failed, rejected) = settled(consume(store, deliveries(envelopes)).await).await;
    assert!(failed.is_empty() && rejected.is_empty(), "{failed:?} {rejected:?}");
}

/// The organization is gone, says its owner.
pub async fn organization_deleted(app: &TestApp) {
    let organization = app.client(A, "owner").tenant().organization().unwrap().to_string();
    let data = json!({ "organizationId": organization });
    arrive(app, &[event_of(app, "organizations.organization.deleted", data)]).await;
}

fn of_project(name: &str, project: &str, environment: Option<&str>) -> Value {
    let mut body = api_key(name, "v");
    body["scope"] = json!("project");
    body["scopeId"] = json!(project);
    body["environment"] = json!(environment);
    body
}

#[tokio::test]
async fn a_deleted_project_takes_its_secrets_along_and_brings_them_back_in_any_order() {
    let project = "prj_01jdz7xk2nf5h9vq3w8c6m4t0b";
    for order in [[0, 1], [1, 0]] {
        let app = start().await;
        let owner = app.client(A, "owner");
        let path = create(&owner, of_project("a", project, None)).await;
        let other = create(&owner, of_project("a", project, Some("production"))).await;
        let alone = create(&owner, api_key("a", "v")).await;
        let by_hand = create(&owner, of_project("by-hand", project, None)).await;
        owner.delete(&by_hand).await.expect(204);
        let data = json!({ "projectId": project });
        let deleted = event_of(&app, "planning.project.deleted", data.clone());
        app.database.clock.advance(HOUR);
        let restored = event_of(&app, "planning.project.restored", data);
        let mut jobs = Jobs::of(&app, 2);
        if order == [0, 1] {
            arrive(&app, &[deleted.clone(), deleted.clone()]).await;
            jobs.drain().await;
            for path in [&path, &other] {
                let gone = app.client(A, "owner").get(path).await.expect(200);
                let (status, because) = (&gone["status"], &gone["deletedBecause"]);
                assert_eq!((status, because), (&json!("deleted"), &json!("project_deleted")));
            }
            assert_eq!(said(&app, "secrets.secret.deleted").await.len(), 3);
        }
        let both = [deleted, restored];
        for index in order {
            arrive(&app, &[both[index].clone()]).await;
            jobs.drain().await;
        }
        let owner = app.client(A, "owner");
        for path in [&path, &other, &alone] {
            assert_eq!(owner.get(path).await.expect(200)["status"], "active");
        }
        assert_eq!(owner.get(&by_hand).await.expect(200)["status"], "deleted");
    }
}

#[tokio::test]
async fn a_removed_member_loses_grants_and_own_secrets_whatever_comes_first() {
    let team = "team_01jdz7xk2nf5h9vq3w8c6m4t0b";
    let mut ends = Vec::new();
    for order in [[0, 1, 0], [1, 0, 1]] {
        let app = start().await;
        let (owner, member) = (app.client(A, "owner"), app.client(A, "member"));
        let user = member.user.to_string();
        surroundings().directory.member(member.user, millwright_identity::SystemRole::Member);
        let mut own = api_key("own", "v");
        own["scope"] = json!("user");
        let own = create(&member, own).await;
        let shared = create(&owner, api_key("shared", "v")).await;
        let grant = json!({ "granteeType": "user", "granteeId": user, "rights": ["read"] });
        owner.post(&format!("{shared}/grants"), grant).await.expect(201);
        let key = "svk_01jdz7xk2nf5h9vq3w8c6m4t0b";
        let grant = json!({ "granteeType": "service_key", "granteeId": key, "rights": ["read"] });
        owner.post(&format!("{shared}/grants"), grant).await.expect(201);
        let events = [
            event_of(&app, "users.membership.removed", json!({ "userId": user })),
            event_of(&app, "teams.team.deleted", json!({ "teamId": team })),
        ];
        let mut jobs = Jobs::of(&app, 2);
        for index in order {
            arrive(&app, &[events[index].clone(), events[index].clone()]).await;
            jobs.drain().await;
        }
        let revoked = event_of(&app, "auth.api_key.revoked", json!({ "keyId": key }));
        arrive(&app, &[revoked.clone(), revoked]).await;
        jobs.drain().await;
        assert_eq!(said(&app, "secrets.grant.deleted").await.len(), 2);
        let owner = app.client(A, "owner");
        let grants = owner.get(&format!("{shared}/grants")).await.expect(200);
        assert_eq!(grants["items"], json!([]));
        let gone = owner.get(&own).await.expect(200);
        assert_eq!(gone["deletedBecause"], "member_removed");
        assert_eq!(said(&app, "secrets.secret.deleted").await.len(), 1);
        ends.push((gone["status"].clone(), gone["version"].clone(), grants["items"].clone()));
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn a_deleted_team_takes_its_secrets_along_and_they_do_not_come_back_without_it() {
    let app = start().await;
    let (owner, lead) = (app.client(A, "owner"), app.client(A, "member"));
    let team: millwright_core::TeamId = app.database.store().ids().next();
    let teams = Teams { seats: vec![TeamSeat { team, leads: true }], above: vec![(team, None)] };
    surroundings().directory.seat(lead.user, teams);
    let mut body = api_key("of-the-team", "v1");
    (body["scope"], body["scopeId"]) = (json!("team"), json!(team.to_string()));
    let path = create(&lead, body.clone()).await;
    let shared = create(&owner, api_key("shared", "v")).await;
    let grant = json!({
        "granteeType": "team", "granteeId": team.to_string(), "rights": ["read"],
    });
    owner.post(&format!("{shared}/grants"), grant).await.expect(201);
    reveal(&lead, &shared, json!({})).await;
    let event = event_of(&app, "teams.team.deleted", json!({ "teamId": team.to_string() }));
    arrive(&app, &[event.clone(), event]).await;
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain_crashing(|number| (number == 0).then_some(CrashPoint::After(3))).await;
    surroundings().directory.seat(lead.user, Teams::default());
    let (owner, lead) = (app.instance().client(A, "owner"), app.instance().client(A, "member"));
    let gone = owner.get(&path).await.expect(200);
    assert_eq!(
        (&gone["status"], &gone["deletedBecause"]),
        (&json!("deleted"), &json!("team_deleted"))
    );
    assert_eq!(said(&app, "secrets.secret.deleted").await.len(), 1);
    assert_eq!(owner.get(&format!("{shared}/grants")).await.expect(200)["items"], json!([]));
    lead.post(&format!("{shared}/reveal"), json!({})).await.expect_problem(403, "right_missing");
    owner.post(&format!("{path}/restore"), json!({})).await.expect_problem(409, "scope_gone");
    owner.post(PATH, body).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn of_a_purged_organization_nothing_opens_and_nothing_is_left() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    create(&owner, api_key("l", "v1")).await;
    create(&app.client(crate::B, "owner"), api_key("k", "theirs")).await;
    reveal(&owner, &path, json!({})).await;
    let before = app.database.items().await;
    let organization = owner.tenant().organization().unwrap().to_string();
    let event = event_of(
        &app,
        "organizations.organization.deleted",
        json!({
            "organizationId": organization,
        }),
    );
    arrive(&app, std::slice::from_ref(&event)).await;
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain_crashing(|number| (number == 0).then_some(CrashPoint::After(4))).await;
    // What goes by itself within days holds no more than ids.
    let passing = ["#RATE#", "#INBOX#", "#OUT#", "#IDEM#"];
    let items = app.database.items().await;
    let left: Vec<&str> = items
        .iter()
        .map(|item| item.partition_key())
        .filter(|key| key.contains(&organization))
        .filter(|key| !passing.iter().any(|word| key.contains(word)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // A copy from before comes back, but for the wrapped keys, which went first: nothing opens.
    for item in before.iter().filter(|item| !["data_key", "active_key"].contains(&item.kind())) {
        let put = app.database.client().put_item().table_name(app.database.table());
        put.set_item(Some(item.attributes().clone())).send().await.unwrap();
    }
    let restored = app.instance().client(A, "owner");
    assert_eq!(restored.all(PATH, 10).await.len(), 2);
    let opened = restored.post(&format!("{path}/reveal"), json!({})).await;
    opened.expect_problem(500, "value_unreadable");
    assert_eq!(app.client(crate::B, "owner").all(PATH, 10).await.len(), 1);
}

fn binding(service: &str, kind: &str, id: &str) -> Value {
    json!({ "service": service, "resourceType": kind, "resourceId": id })
}

#[tokio::test]
async fn bindings_go_with_what_they_bind_wherever_the_jobs_die() {
    for crash in (0..=6).map(CrashPoint::Before).chain((1..=6).map(CrashPoint::After)) {
        let app = start().await;
        let owner = app.client(A, "owner");
        let (used, unused) = (create(&owner, api_key("a", "v")).await, api_key("b", "v"));
        let unused = create(&owner, unused).await;
        let gone = "aip_01jdz7xk2nf5h9vq3w8c6m4t0b";
        // The second was bound by somebody who died before the provider was to use it.
        for path in [&used, &unused] {
            let bindings = format!("{path}/bindings");
            owner.post(&bindings, binding("ai-service", "provider", gone)).await.expect(201);
        }
        let bindings = format!("{used}/bindings");
        for other in [
            binding("ai-service", "provider", "aip_01jdz7xk2nf5h9vq3w8c6m4t0c"),
            binding("ai-service", "tool", gone),
            binding("planning", "provider", gone),
        ] {
            owner.post(&bindings, other).await.expect(201);
        }
        let event = event_of(&app, "ai.provider.deleted", json!({ "providerId": gone }));
        arrive(&app, &[event.clone(), event]).await;
        let mut jobs = Jobs::of(&app, 2);
        jobs.drain_crashing(|number| (number == 0).then_some(crash)).await;
        let owner = app.client(A, "owner");
        let left = owner.get(&bindings).await.expect(200);
        assert_eq!(left["items"].as_array().unwrap().len(), 3, "{crash:?}");
        assert_eq!(owner.get(&used).await.expect(200)["bindingCount"], 3, "{crash:?}");
        assert_eq!(owner.get(&unused).await.expect(200)["bindingCount"], 0, "{crash:?}");
        assert_eq!(said(&app, "secrets.binding.deleted").await.len(), 2, "{crash:?}");
        owner.delete(&unused).await.expect(204);
    }
}
