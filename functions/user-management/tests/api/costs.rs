//! What operations cost: calls to the table.

use std::collections::BTreeMap;

use millwright_testkit::TestApp;
use serde_json::json;

use crate::{
    Home, app,
    invitations::{ACCEPT, invite, token_of},
    user, user_id,
};

struct Meter<'a>(&'a TestApp);

impl Meter<'_> {
    /// The calls since the last look.
    #[track_caller]
    fn assert(&self, what: &str, expected: &[(&str, usize)]) {
        let counted = self.0.faults().calls();
        let expected: BTreeMap<String, usize> =
            expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(counted, expected, "{what}");
        self.0.faults().reset_calls();
    }
}

const QUERY: &str = "Query";
const GET: &str = "GetItem";
const BATCH: &str = "BatchGetItem";
const WRITE: &str = "TransactWriteItems";

#[tokio::test]
async fn operations_cost_what_is_documented() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    home.member(&app, 3, "owner").await;
    let sent = invite(&home.founder, 4).await;
    user(&app, 4).await;
    let meter = Meter(&app);
    app.faults().reset_calls();
    app.person(1).get("/api/v1/users/me").await.expect(200);
    meter.assert("my_user_get", &[(GET, 1)]);
    home.founder.get(&home.member_path(2)).await.expect(200);
    meter.assert("member_get", &[(GET, 1)]);
    home.founder.get(&home.at("/members?limit=25")).await.expect(200);
    meter.assert("member_list", &[(QUERY, 1), (BATCH, 1)]);
    let ids = json!({ "ids": [user_id(1), user_id(2), user_id(9)] });
    home.founder.post("/api/v1/users/lookup", ids).await.expect(200);
    meter.assert("user_lookup", &[(BATCH, 1)]);
    let role = json!({ "roleId": home.roles["member"] });
    home.founder.patch(&home.member_path(2), role).await.expect(200);
    meter.assert("member_update", &[(GET, 3), (WRITE, 1)]);
    let suspend = format!("{}/suspend", home.member_path(2));
    home.founder.post(&suspend, json!({})).await.expect(200);
    meter.assert("member_suspend", &[(GET, 2), (WRITE, 1)]);
    app.person(4).post(ACCEPT, token_of(&sent)).await.expect(200);
    meter.assert("invitation_accept", &[(GET, 2), (BATCH, 1), (WRITE, 1)]);
    app.person(4).post(crate::ORGANIZATIONS, json!({ "name": "New" })).await.expect(201);
    meter.assert("organization_create", &[(BATCH, 1), (WRITE, 1)]);
    app.person(3).post("/api/v1/users/me/deactivate", json!({})).await.expect(200);
    meter.assert("my_user_deactivate", &[(BATCH, 2), (QUERY, 1), (WRITE, 1)]);
    home.founder
        .get(&home.at(&format!("/roles/{}", home.roles["viewer"].as_str().unwrap())))
        .await
        .expect(200);
    meter.assert("role_get", &[(GET, 1)]);
    let why = json!({ "permission": "users.user.read", "userId": user_id(2) });
    home.founder.post("/api/v1/permissions/explain", why).await.expect(200);
    meter.assert("permission_explain", &[(BATCH, 1)]);
    home.founder.get(&format!("{}/permissions", home.member_path(2))).await.expect(200);
    meter.assert("effective_permission_list", &[(BATCH, 1)]);
    app.person(1).post("/api/v1/users/me/data-exports", json!({})).await.expect(202);
    meter.assert("my_data_export_create", &[(GET, 2), (WRITE, 1)]);
    app.person(1).get("/api/v1/users/me/data-exports").await.expect(200);
    meter.assert("my_data_export_list", &[(QUERY, 1)]);
    let exported = home.founder.post(&home.at("/data-exports"), json!({})).await.expect(202);
    meter.assert("data_export_create", &[(GET, 2), (WRITE, 1)]);
    let export = home.at(&format!("/data-exports/{}", exported["id"].as_str().unwrap()));
    home.founder.get(&export).await.expect(200);
    meter.assert("data_export_get", &[(GET, 1)]);
    app.person(1).get("/api/v1/users/me/preferences").await.expect(200);
    meter.assert("my_preferences_get", &[(BATCH, 1)]);
    home.founder.delete(&home.at("?confirm=acme")).await.expect(204);
    meter.assert("organization_delete", &[(BATCH, 1), (WRITE, 1)]);
    app.person(1).post(&home.at("/restore"), json!({})).await.expect(200);
    meter.assert("organization_restore", &[(GET, 1), (BATCH, 1), (WRITE, 1)]);
}
