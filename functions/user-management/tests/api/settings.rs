//! /organizations/{organizationId}/settings, /security-settings, /sign-out-members

use std::time::Duration;

use millwright_access::facts::OrganizationFacts;
use millwright_core::{Tenant, Voucher};
use millwright_testkit::TestApp;
use serde_json::{Value, json};

use crate::{Home, app, revoked, said, token};

async fn facts(app: &TestApp, home: &Home) -> OrganizationFacts {
    let tenant = Tenant::vouched(home.id, Voucher::Test);
    app.database.store().get(&OrganizationFacts::place(&tenant)).await.unwrap().unwrap()
}

#[tokio::test]
async fn settings_are_merged() {
    let app = app().await;
    let home = Home::found(&app).await;
    let path = home.at("/settings");
    let first = home.founder.get(&path).await;
    assert_eq!(first.etag(), "\"1\"");
    let patch = json!({ "custom": { "a": { "b": 1, "c": 2.5 } }, "weekStart": "sunday" });
    home.founder.patch(&path, patch).await.expect(200);
    let patch = json!({ "custom": { "a": { "b": null } } });
    let merged = home.founder.patch(&path, patch).await.expect(200);
    assert_eq!(merged["custom"], json!({ "a": { "c": 2.5 } }));
    assert_eq!(merged["version"], 3);
    assert_eq!(home.founder.get(&path).await.expect(200), merged);
    let stale = home.founder.patch_if(&path, "\"1\"", json!({ "language": "de" })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 3);
    let large = json!({ "custom": { "a": "x".repeat(65_537) } });
    home.founder.patch(&path, large).await.expect_problem(413, "too_large");
    home.founder.patch(&path, json!({ "custom": 1 })).await.expect_problem(400, "invalid_request");
    let role = json!({ "invitationRoleId": home.roles["member"] });
    home.founder.patch(&path, role).await.expect(200);
    let unknown = json!({ "invitationRoleId": "role_01jdz7xk2nf5h9vq3w8c6m4t0b" });
    home.founder.patch(&path, unknown).await.expect_problem(404, "not_found");
    let updated = said(&app, "organizations.settings.updated").await;
    assert_eq!(updated[0]["changed"], json!(["weekStart", "custom"]));
}

#[tokio::test]
async fn stricter_security_withdraws_tokens() {
    let app = app().await;
    let home = Home::found(&app).await;
    let path = home.at("/security-settings");
    let patch = json!({ "linkInvitationsAllowed": true, "apiKeyMaxLifetimeDays": 30 });
    home.founder.patch(&path, patch).await.expect(200);
    assert!(revoked(&app).await.is_empty(), "nobody lost anything");
    let patch = json!({ "personalApiKeysAllowed": false });
    home.founder.patch(&path, patch).await.expect(200);
    assert_eq!(revoked(&app).await, [home.id.to_string()]);
    let facts = facts(&app, &home).await;
    assert!(!facts.personal_api_keys_allowed);
    assert_eq!((facts.access_version, facts.api_key_max_lifetime_days), (2, 30));
    let updated = said(&app, "organizations.security.updated").await;
    assert_eq!(updated[1]["before"], json!({ "personalApiKeysAllowed": true }));
    let admin = token(&app, home.id, home.founder.user, "admin");
    admin.get(&path).await.expect(200);
    admin.patch(&path, json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn nobody_shuts_themselves_out() {
    let app = app().await;
    let home = Home::found(&app).await;
    let path = home.at("/security-settings");
    let foreign = json!({ "allowedEmailDomains": ["other.example"] });
    home.founder.patch(&path, foreign).await.expect_problem(409, "email_domain_not_allowed");
    let both = json!({ "allowedEmailDomains": ["other.example", "EXAMPLE.com"] });
    let set = home.founder.patch(&path, both).await.expect(200);
    assert_eq!(set["allowedEmailDomains"], json!(["other.example", "example.com"]));
}

#[tokio::test]
async fn security_wants_a_recent_sign_in() {
    let app = app().await;
    let home = Home::found(&app).await;
    app.database.clock.advance(Duration::from_secs(1_000));
    let now = app.database.clock.now().as_second();
    let late = app.client_of(home.founder.user, Some(home.id), |claims| {
        claims.role = Some("owner".to_owned());
        claims.auth_time = Some(now - 601);
    });
    let path = home.at("/security-settings");
    let refused = late.patch(&path, json!({ "linkInvitationsAllowed": true })).await;
    refused.expect_problem(401, "reauthentication_required");
}

#[tokio::test]
async fn everybody_signs_in_again() {
    let app = app().await;
    let home = Home::found(&app).await;
    let answer = home.founder.post(&home.at("/sign-out-members"), json!({})).await.expect(200);
    let facts = facts(&app, &home).await;
    assert_eq!(Value::from(facts.reauth_after.unwrap().to_string()), answer["reauthAfter"]);
    assert_eq!(facts.access_version, 2);
    assert_eq!(revoked(&app).await, [home.id.to_string()]);
    assert_eq!(said(&app, "organizations.organization.signed_out").await.len(), 1);
}
