//! /invitations/batches of a thousand rows, and as CSV.

use axum::http::Method;
use millwright_testkit::{Answer, Client, CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{
    Home, app,
    consistency::consistent,
    invitations::PATH,
    invitations_batches::{BATCHES, drain, path_of},
    said, token, user_id,
};

fn owner(app: &TestApp, home: &Home) -> Client {
    token(app, home.id, user_id(1), "owner")
}

async fn upload(client: &Client, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    client.send(Method::POST, BATCHES, &[("content-type", media_type)], body.into()).await
}

/// 1,000 rows: ten of each kind of fault, and what is right.
fn thousand() -> (Vec<Value>, Vec<&'static str>) {
    let mut rows = Vec::new();
    let mut expected = Vec::new();
    let good = |number: usize| json!({ "email": format!("new{number}@example.com") });
    let faulty = |kind: usize, number: usize| -> (Value, &'static str) {
        match kind {
            0 => (json!({ "email": format!("no address {number}") }), "invalid_email"),
            1 => (json!({ "email": format!("NEW{number}@example.com") }), "duplicate_row"),
            2 => {
                let email = format!("role{number}@example.com");
                (json!({ "email": email, "role": "nobody" }), "unknown_role")
            }
            3 => {
                let email = format!("team{number}@example.com");
                (json!({ "email": email, "teamNames": ["Mills"] }), "unknown_team")
            }
            4 => (json!({ "email": format!("user{}@example.com", number + 2) }), "already_member"),
            5 => (json!({ "email": format!("invited{number}@example.com") }), "already_invited"),
            6 => {
                let email = format!("boss{number}@example.com");
                (json!({ "email": email, "role": "owner" }), "exceeds_own_permissions")
            }
            _ => (json!({ "email": format!("a{number}@other.org") }), "email_domain_not_allowed"),
        }
    };
    for number in 0..920 {
        rows.push(good(number));
        expected.push("created");
    }
    for kind in 0..8 {
        for number in 0..10 {
            let (row, code) = faulty(kind, number);
            // Behind what it repeats, and among what is right.
            let place = 100 + (kind * 10 + number) * 10;
            rows.insert(place, row);
            expected.insert(place, code);
        }
    }
    (rows, expected)
}

#[tokio::test]
async fn a_thousand_rows_have_their_results_whatever_dies() {
    let app = app().await;
    let home = Home::found(&app).await;
    let admin = home.member(&app, 20, "admin").await;
    for number in 2..12 {
        home.member(&app, number, "viewer").await;
    }
    home.limit_members(&app, 5_000).await;
    for number in 0..10 {
        let email = format!("invited{number}@example.com");
        home.founder.post(PATH, json!({ "email": email })).await.expect(201);
    }
    let domains = json!({ "allowedEmailDomains": ["example.com"] });
    home.founder.patch(&home.at("/security-settings"), domains).await.expect(200);
    let (rows, expected) = thousand();
    assert_eq!(rows.len(), 1_000);
    let batch = admin.post(BATCHES, json!({ "rows": rows })).await.expect(202);
    drain(&app, 2, |number| match number {
        0 => Some(CrashPoint::After(401)),
        2 => Some(CrashPoint::Before(52)),
        _ => None,
    })
    .await;
    let owner = owner(&app, &home);
    let done = owner.get(&path_of(&batch)).await.expect(200);
    let counts: Vec<u64> = ["total", "processed", "created", "skipped", "failed"]
        .iter()
        .map(|name| done[name].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1_000, 1_000, 920, 20, 60], "{done}");
    // In pages, each row once and in its place.
    let all = owner.all(&format!("{}/rows", path_of(&batch)), 97).await;
    let codes: Vec<&str> = all
        .iter()
        .map(|row| row["code"].as_str().unwrap_or_else(|| row["status"].as_str().unwrap()))
        .collect();
    assert_eq!(codes, expected);
    let indexes: Vec<u64> = all.iter().map(|row| row["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (0..1_000).collect::<Vec<_>>());
    let skipped = owner.all(&format!("{}/rows?status=skipped", path_of(&batch)), 7).await;
    assert_eq!(skipped.len(), 20);
    let created = said(&app, "users.invitation.created").await;
    assert_eq!(created.len(), 930, "nobody twice");
    let pending = owner.get(&home.at("/limits")).await.expect(200);
    assert_eq!(pending["pendingInvitations"]["used"], 930);
    assert_eq!(said(&app, "users.invitation_batch.completed").await.len(), 1);
    consistent(&app).await;
}

#[tokio::test]
async fn a_table_is_read_as_spreadsheets_write_it() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.founder.post("/api/v1/teams", json!({ "name": "Engines" })).await.expect(201);
    home.founder.post("/api/v1/teams", json!({ "name": "Mills, old" })).await.expect(201);
    let table = "\u{feff}Email,Role,TeamNames,Message\r\n\
                 a@example.com,admin,\"Engines; Mills, old\",\"Hello, \"\"you\"\"\r\nthere\"\r\n\
                 b@example.com,,,\r\n\
                 ,,,\r\n";
    let batch = upload(&home.founder, "text/csv; charset=utf-8", table).await.expect(202);
    assert_eq!(batch["total"], 2);
    drain(&app, 1, |_| None).await;
    let done = owner(&app, &home).get(&path_of(&batch)).await.expect(200);
    assert_eq!(done["created"], 2, "{done}");
    let invitations = owner(&app, &home).all(PATH, 10).await;
    let first = invitations.iter().find(|it| it["email"] == "a@example.com").unwrap();
    assert_eq!(first["message"], "Hello, \"you\"\nthere");
    assert_eq!(first["teamIds"].as_array().unwrap().len(), 2);
    assert_eq!(first["roleId"], home.roles["admin"]);
    let semicolons = "role;email\nviewer;c@example.com\n";
    upload(&home.founder, "text/csv", semicolons).await.expect(202);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_refused_as_a_whole() {
    let app = app().await;
    let home = Home::found(&app).await;
    let before = app.database.snapshot(&[]).await;
    let refused = async |body: &str| {
        let answer = upload(&home.founder, "text/csv", body).await;
        let problem = answer.expect_problem(400, "invalid_request");
        let faults = problem["errors"].as_array().unwrap().iter();
        let told = faults.map(|it| {
            format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(refused("name\nA\n").await, [" required"]);
    assert_eq!(refused("email,x\na@example.com,1\n").await, [" unknown_field"]);
    assert_eq!(refused("email\n").await, ["/rows too_short"]);
    assert_eq!(refused("email\n\"a@example.com\n").await, [" bad_format"]);
    let long = "x".repeat(501);
    let faults = refused(&format!("email,message\n,{long}\na@example.com,Hi\n,Hi\n")).await;
    assert_eq!(
        faults,
        ["/rows/0/email too_short", "/rows/0/message too_long", "/rows/2/email too_short"]
    );
    let many: String = (0..1_001).map(|number| format!("new{number}@example.com\n")).collect();
    assert_eq!(refused(&format!("email\n{many}")).await, ["/rows too_long"]);
    let bytes = upload(&home.founder, "text/csv", b"email\n\xff@example.com\n".to_vec()).await;
    bytes.expect_problem(400, "invalid_request");
    let large = format!("email,message\n{}", "a@example.com,x\n".repeat(80_000));
    upload(&home.founder, "text/csv", large).await.expect_problem(413, "too_large");
    let other = upload(&home.founder, "text/plain", "email\na@example.com\n").await;
    other.expect_problem(415, "unsupported_media_type");
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_table_that_is_sent_twice_is_one_batch() {
    let app = app().await;
    let home = Home::found(&app).await;
    let key = [("content-type", "text/csv"), ("idempotency-key", "table")];
    let send =
        async |table: &str| home.founder.send(Method::POST, BATCHES, &key, table.to_owned()).await;
    let first = send("email\na@example.com\n").await.expect(202);
    let again = send("email\na@example.com\n").await;
    assert_eq!(again.expect(202)["id"], first["id"]);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    send("email\nb@example.com\n").await.expect_problem(422, "idempotency_mismatch");
}
