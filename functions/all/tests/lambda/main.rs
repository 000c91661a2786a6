//! The sample events of `events/lambda` through the real binary, as Lambda would hand them over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "made-up tenants")]

use std::{fs, path::Path, time::Duration};

use millwright_access::{
    api_keys::{KeyId, KeyRecord, KeySummary, SecretHash, secret_hash, written},
    facts::{OrganizationFacts, OrganizationStatus},
};
use millwright_core::{Clock, OrgId, Tenant, Voucher};
use millwright_manifest::{Function, Trigger};
use millwright_testkit::{AwsDouble, Database, LambdaProcess, TestApp};
use planning::Planning;
use serde_json::{Value, json};
use uuid::Uuid;

/// Every function in one binary; it picks by the function's name.
const BINARY: &str = env!("CARGO_BIN_EXE_all");

fn sample(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda");
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).expect(name);
    serde_json::from_str(&text).expect(name)
}

/// A table, real time (the binaries have no other), and the AWS services beside it.
async fn stage() -> (TestApp, AwsDouble) {
    let app = TestApp::start_at(
        "planning",
        |platform, store, files| {
            planning::router(platform, Planning::new(store, files, Duration::ZERO))
        },
        Clock::system(),
    )
    .await;
    let aws = AwsDouble::start(&app).await;
    (app, aws)
}

fn with_token(mut event: Value, app: &TestApp) -> Value {
    let owner = app.client(1, "owner");
    event["headers"]["authorization"] = owner.authorization().into();
    event
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or("null")).expect("JSON")
}

#[tokio::test]
async fn the_api_answers_what_the_gateway_sends() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "planning-api", &app, &aws).await;
    let health = function.invoke(sample("planning-api-health")).await.unwrap();
    assert_eq!(health["statusCode"], 200);
    assert_eq!(body(&health), json!({ "status": "ok" }));
    let create = sample("planning-api-project-create");
    let refused = function.invoke(create.clone()).await.unwrap();
    assert_eq!(refused["statusCode"], 401, "TOKEN is no token");
    let created = function.invoke(with_token(create, &app)).await.unwrap();
    assert_eq!(created["statusCode"], 201, "{created}");
    assert_eq!(body(&created)["key"], "WEB");
    let listed =
        function.invoke(with_token(sample("planning-api-project-list"), &app)).await.unwrap();
    assert_eq!(body(&listed)["items"][0]["key"], "WEB");
}

#[tokio::test]
async fn every_service_answers_its_health() {
    let (app, aws) = stage().await;
    for service in all::services() {
        let is_http = |function: &&Function| function.triggers.contains(&Trigger::Http);
        let Some(function) = service.functions.iter().find(is_http) else { continue };
        let path = &service.operation("health_get").expect(service.name).path;
        let mut event = sample("planning-api-health");
        event["rawPath"] = path.as_str().into();
        event["requestContext"]["http"]["path"] = path.as_str().into();
        let function = LambdaProcess::start(BINARY, function.name, &app, &aws).await;
        let health = function.invoke(event).await.unwrap();
        assert_eq!(health["statusCode"], 200, "{path}: {health}");
        assert_eq!(body(&health), json!({ "status": "ok" }));
    }
}

#[tokio::test]
async fn mangled_events_get_a_problem_and_the_process_lives_on() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "planning-api", &app, &aws).await;
    for host in ["", "a b", "[::1", "host:notaport", "%", "<x>"] {
        for scheme in ["https", "no scheme", ""] {
            let mut event = sample("planning-api-health");
            event["headers"]["host"] = host.into();
            event["headers"]["x-forwarded-proto"] = scheme.into();
            let answer = function.invoke(event).await.unwrap();
            assert_eq!(answer["statusCode"], 200, "{host:?} {scheme:?}");
        }
    }
    for path in [
        "",
        "x",
        "//",
        "/a b",
        "/ü",
        "/%zz",
        "/a?b#c",
        "/\u{0}",
        "/..",
        "/api/v1/planning/tasks/%2e%2e",
    ] {
        let mut event = sample("planning-api-health");
        event["rawPath"] = path.into();
        let answer = function.invoke(event).await.unwrap();
        let status = answer["statusCode"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{path:?}: {answer}");
        assert!(body(&answer)["code"].is_string(), "{path:?}: {answer}");
    }
    for query in ["&&&", "a=%zz", "x=ü", "limit=1#f", "%00", "a b"] {
        let mut event = with_token(sample("planning-api-project-list"), &app);
        event["rawQueryString"] = query.into();
        let answer = function.invoke(event).await.unwrap();
        assert!(answer["statusCode"].as_u64().unwrap() < 500, "{query:?}: {answer}");
    }
    let mut event = with_token(sample("planning-api-project-create"), &app);
    event["isBase64Encoded"] = true.into();
    event["body"] = "//79".into();
    let answer = function.invoke(event).await.unwrap();
    assert_eq!(answer["statusCode"], 400);
    // What is no gateway event at all is the platform's mistake: an error, and the next one works.
    assert!(function.invoke(json!({ "nonsense": true })).await.is_err());
    let health = function.invoke(sample("planning-api-health")).await.unwrap();
    assert_eq!(health["statusCode"], 200);
}

#[tokio::test]
async fn decoded_and_encoded_paths_reach_the_same_thing() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "planning-api", &app, &aws).await;
    let created = with_token(sample("planning-api-project-create"), &app);
    function.invoke(created).await.unwrap();
    for path in ["/api/v1/planning/projects/WEB", "/api/v1/planning/projects/%57%45%42"] {
        let mut event = with_token(sample("planning-api-project-list"), &app);
        event["rawPath"] = path.into();
        let answer = function.invoke(event).await.unwrap();
        assert_eq!(body(&answer)["key"], "WEB", "{path}");
    }
}

#[tokio::test]
async fn the_consumer_counts_and_answers_for_each_message() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "planning-on-events", &app, &aws).await;
    let mut event = sample("planning-on-events");
    let mut bad = event["Records"][0].clone();
    bad["messageId"] = "bad".into();
    bad["body"] = "no JSON".into();
    event["Records"].as_array_mut().unwrap().push(bad);
    for round in 1..=2 {
        let answer = function.invoke(event.clone()).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        let dead = aws.queued();
        assert_eq!(dead.len(), round, "what can never succeed is put aside at once");
        assert!(dead[0]["QueueUrl"].as_str().unwrap().ends_with("/test-planning-dead-letter"));
        assert_eq!(dead[0]["MessageBody"], "no JSON");
        let attributes = &dead[0]["MessageAttributes"];
        assert_eq!(attributes["code"]["StringValue"], "invalid_request");
        assert_eq!(attributes["messageId"]["StringValue"], "bad");
        assert_eq!(attributes["function"]["StringValue"], "planning-on-events");
        assert!(attributes["reason"]["StringValue"].as_str().unwrap().contains("not JSON"));
    }
    let items = app.database.items().await;
    let summary = items.iter().find(|item| item.sort_key() == "SUMMARY").expect("counts");
    assert_eq!(summary.number("state_to_do"), Some(1));
}

#[tokio::test]
async fn an_import_is_worked_off_by_its_own_function() {
    let (app, aws) = stage().await;
    let api = LambdaProcess::start(BINARY, "planning-api", &app, &aws).await;
    let jobs = LambdaProcess::start(BINARY, "planning-jobs", &app, &aws).await;
    let create = with_token(sample("planning-api-project-create"), &app);
    let project = body(&api.invoke(create.clone()).await.unwrap());
    let call = |method: &str, path: &str, body: Value| {
        let mut event = create.clone();
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["method"] = method.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["body"] = if method == "GET" { Value::Null } else { body.to_string().into() };
        event
    };
    let order = json!({
        "projectId": project["id"],
        "format": "jsonl",
        "source": "lambda",
        "content": "{\"externalId\": \"1\", \"title\": \"A row\"}\n",
    });
    let accepted = api.invoke(call("POST", "/api/v1/planning/imports", order)).await.unwrap();
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    // The sample is of a job that is not there: done, as a repeat would be.
    let mut event = sample("planning-jobs");
    let unknown = jobs.invoke(event.clone()).await.unwrap();
    assert_eq!(unknown, json!({ "batchItemFailures": [] }));
    let message = app.messages_to("planning-jobs").await.remove(0);
    event["Records"][0]["body"] = serde_json::to_string(&message).unwrap().into();
    let worked = jobs.invoke(event).await.unwrap();
    assert_eq!(worked, json!({ "batchItemFailures": [] }));
    let path = accepted["headers"]["location"].as_str().unwrap();
    let job = body(&api.invoke(call("GET", path, Value::Null)).await.unwrap());
    assert_eq!((&job["status"], &job["progress"]["created"]), (&json!("completed"), &json!(1)));
}

/// A service key of the organization of the samples, with the facts that make it good.
async fn service_key(database: &Database, directory: &Database) -> (String, KeyId) {
    let store = database.store();
    let organization = Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(1)), Voucher::Test);
    let (id, secret) = (KeyId::Service(store.ids().next()), "A".repeat(43));
    let now = store.clock().now();
    let mut transaction = store.transaction(&organization);
    transaction.create(&KeyRecord {
        version: 1,
        summary: KeySummary {
            id,
            organization_id: organization.organization().unwrap(),
            user_id: None,
            name: "CI".to_owned(),
            description: String::new(),
            scopes: vec!["planning.*".to_owned()],
            allowed_cidrs: Vec::new(),
            expires_at: now.plus(Duration::from_secs(3_600)),
            last_used_at: None,
            last_used_ip: None,
            created_at: now,
            created_by: "usr_01jdbx0pmgfcevdh08yfgtjb82".to_owned(),
            rotated_at: None,
            revoked_at: None,
            revoked_by: None,
        },
        secrets: vec![SecretHash { hash: secret_hash(&secret), until: None }],
        removed_at: None,
    });
    transaction.commit().await.unwrap();
    let mut facts = directory.store().transaction(&organization);
    facts.put(&OrganizationFacts {
        organization_id: organization.organization().unwrap(),
        status: OrganizationStatus::Active,
        access_version: 1,
        personal_api_keys_allowed: true,
        api_key_max_lifetime_days: 365,
        session_max_age_seconds: None,
        reauth_after: None,
    });
    facts.commit().await.unwrap();
    (written(&id, &secret), id)
}

#[tokio::test]
async fn the_use_of_a_key_is_told_once_and_written_down() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "planning-api", &app, &aws).await;
    let jobs = LambdaProcess::start(BINARY, "auth-jobs", &app, &aws).await;
    let keys = app.database.beside("auth").await;
    let (key, id) = service_key(&keys, &app.database.beside("user-management").await).await;
    let mut event = sample("planning-api-project-list");
    event["headers"]["authorization"] = format!("Bearer {key}").into();
    event["requestContext"]["http"]["sourceIp"] = "203.0.113.7".into();
    for _ in 0..3 {
        let listed = function.invoke(event.clone()).await.unwrap();
        assert_eq!(listed["statusCode"], 200, "{listed}");
    }
    let told = aws.queued();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["QueueUrl"].as_str().unwrap().ends_with("/test-auth-jobs"));
    assert!(!told[0].to_string().contains(&key[17..60]), "no secret");
    let mut batch = sample("planning-jobs");
    batch["Records"][0]["body"] = told[0]["MessageBody"].clone();
    let worked = jobs.invoke(batch).await.unwrap();
    assert_eq!(worked, json!({ "batchItemFailures": [] }));
    let record: KeyRecord = keys.store().get(&id.place()).await.unwrap().unwrap();
    assert!(record.summary.last_used_at.is_some());
    assert_eq!(record.summary.last_used_ip.as_deref(), Some("203.0.113.7"));
    // The same function sweeps.
    jobs.invoke(json!({ "action": "sweep" })).await.unwrap();
}

#[tokio::test]
async fn only_a_direct_invoke_comes_from_a_service() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "auth-api", &app, &aws).await;
    let path = "/api/v1/auth/users/usr_01jdbx0pmgfcevdh08yfgtjb82/data";
    let call = |place: (Option<&str>, &str), headers: &[(&str, &str)]| {
        let mut event = sample("planning-api-health");
        event["rawPath"] = path.into();
        let context = &mut event["requestContext"];
        context["http"]["path"] = path.into();
        context["stage"] = place.1.into();
        match place.0 {
            Some(id) => context["apiId"] = id.into(),
            None => drop(context.as_object_mut().unwrap().remove("apiId")),
        }
        for (name, value) in headers {
            event["headers"][*name] = (*value).into();
        }
        event
    };
    let caller = ("x-millwright-caller", r#"{"service":"user-management"}"#);
    let acting = ("x-millwright-act-for", r#"{"actorId":"usr_01jdbx0pmgfcevdh08yfgtjb82"}"#);
    // The gateway, a function URL, the local watch server; and what else might be tried.
    let outside = [
        (Some("a1b2c3d4e5"), "$default"),
        (Some("abcdefghijklmnopqrstuvwxyz012345"), "$default"),
        (None, "$default"),
        (Some("a1b2c3d4e5"), "internal"),
    ];
    for place in outside {
        for headers in [&[][..], &[caller], &[caller, acting], &[acting]] {
            let answer = function.invoke(call(place, headers)).await.unwrap();
            assert_eq!(answer["statusCode"], 401, "{place:?} {headers:?}: {answer}");
            assert_eq!(body(&answer)["code"], "unauthenticated");
        }
    }
    let direct = (None, "internal");
    let answer = function.invoke(call(direct, &[caller])).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(body(&answer)["items"], json!([]));
    let answer = function.invoke(call(direct, &[caller, acting])).await.unwrap();
    assert_eq!(answer["statusCode"], 403, "{answer}");
    assert_eq!(body(&answer)["code"], "act_for_denied");
}

#[tokio::test]
async fn the_relay_publishes_from_its_stream_and_sweeps() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "relay", &app, &aws).await;
    let answer = function.invoke(sample("relay-stream")).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let published = aws.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["Source"], "millwright.planning");
    assert_eq!(published[0]["DetailType"], "planning.task.created");
    assert_eq!(published[0]["EventBusName"], "test");
    let report = function.invoke(sample("relay-sweep")).await.unwrap();
    assert_eq!(report["test-planning"]["failed"], 0);
}

#[tokio::test]
async fn the_gateway_needs_no_secret() {
    let (app, aws) = stage().await;
    let function = LambdaProcess::start(BINARY, "gateway", &app, &aws).await;
    let root = function.invoke(sample("gateway-root")).await.unwrap();
    assert_eq!(root["statusCode"], 200, "{root}");
    let mut unknown = sample("gateway-root");
    unknown["rawPath"] = "/api/v1/nothing".into();
    let answer = function.invoke(unknown).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
    assert_eq!(body(&answer)["code"], "not_found");
}
