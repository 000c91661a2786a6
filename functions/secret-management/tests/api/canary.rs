//! Marked values go through every operation; afterwards they are looked for everywhere: tables, events,
//! queues, logs, answers that give no values, the document.

use std::{
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_testkit::{Answer, Client, TestApp};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::{
    A, B, PATH, create, start,
    work::{HOUR, Jobs},
};

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fifty random marks, and what is said where no value may be.
struct Watch {
    marks: Vec<String>,
    used: usize,
    said: Vec<String>,
}

impl Watch {
    fn new() -> Watch {
        let mut random = rand::rngs::StdRng::seed_from_u64(4711);
        let mark = |_| {
            // With characters that URL-encoding changes.
            let letters: String =
                (0..24).map(|_| char::from(b'a' + random.random_range(0..26u8))).collect();
            format!("{}+/{}=", &letters[..12], &letters[12..])
        };
        Watch { marks: (0..50).map(mark).collect(), used: 0, said: Vec::new() }
    }

    fn next(&mut self) -> String {
        self.used += 1;
        self.marks[(self.used - 1) % self.marks.len()].clone()
    }

    /// An answer that may not have a value in it.
    fn hear(&mut self, answer: Answer) -> Value {
        self.said.push(format!("{:?} {}", answer.headers, answer.text));
        answer.json()
    }

    /// In clear, in base64, URL-encoded, and the halves of each mark.
    fn forms(&self) -> Vec<String> {
        let forms = |mark: &String| {
            let encoded: String = mark
                .bytes()
                .map(|b| match b {
                    b'a'..=b'z' => char::from(b).to_string(),
                    b => format!("%{b:02X}"),
                })
                .collect();
            // Base64 at any of the three offsets has the middle of it in common.
            let inner: Vec<String> = (0..3)
                .map(|skip| STANDARD.encode(&mark.as_bytes()[skip..])[..16].to_owned())
                .collect();
            let halves = [mark[..12].to_owned(), mark[14..26].to_owned(), encoded];
            halves.into_iter().chain(inner)
        };
        self.marks.iter().flat_map(forms).collect()
    }
}

/// Each type of secret, made of marks.
fn values(watch: &mut Watch) -> Vec<(&'static str, Value)> {
    vec![
        ("api_key", json!({ "key": watch.next() })),
        ("oauth2_token", json!({ "accessToken": watch.next(), "refreshToken": watch.next() })),
        ("username_password", json!({ "username": watch.next(), "password": watch.next() })),
        (
            "connection_string",
            json!({ "connectionString": format!("Server=db;Password={}", watch.next()) }),
        ),
        ("json_credential", json!({ "credential": { "deep": [watch.next()] } })),
        ("env_variable_set", json!({ "variables": { "A": watch.next(), "B": watch.next() } })),
        ("generic", json!({ "value": watch.next() })),
    ]
}

async fn go_through(app: &TestApp, watch: &mut Watch) {
    let owner = app.client(A, "owner");
    let (viewer, foreign) = (app.client(A, "viewer"), app.client(B, "owner"));
    let key = [("idempotency-key", "canary")];
    for (kind, value) in values(watch) {
        let body = json!({
            "name": format!("c/{kind}"), "type": kind, "scope": "organization", "value": value,
        });
        let path = format!("{PATH}/{}", {
            let made = owner.post_with(PATH, &[("idempotency-key", kind)], body.clone()).await;
            watch.hear(made)["id"].as_str().unwrap().to_owned()
        });
        // The same again: replayed, taken, of another form, by who may not.
        watch.hear(owner.post_with(PATH, &[("idempotency-key", kind)], body.clone()).await);
        watch.hear(owner.post(PATH, body.clone()).await).to_string();
        watch.hear(viewer.post(PATH, body).await);
        for client in [&owner, &viewer, &foreign] {
            on_one(client, &path, &value, watch).await;
        }
        let wrong = json!({ "value": { "unknown": watch.next(), "key": [watch.next()] } });
        watch.hear(owner.post_with(&format!("{path}/versions"), &key, wrong).await);
        let broken = format!("{{\"value\": {{\"key\": \"{}\"", watch.next());
        let json = [("content-type", "application/json")];
        let versions = format!("{path}/versions");
        let method = axum::http::Method::POST;
        watch.hear(owner.send(method.clone(), &versions, &json, broken).await);
        let bad_type = format!("\"{}\"", watch.next());
        watch.hear(owner.send(method, &versions, &json, bad_type).await);
    }
    Box::pin(through_the_rest(app, &owner, watch)).await;
}

async fn on_one(client: &Client, path: &str, value: &Value, watch: &mut Watch) {
    let at = |suffix: &str| format!("{path}{suffix}");
    watch.hear(client.post(&at("/versions"), json!({ "value": value })).await);
    watch.hear(client.post(&at("/versions"), json!({ "value": value, "stage": "pending" })).await);
    watch.hear(client.post(&at("/versions/3/promote"), json!({})).await);
    watch.hear(
        client
            .post(&at("/versions"), json!({ "value": value, "expectedCurrentVersion": 99 }))
            .await,
    );
    watch.hear(client.post(&at("/rollback"), json!({ "version": 1 })).await);
    watch.hear(client.post(&at("/rotate"), json!({ "value": value })).await);
    // These give values away: their answers may have them.
    client.post(&at("/reveal"), json!({ "reason": "canary" })).await;
    client.post(&at("/reveal"), json!({ "version": 1 })).await;
    let id = path.rsplit('/').next().unwrap();
    client.post(&format!("{PATH}/resolve"), json!({ "references": [id] })).await;
    let template = json!({ "template": format!("x {{{{secret:{id}}}}} y") });
    client.post(&format!("{PATH}/resolve-template"), template).await;
    let strict = json!({ "template": [format!("{{{{secret:{id}}}}}"), "{{secret:none/such}}"] });
    watch.hear(client.post(&format!("{PATH}/resolve-template"), strict).await);
    for suffix in
        ["", "/versions", "/versions/1", "/grants", "/bindings", "/rotations", "/accesses"]
    {
        watch.hear(client.get(&at(suffix)).await);
    }
    watch.hear(client.patch(path, json!({ "description": "marked" })).await);
    watch.hear(client.post(&at("/disable"), json!({})).await);
    watch.hear(client.post(&at("/reveal"), json!({})).await);
    watch.hear(client.post(&at("/enable"), json!({})).await);
    watch.hear(client.delete(&at("/versions/1")).await);
    watch.hear(client.post(&at("/reveal"), json!({ "version": 1 })).await);
    watch.hear(client.post(&at("/versions/1/restore"), json!({})).await);
    watch.hear(client.post(&at("/versions/2/destroy"), json!({})).await);
    watch.hear(client.get(PATH).await);
    watch.hear(client.delete(path).await);
    watch.hear(client.post(&at("/restore"), json!({})).await);
}

async fn through_the_rest(app: &TestApp, owner: &Client, watch: &mut Watch) {
    let kv = |path: &str| format!("{PATH}/kv/v1/secret/{path}");
    let write = json!({ "data": { "password": watch.next() } });
    watch.hear(owner.post(&kv("data/kv/one"), write.clone()).await);
    watch.hear(owner.post(&kv("data/kv/one"), write.clone()).await);
    let mut refused = write;
    refused["options"] = json!({ "cas": 7 });
    watch.hear(owner.post(&kv("data/kv/one"), refused).await);
    owner.get(&kv("data/kv/one")).await.expect(200);
    watch.hear(owner.get(&kv("metadata/kv/one")).await);
    watch.hear(owner.get(&kv("metadata/kv?list=true")).await);
    watch.hear(owner.delete(&kv("data/kv/one")).await);
    watch.hear(owner.get(&kv("data/kv/one")).await);
    Box::pin(through_files(owner, watch)).await;
    Box::pin(without_a_request(app, watch)).await;
    let owner = &app.client(A, "owner");
    while watch.used < watch.marks.len() {
        let body = json!({
            "name": format!("more/n{}", watch.used), "type": "generic", "scope": "user",
            "value": { "value": watch.next() },
        });
        let path = create(owner, body).await;
        watch.hear(owner.get(&path).await);
    }
    for suffix in ["/settings", "/data-keys", "/accesses", "/generation-policies"] {
        watch.hear(owner.get(&format!("{PATH}{suffix}")).await);
    }
    // A process that is killed while it writes, and one whose table does not answer.
    let body = json!({
        "name": "killed", "type": "api_key", "scope": "organization",
        "value": { "key": watch.next() },
    });
    let instance = app.instance();
    instance.faults().crash(millwright_testkit::CrashPoint::After(2));
    let late = instance.client(A, "owner");
    let writing = late.post(PATH, body.clone());
    tokio::select! {
        _ = writing => {}
        () = instance.faults().crashed() => {}
    }
    let path = create(
        owner,
        json!({
            "name": "gone", "type": "generic", "scope": "organization",
            "value": { "value": watch.next() },
        }),
    )
    .await;
    let instance = app.instance();
    let late = instance.client(A, "owner");
    late.post(&format!("{path}/reveal"), json!({})).await.expect(200);
    instance.faults().outage(true);
    watch.hear(late.post(&format!("{path}/reveal"), json!({})).await);
    watch.hear(late.post(PATH, body).await);
}

async fn through_files(owner: &Client, watch: &mut Watch) {
    let import = format!("{PATH}/import");
    let file = |content: String| {
        json!({ "format": "dotenv", "scope": "organization", "namePrefix": "file/",
            "content": content })
    };
    let (one, two) = (watch.next(), watch.next());
    let mine = file(format!("ONE='{one}'\nTWO=\"{two}\"\n"));
    watch.hear(owner.post_with(&import, &[("idempotency-key", "file")], mine.clone()).await);
    watch.hear(owner.post_with(&import, &[("idempotency-key", "file")], mine.clone()).await);
    watch.hear(owner.post(&import, mine).await);
    let (one, two) = (watch.next(), watch.next());
    for content in [
        format!("ONE='{one}'\n"),
        format!("{one}\nTWO=\"{two}"),
        format!("ONE={one}\nONE={two}\n"),
        format!("THREE='{one}' {two}\n"),
    ] {
        watch.hear(owner.post(&import, file(content)).await);
    }
    let mut json = file(json!({ "ONE": watch.next(), "TWO": [watch.next()] }).to_string());
    json["format"] = json!("json");
    watch.hear(owner.post(&import, json.clone()).await);
    json["content"] = json!(format!("{{ \"A\": \"{}\"", watch.next()));
    watch.hear(owner.post(&import, json).await);
    for format in ["dotenv", "json"] {
        let export = format!("{PATH}/export");
        let mut body = json!({ "format": format, "scope": "organization", "namePrefix": "file/" });
        let names = owner.post(&export, body.clone()).await;
        assert_eq!(names.status, 200);
        watch.said.push(format!("{:?} {}", names.headers, names.text));
        // This one gives values away.
        body["includeValues"] = json!(true);
        assert_eq!(owner.post(&export, body).await.status, 200);
    }
}

/// Rotations, another data key, purges and what else the jobs do; some of them die on the way.
async fn without_a_request(app: &TestApp, watch: &mut Watch) {
    let owner = app.client(A, "owner");
    let rotated = json!({
        "name": "work/login", "type": "username_password", "scope": "organization",
        "value": { "username": watch.next(), "password": watch.next() },
        "rotation": { "mode": "scheduled", "intervalDays": 1, "strategy": "confirm",
            "confirmWithinSeconds": 300, "generate": {} },
    });
    let rotated = create(&owner, rotated).await;
    let gone = json!({
        "name": "work/gone", "type": "generic", "scope": "organization",
        "value": { "value": watch.next() },
    });
    let gone = create(&owner, gone).await;
    owner.delete(&gone).await.expect(204);
    let confirm = json!({ "confirmName": "work/gone" });
    watch.hear(owner.post(&format!("{gone}/purge"), confirm).await);
    let job = owner.post(&format!("{PATH}/data-keys/rotate"), json!({})).await;
    let place = job.header("location").unwrap().to_owned();
    watch.hear(job);
    let mut jobs = Jobs::of(app, 2);
    jobs.drain_crashing(|number| match number {
        0..3 => Some(millwright_testkit::CrashPoint::After(5 + number)),
        _ => None,
    })
    .await;
    watch.hear(owner.get(&place).await);
    for _ in 0..2 {
        app.database.clock.advance(25 * HOUR);
        jobs.sweep().await;
    }
    let owner = app.client(A, "owner");
    watch.hear(owner.get(&format!("{rotated}/rotations")).await);
    watch.hear(owner.get(&rotated).await);
    watch.hear(owner.get(&format!("{PATH}/posture")).await);
}

#[tokio::test]
async fn fifty_marks_are_found_nowhere_in_clear() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let app = start().await;
    let owner = app.client(A, "owner");
    let many = json!({ "revealsPerMinuteUser": 600 });
    owner.patch(&format!("{PATH}/settings"), many).await.expect(200);
    let mut watch = Watch::new();
    go_through(&app, &mut watch).await;
    assert!(watch.used >= 50, "{} marks were used", watch.used);

    let mut places: Vec<(&str, String)> = Vec::new();
    places.extend(watch.said.iter().map(|text| ("answer", text.clone())));
    // Bytes are shown as numbers there: sealed ones are searched as they are.
    places.extend(app.database.snapshot(&[]).await.into_iter().map(|text| ("table", text)));
    for item in app.database.items().await {
        for value in item.attributes().values() {
            places.push(("attribute", bytes_in(value)));
        }
    }
    for entry in app.outbox().await {
        places.push(("event", serde_json::to_string(&entry).unwrap()));
    }
    places.push(("document", (secret_management::service().openapi)().to_string()));
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("secret_reveal"), "the log was heard");
    // What tests send is in the log of the HTTP client of theirs; ours are the lines of our crates.
    places.push(("log", logged));
    let forms = watch.forms();
    for (place, text) in &places {
        if let Some(form) = forms.iter().find(|form| text.contains(form.as_str())) {
            let at = text.find(form.as_str()).unwrap();
            let from = text[..at].char_indices().rev().nth(200).map_or(0, |(index, _)| index);
            panic!("{form} in a {place}: {}", &text[from..at + form.len()]);
        }
    }
    assert!(places.len() > 300, "{} places were searched", places.len());
}

/// Every sequence of bytes within an attribute, as text.
fn bytes_in(value: &aws_sdk_dynamodb::types::AttributeValue) -> String {
    use aws_sdk_dynamodb::types::AttributeValue;
    match value {
        AttributeValue::B(bytes) => String::from_utf8_lossy(bytes.as_ref()).into_owned(),
        AttributeValue::M(members) => members.values().map(bytes_in).collect(),
        AttributeValue::L(values) => values.iter().map(bytes_in).collect(),
        AttributeValue::S(text) => text.clone(),
        _ => String::new(),
    }
}
