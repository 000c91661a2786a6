//! /planning/uploads

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{A, B, app};

const UPLOADS: &str = "/api/v1/planning/uploads";

/// Of `hello world`.
const HELLO: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

fn hello() -> Value {
    json!({ "fileName": "h.txt", "contentType": "text/plain", "sizeBytes": 11, "sha256": HELLO })
}

async fn send(app: &millwright_testkit::TestApp, upload: &Value, body: &[u8]) -> u16 {
    let headers: BTreeMap<String, String> =
        serde_json::from_value(upload["headers"].clone()).unwrap();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    app.files.send("PUT", upload["uploadUrl"].as_str().unwrap(), headers, body).await.0
}

#[tokio::test]
async fn an_upload_takes_the_promised_file_and_lies_below_its_organization() {
    let app = app().await;
    let member = app.client(A, "member");
    let created = member.post(UPLOADS, hello()).await;
    let upload = created.expect(201);
    let id = upload["id"].as_str().unwrap();
    assert_eq!(created.header("location"), Some(format!("{UPLOADS}/{id}").as_str()));
    assert_eq!(send(&app, &upload, b"hello world").await, 200);
    let organization = member.tenant();
    let files = app.files.all();
    assert_eq!(files.get(&format!("uploads/{organization}/{id}")), Some(&11));
    let theirs = app.client(B, "owner").post(UPLOADS, hello()).await.expect(201);
    let url = theirs["uploadUrl"].as_str().unwrap();
    assert!(!url.contains(&organization.to_string()));
}

#[tokio::test]
async fn other_bytes_are_refused() {
    let app = app().await;
    let upload = app.client(A, "owner").post(UPLOADS, hello()).await.expect(201);
    assert_eq!(send(&app, &upload, b"hello there").await, 400);
}

#[tokio::test]
async fn what_is_promised_is_checked() {
    let app = app().await;
    let owner = app.client(A, "owner");
    for (field, value, code) in [
        ("sizeBytes", json!(0), "too_small"),
        ("sizeBytes", json!(52_428_801), "too_large"),
        ("sha256", json!(HELLO.to_uppercase()), "bad_format"),
        ("sha256", json!("b94d"), "bad_format"),
        ("contentType", json!("text"), "bad_format"),
        ("contentType", json!("text/csv\r\nx-amz-acl: public-read"), "bad_format"),
        ("fileName", json!(""), "too_short"),
        ("fileName", json!("x".repeat(201)), "too_long"),
    ] {
        let mut body = hello();
        body[field] = value.clone();
        let problem = owner.post(UPLOADS, body).await.expect_problem(400, "invalid_request");
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], format!("/{field}"), "{value}");
        assert_eq!(error["code"], code, "{value}");
    }
    let mut largest = hello();
    largest["sizeBytes"] = 52_428_800.into();
    owner.post(UPLOADS, largest).await.expect(201);
    let viewer = app.client(A, "viewer");
    viewer.post(UPLOADS, hello()).await.expect_problem(403, "forbidden");
}

/// The answer holds a link that is a secret, so nothing of it is stored.
#[tokio::test]
async fn no_link_is_kept() {
    let app = app().await;
    let headers = [("idempotency-key", "twice")];
    let owner = app.client(A, "owner");
    for _ in 0..2 {
        owner.post_with(UPLOADS, &headers, hello()).await.expect(201);
    }
    for item in app.database.snapshot(&[]).await {
        assert!(!item.contains("X-Amz"), "{item}");
    }
}
