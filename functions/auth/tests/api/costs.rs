//! What operations cost: calls to the table (specs auth, section 9)

use std::{collections::BTreeMap, time::Duration};

use millwright_identity::SystemRole::Admin;
use serde_json::json;

use crate::scene::{Scene, parameter, scene, user_of};

const QUERY: &str = "Query";
const GET: &str = "GetItem";
const BATCH: &str = "BatchGetItem";
const WRITE: &str = "TransactWriteItems";
const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";
const DELETE: &str = "DeleteItem";

struct Meter<'s>(&'s Scene);

impl Meter<'_> {
    /// The calls since the last look.
    #[track_caller]
    fn assert(&self, what: &str, expected: &[(&str, usize)]) {
        let counted = self.0.app.faults().calls();
        let expected: BTreeMap<String, usize> =
            expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(counted, expected, "{what}");
        self.0.app.faults().reset_calls();
    }
}

#[tokio::test]
async fn signing_in_and_what_follows_cost_what_is_documented() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    scene.join(user, 1).await;
    let meter = Meter(&scene);
    scene.app.faults().reset_calls();
    // A known person.
    let started = scene.start(&mut browser, "").await;
    meter.assert("login_start", &[(UPDATE, 1), (PUT, 1)]);
    let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
    let code = scene.around.provider.code(&claims);
    scene.back(&mut browser, &parameter(&started, "state"), &code).await;
    let six = [(UPDATE, 1), (DELETE, 1), (GET, 1), (QUERY, 1), (BATCH, 1), (WRITE, 1)];
    meter.assert("login_finish", &six);
    let client = scene.client(&mut browser).await;
    let first = [(GET, 1), (BATCH, 1), (PUT, 1), (WRITE, 1)];
    meter.assert("the first refresh of a day", &first);
    client.get("/api/v1/auth/me").await.expect(200);
    // The feeds of both tables, which are one here.
    meter.assert("a token, cold", &[(QUERY, 1)]);
    client.get("/api/v1/auth/me").await.expect(200);
    meter.assert("a token, warm", &[]);
    let organization = scene.join(user, 2).await;
    scene.app.faults().reset_calls();
    let switch = "/api/v1/auth/sessions/current/switch-organization";
    client.post(switch, json!({ "organizationId": organization })).await.expect(200);
    meter.assert("switch", &[(GET, 1), (BATCH, 1), (WRITE, 1)]);
    scene.refreshed(&mut browser).await;
    scene.app.faults().reset_calls();
    scene.refreshed(&mut browser).await;
    meter.assert("refresh", &[(GET, 1), (BATCH, 1), (PUT, 1)]);
    client.get("/api/v1/auth/sessions").await.expect(200);
    meter.assert("sessions", &[(QUERY, 1)]);
    client.get("/api/v1/auth/identities").await.expect(200);
    meter.assert("identities", &[(QUERY, 1)]);
    client.get("/api/v1/auth/login-history").await.expect(200);
    meter.assert("history", &[(QUERY, 1)]);
    for path in [".well-known/jwks.json", ".well-known/openid-configuration", "auth/providers"] {
        scene.app.stranger().get(&format!("/api/v1/{path}")).await.expect(200);
        meter.assert(path, &[]);
    }
    client.post("/api/v1/auth/sessions/revoke-others", json!({})).await.expect(200);
    meter.assert("revoke others", &[(GET, 1), (BATCH, 1), (WRITE, 1)]);
    client.post("/api/v1/auth/sessions/revoke-all", json!({})).await.expect(200);
    meter.assert("revoke all", &[(GET, 1), (BATCH, 1), (WRITE, 1)]);
}

#[tokio::test]
async fn keys_cost_what_is_documented() {
    let scene = scene().await;
    let admin = scene.member(1, Admin).await;
    admin.get("/api/v1/auth/me").await.expect(200);
    let meter = Meter(&scene);
    scene.app.faults().reset_calls();
    let keys = "/api/v1/auth/api-keys";
    let body = json!({ "name": "K", "scopes": ["auth.api_key.*"] });
    let made = admin.post(keys, body).await;
    meter.assert("create", &[(GET, 2), (WRITE, 1)]);
    let (key, path) = (made.expect(201), made.header("location").unwrap().to_owned());
    let holder = scene.app.bearer(key["key"].as_str().unwrap());
    holder.get(&path).await.expect(200);
    meter.assert("a key, cold, that reads itself", &[(GET, 2), (BATCH, 1)]);
    holder.get("/api/v1/auth/me").await.expect(200);
    meter.assert("a key, warm", &[]);
    scene.app.database.clock.advance(Duration::from_secs(21));
    holder.get("/api/v1/auth/me").await.expect(200);
    meter.assert("a key after 20 seconds, with the feed", &[(GET, 1), (BATCH, 1), (QUERY, 1)]);
    holder.get(keys).await.expect(200);
    meter.assert("keys", &[(QUERY, 1)]);
    let admin = scene.app.client(1, "admin");
    admin.patch(&path, json!({ "description": "D" })).await.expect(200);
    meter.assert("update", &[(GET, 1), (WRITE, 1)]);
    admin.patch(&path, json!({ "name": "L" })).await.expect(200);
    meter.assert("update of the name", &[(GET, 2), (WRITE, 1)]);
    admin.post(&format!("{path}/rotate"), json!({})).await.expect(200);
    meter.assert("rotate", &[(GET, 3), (WRITE, 1)]);
    let member = path.replace("api-keys", "member-keys");
    admin.delete(&member).await.expect(204);
    meter.assert("revoke a member's", &[(GET, 3), (WRITE, 1)]);
}
