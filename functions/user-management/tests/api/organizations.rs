//! /organizations

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use millwright_access::facts::{MembershipFacts, OrganizationFacts, RoleFacts, UserMembership};
use millwright_core::{RoleId, Tenant, Voucher};
use serde_json::json;

use crate::{Home, ORGANIZATIONS, app, crowd, persistent, said, token, user};

#[tokio::test]
async fn a_founder_owns_what_is_founded() {
    let app = app().await;
    let person = user(&app, 1).await;
    let body = json!({ "name": "Über Uns", "settings": { "timezone": "Europe/Berlin" } });
    let founded = person.post(ORGANIZATIONS, body).await;
    let whole = founded.expect(201);
    assert_eq!(whole["slug"], "uber-uns");
    assert_eq!(whole["memberLimit"], 500);
    let id = whole["id"].as_str().unwrap().parse().unwrap();
    let owner = token(&app, id, person.user, "owner");
    assert_eq!(owner.get(founded.header("location").unwrap()).await.expect(200), whole);
    let settings = owner.get(&format!("{ORGANIZATIONS}/{id}/settings")).await.expect(200);
    assert_eq!(settings["timezone"], "Europe/Berlin");
    assert_eq!(settings["invitationRoleId"], whole["systemRoleIds"]["viewer"]);
    let limits = owner.get(&format!("{ORGANIZATIONS}/{id}/limits")).await.expect(200);
    assert_eq!(limits["members"], json!({ "used": 1, "limit": 500 }));
    let mine = person.get(ORGANIZATIONS).await.expect(200);
    assert_eq!(mine["items"][0]["organization"], whole);
    assert_eq!(mine["items"][0]["roleName"], "Owner");
    let events = app.event_types().await;
    let expected =
        ["users.user.created", "organizations.organization.created", "users.membership.created"];
    assert_eq!(events, expected);
    assert_eq!(app.events().await[1].orgid, Some(id));
}

/// What `auth` reads is there, in the form of the contract.
#[tokio::test]
async fn facts_follow_the_contract() {
    let app = app().await;
    let home = Home::found(&app).await;
    let store = app.database.store();
    let organization = Tenant::vouched(home.id, Voucher::Test);
    let person = Tenant::person(home.founder.user, Voucher::Test);
    let facts: OrganizationFacts =
        store.get(&OrganizationFacts::place(&organization)).await.unwrap().unwrap();
    assert_eq!(facts.organization_id, home.id);
    let place = MembershipFacts::place(&organization, home.founder.user);
    let member: MembershipFacts = store.get(&place).await.unwrap().unwrap();
    assert_eq!(member.role_id.to_string(), home.roles["owner"].as_str().unwrap());
    let role: RoleId = home.roles["admin"].as_str().unwrap().parse().unwrap();
    let role: RoleFacts = store.get(&RoleFacts::place(&organization, role)).await.unwrap().unwrap();
    assert!(role.permissions.is_empty(), "of system roles nothing is stored");
    let place = UserMembership::place(&person, home.id);
    assert!(store.get::<UserMembership>(&place).await.unwrap().is_some());
}

#[tokio::test]
async fn of_32_founders_one_gets_the_slug() {
    let (app, instances) = crowd(8).await;
    for n in 1..=32 {
        user(&app, n).await;
    }
    let calls = (1..=32).map(|n: u128| {
        let person = instances[usize::try_from(n).unwrap() % 8].person(n);
        async move {
            let body = json!({ "name": "Acme", "slug": "acme" });
            let call = async || person.post(ORGANIZATIONS, body.clone()).await;
            persistent(call).await
        }
    });
    let answers = join_all(calls).await;
    let founded = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(founded, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "slug_taken");
    }
    assert_eq!(said(&app, "organizations.organization.created").await.len(), 1);
}

#[tokio::test]
async fn derived_slugs_give_way() {
    let (app, instances) = crowd(8).await;
    for n in 1..=32 {
        user(&app, n).await;
    }
    let calls = (1..=32).map(|n: u128| {
        let person = instances[usize::try_from(n).unwrap() % 8].person(n);
        async move {
            let call = async || person.post(ORGANIZATIONS, json!({ "name": "Acme" })).await;
            persistent(call).await.expect(201)["slug"].as_str().unwrap().to_owned()
        }
    });
    let slugs: BTreeSet<String> = join_all(calls).await.into_iter().collect();
    assert_eq!(slugs.len(), 32);
    assert!(slugs.contains("acme") && slugs.contains("acme-2"));
}

#[tokio::test]
async fn ten_foundings_a_day_are_enough() {
    let app = app().await;
    let person = user(&app, 1).await;
    for n in 0..10 {
        person.post(ORGANIZATIONS, json!({ "name": format!("Acme {n}") })).await.expect(201);
    }
    let refused = person.post(ORGANIZATIONS, json!({ "name": "Acme 10" })).await;
    refused.expect_problem(409, "organization_limit_reached");
    app.database.clock.advance(Duration::from_secs(24 * 3600 + 1));
    app.person(1).post(ORGANIZATIONS, json!({ "name": "Acme 10" })).await.expect(201);
}

#[tokio::test]
async fn keys_found_nothing() {
    let app = app().await;
    let person = user(&app, 1).await;
    let key = app.client_of(person.user, None, |claims| claims.key = Some("key_1".to_owned()));
    let refused = key.post(ORGANIZATIONS, json!({ "name": "Acme" })).await;
    refused.expect_problem(403, "session_required");
}

#[tokio::test]
async fn a_slug_that_is_given_up_leads_on_for_90_days() {
    let app = app().await;
    let home = Home::found(&app).await;
    let renamed = home.founder.patch(&home.path, json!({ "slug": "engines" })).await.expect(200);
    assert_eq!(renamed["slug"], "engines");
    let person = app.person(1);
    let found = person.get(&format!("{ORGANIZATIONS}/by-slug/acme")).await.expect(200);
    assert_eq!(found["slug"], "engines");
    assert_eq!(found["moved"], true);
    let other = user(&app, 2).await;
    let taken = json!({ "name": "Other", "slug": "acme" });
    other.post(ORGANIZATIONS, taken.clone()).await.expect_problem(409, "slug_taken");
    other.get(&format!("{ORGANIZATIONS}/by-slug/engines")).await.expect_problem(404, "not_found");
    // Returning is allowed, and renames again.
    home.founder.patch(&home.path, json!({ "slug": "acme" })).await.expect(200);
    home.founder.patch(&home.path, json!({ "slug": "engines" })).await.expect(200);
    app.database.clock.advance(Duration::from_secs(90 * 24 * 3600 + 1));
    let other = app.person(2);
    other.post(ORGANIZATIONS, taken).await.expect(201);
    let gone = app.person(1).get(&format!("{ORGANIZATIONS}/by-slug/acme")).await;
    gone.expect_problem(404, "not_found");
}

#[tokio::test]
async fn another_organization_is_not_found() {
    let app = app().await;
    let home = Home::found(&app).await;
    // The same user, another organization of theirs: the credential decides.
    let second = Home::founded_by(&app, &app.person(1), "Second").await;
    for path in ["", "/settings", "/security-settings", "/limits"] {
        second.founder.get(&home.at(path)).await.expect_problem(404, "not_found");
    }
    let patch = json!({ "name": "Mine" });
    second.founder.patch(&home.path, patch.clone()).await.expect_problem(404, "not_found");
    app.person(1).patch(&home.path, patch).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn bad_slugs_are_refused() {
    let app = app().await;
    let person = user(&app, 1).await;
    for slug in ["ab", "Acme", "-acme", "a--b", "admin", "teams"] {
        let body = json!({ "name": "Acme", "slug": slug });
        let refused = person.post(ORGANIZATIONS, body).await;
        refused.expect_problem(400, "invalid_request");
    }
}
