//! What operations consume, in units of the table. Reads are strongly consistent, and a list of
//! members reads each of them: whoever makes one of these cheaper lowers its number.

use std::collections::BTreeMap;

use millwright_testkit::TestApp;
use serde_json::{Value, json};

use crate::{
    Home, app,
    invitations::{ACCEPT, invite, token_of},
    invitations_batches::BATCHES,
    token, user, user_id,
};

struct Meter<'a>(&'a TestApp);

impl Meter<'_> {
    /// At most so many read and write units since the last look.
    #[track_caller]
    fn at_most(&self, what: &str, reads: f64, writes: f64) {
        let units = self.0.faults().units();
        let of = |names: &[&str]| -> f64 {
            units.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, n)| n).sum()
        };
        let read = of(&["GetItem", "BatchGetItem", "Query"]);
        let written = of(&["TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"]);
        assert!(read > 0.0 || written > 0.0, "{what} is not measured");
        assert!(read <= reads && written <= writes, "{what}: {read} read, {written} written");
        self.0.faults().measure_units();
    }
}

#[tokio::test]
async fn operations_consume_what_is_documented() {
    let app = app().await;
    let home = Home::found(&app).await;
    for number in 2..102 {
        home.member(&app, number, "viewer").await;
    }
    let sent = invite(&home.founder, 200).await;
    user(&app, 200).await;
    let role = json!({ "name": "Helper", "permissions": ["users.*"] });
    let role = home.founder.post(&home.at("/roles"), role).await.expect(201);
    let meter = Meter(&app);
    app.faults().measure_units();
    app.person(1).get("/api/v1/users/me").await.expect(200);
    meter.at_most("my_user_get", 1.0, 0.0);
    home.founder.get(&home.member_path(2)).await.expect(200);
    meter.at_most("member_get", 1.0, 0.0);
    let path = home.at(&format!("/roles/{}", role["id"].as_str().unwrap()));
    home.founder.get(&path).await.expect(200);
    meter.at_most("role_get", 1.0, 0.0);
    home.founder.get(&home.at("/members?limit=25")).await.expect(200);
    meter.at_most("member_list", 29.0, 0.0);
    let ids: Vec<Value> = (2..102).map(|number| json!(user_id(number))).collect();
    home.founder.post("/api/v1/users/lookup", json!({ "ids": ids })).await.expect(200);
    meter.at_most("user_lookup", 100.0, 0.0);
    let to = json!({ "roleId": home.roles["member"] });
    home.founder.patch(&home.member_path(2), to).await.expect(200);
    meter.at_most("member_update", 3.0, 17.0);
    home.founder.post(&format!("{}/suspend", home.member_path(3)), json!({})).await.expect(200);
    meter.at_most("member_suspend", 2.0, 14.0);
    app.person(200).post(ACCEPT, token_of(&sent)).await.expect(200);
    meter.at_most("invitation_accept", 8.0, 26.0);
    app.person(200).post(crate::ORGANIZATIONS, json!({ "name": "New" })).await.expect(201);
    meter.at_most("organization_create", 3.0, 34.0);
    let why = json!({ "permission": "users.user.read", "userId": user_id(2) });
    home.founder.post("/api/v1/permissions/explain", why).await.expect(200);
    meter.at_most("permission_explain", 3.0, 0.0);
    let path = format!("{}/permissions", home.member_path(2));
    home.founder.get(&path).await.expect(200);
    meter.at_most("effective_permission_list", 3.0, 0.0);
}

/// What one row of a batch adds.
#[tokio::test]
async fn a_row_of_a_batch_consumes_what_is_documented() {
    let measured = async |rows: usize| {
        let app = app().await;
        let home = Home::found(&app).await;
        let row = |number: usize| json!({ "email": format!("new{number}@example.com") });
        let rows: Vec<Value> = (0..rows).map(row).collect();
        let owner = token(&app, home.id, user_id(1), "owner");
        owner.post(BATCHES, json!({ "rows": rows })).await.expect(202);
        app.faults().measure_units();
        drain_measured(&app).await
    };
    let (few, many) = (measured(10).await, measured(60).await);
    let read = (many.0 - few.0) / 50.0;
    let written = (many.1 - few.1) / 50.0;
    assert!(read <= 10.0 && written <= 25.0, "a row: {read} read, {written} written");
}

/// Reads and writes of a batch that is worked off in one go.
async fn drain_measured(app: &TestApp) -> (f64, f64) {
    use millwright_event::batch::Message;
    use std::sync::Arc;
    let desk = crate::exports::desk(app, app.database.store(), Arc::new(crate::exports::Nothing));
    for envelope in app.messages_to(user_management::work::JOBS).await {
        desk.work(&Message::of("m", envelope)).await.unwrap();
    }
    let units: BTreeMap<String, f64> = app.faults().units();
    let of = |name: &str| units.get(name).copied().unwrap_or_default();
    let read = of("GetItem") + of("BatchGetItem") + of("Query");
    (read, of("TransactWriteItems") + of("PutItem") + of("UpdateItem"))
}
