//! /ai/prompts, and prompts in requests

use futures::future::join_all;
use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{
    A, B,
    completions::{
        scene::{MESSAGES, Scene, ask},
        upstream::{Reply, chat},
    },
    made, start,
};

const PROMPTS: &str = "/api/v1/ai/prompts";

/// A prompt with versions of these texts, each with the variable `who`; `production` is the first.
async fn prompt(client: &Client, slug: &str, texts: &[&str]) -> String {
    let id = made(client, PROMPTS, json!({ "slug": slug, "name": format!("The {slug}") })).await;
    let path = format!("{PROMPTS}/{id}");
    for text in texts {
        client.post(&format!("{path}/versions"), version(text)).await.expect(201);
    }
    label(client, &path, "production", 1).await;
    path
}

fn version(text: &str) -> Value {
    let who = json!({ "name": "who", "required": false, "default": "Ada", "maxLength": 9 });
    json!({ "messages": [{ "role": "system", "template": text }], "variables": [who] })
}

async fn label(client: &Client, path: &str, label: &str, version: u32) {
    let path = format!("{path}/labels/{label}");
    client.put_body(&path, json!({ "version": version })).await.expect(200);
}

fn with(prompt: Value) -> Value {
    let mut body = ask("p1/small");
    body["millwright"] = json!({ "prompt": prompt });
    body
}

#[tokio::test]
async fn prompts_are_kept_by_slug_and_archived() {
    let app = start().await;
    let (admin, member) = (app.client(A, "admin"), app.client(A, "member"));
    let path = prompt(&admin, "zz", &["Hello {{ who }}."]).await;
    made(&member, PROMPTS, json!({ "slug": "aa", "name": "Other" })).await;
    let again = json!({ "slug": "zz", "name": "Again" });
    member.post(PROMPTS, again).await.expect_problem(409, "slug_taken");
    let listed = member.all(PROMPTS, 1).await;
    assert_eq!((&listed[0]["slug"], &listed[1]["slug"]), (&json!("aa"), &json!("zz")));
    let found = member.all(&format!("{PROMPTS}?q=THE%20ZZ"), 5).await;
    assert_eq!((found.len(), &found[0]["slug"]), (1, &json!("zz")));
    let changed = member.patch(&path, json!({ "description": "New" })).await.expect(200);
    assert_eq!((&changed["description"], &changed["latestVersion"]), (&json!("New"), &json!(1)));
    member.delete(&path).await.expect(204);
    member.delete(&path).await.expect(204);
    assert_eq!(member.all(PROMPTS, 5).await.len(), 1);
    assert_eq!(member.all(&format!("{PROMPTS}?archived=true"), 5).await.len(), 1);
    let versions = format!("{path}/versions");
    member.post(&versions, version("x")).await.expect_problem(409, "invalid_state");
    member.get(&format!("{versions}/1")).await.expect(200);
    let back = member.patch(&path, json!({ "archived": false })).await.expect(200);
    assert_eq!(back["archived"], false);
    member.post(&versions, version("x")).await.expect(201);
    let said: Vec<String> = app.events().await.into_iter().map(|event| event.kind).collect();
    let told = said.iter().filter(|kind| kind.as_str() == "ai.prompt.archived").count();
    assert_eq!(told, 1, "{said:?}");
}

#[tokio::test]
async fn strangers_find_nothing_and_members_publish_nothing() {
    let app = start().await;
    let path = prompt(&app.client(A, "admin"), "mine", &["Hello."]).await;
    let stranger = app.client(B, "owner");
    let versions = format!("{path}/versions");
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.patch(&path, json!({ "name": "X" })).await.expect_problem(404, "not_found");
    stranger.delete(&path).await.expect_problem(404, "not_found");
    stranger.get(&versions).await.expect_problem(404, "not_found");
    stranger.get(&format!("{versions}/1")).await.expect_problem(404, "not_found");
    stranger.post(&versions, version("x")).await.expect_problem(404, "not_found");
    let render = format!("{path}/render");
    stranger.post(&render, json!({ "version": 1 })).await.expect_problem(404, "not_found");
    let label = format!("{path}/labels/production");
    stranger.put_body(&label, json!({ "version": 1 })).await.expect_problem(404, "not_found");
    let (member, viewer) = (app.client(A, "member"), app.client(A, "viewer"));
    member.put_body(&label, json!({ "version": 1 })).await.expect_problem(403, "forbidden");
    member.delete(&label).await.expect_problem(403, "forbidden");
    viewer.post(&versions, version("x")).await.expect_problem(403, "forbidden");
    viewer.post(&render, json!({})).await.expect(200);
}

#[tokio::test]
async fn versions_are_numbered_without_a_gap_under_32_clients() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let path = prompt(&admin, "many", &["First."]).await;
    let versions = format!("{path}/versions");
    let all = (0..32).map(|number| admin.post(&versions, version(&format!("Text {number}."))));
    let mut numbers: Vec<u64> = Vec::new();
    for answer in join_all(all).await {
        // Whoever loses too often is told so, and made nothing.
        match answer.status.as_u16() {
            201 => numbers.push(answer.expect(201)["version"].as_u64().unwrap()),
            _ => drop(answer.expect_problem(409, "contention")),
        }
    }
    numbers.sort_unstable();
    let expected: Vec<u64> = (2..2 + numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    let listed = admin.all(&versions, 100).await;
    assert_eq!(listed.len(), numbers.len() + 1);
    assert_eq!(listed[0]["version"], *numbers.last().unwrap());
    assert!(listed[0].get("messages").is_none());
    let latest = admin.get(&path).await.expect(200)["latestVersion"].clone();
    assert_eq!(latest, *numbers.last().unwrap());
}

#[tokio::test]
async fn labels_point_at_versions_there_are_and_are_few() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let path = prompt(&admin, "labelled", &["One.", "Two."]).await;
    let at = |label: &str| format!("{path}/labels/{label}");
    admin.put_body(&at("x"), json!({ "version": 3 })).await.expect_problem(404, "not_found");
    let problem = admin.put_body(&at("X"), json!({ "version": 1 })).await;
    problem.expect_problem(400, "invalid_request");
    let own = (0..32).map(|number| {
        let (admin, path) = (admin.clone(), at(&format!("own-{number}")));
        async move { admin.put_body(&path, json!({ "version": 1 })).await.status.as_u16() }
    });
    join_all(own).await;
    // Losers may try again, and still no more than ten fit.
    for number in 0..32 {
        admin.put_body(&at(&format!("own-{number}")), json!({ "version": 2 })).await;
    }
    label(&admin, &path, "staging", 2).await;
    label(&admin, &path, "production", 2).await;
    let labels = admin.get(&path).await.expect(200)["labels"].clone();
    assert_eq!(labels.as_object().unwrap().len(), 12, "{labels}");
    let mut eleventh = (0..32).map(|number| format!("own-{number}"));
    let eleventh = eleventh.find(|name| labels.get(name).is_none()).unwrap();
    let full = admin.put_body(&at(&eleventh), json!({ "version": 1 })).await;
    full.expect_problem(409, "limit_reached");
    admin.delete(&at("production")).await.expect(200);
    let cleared = admin.delete(&at("production")).await.expect(200).clone();
    assert!(cleared["labels"].get("production").is_none());
}

#[tokio::test]
async fn what_cannot_be_rendered_is_not_saved() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let path = prompt(&admin, "strict", &["Hello {{ who }}."]).await;
    let versions = format!("{path}/versions");
    for bad in
        ["{{ unknown }}", "{{ who", "{% include 'x' %}", "{% set a = who %}", "{{ who ~ who }}"]
    {
        let problem = admin.post(&versions, version(bad)).await;
        problem.expect_problem(400, "template_invalid");
    }
    let mut schema = version("Hello.");
    schema["responseSchema"] = json!({ "type": 7 });
    admin.post(&versions, schema).await.expect_problem(400, "schema_invalid");
    let mut misfit = version("Hello.");
    misfit["variables"] = json!([{ "name": "who", "type": "integer", "default": "x" }]);
    misfit["messages"] = json!([]);
    misfit["responseSchema"] = false.into();
    let problem =
        admin.post(&versions, misfit).await.expect_problem(400, "invalid_request").clone();
    let places: Vec<&Value> =
        problem["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    let expected = ["/messages", "/variables/0/default", "/responseSchema"];
    assert_eq!(places, expected.map(Value::from).iter().collect::<Vec<_>>());
    let large = json!({ "role": "user", "template": "x".repeat(65_000) });
    let large = json!({ "messages": vec![large; 5] });
    admin.post(&versions, large).await.expect_problem(400, "template_invalid");
}

#[tokio::test]
async fn a_rendering_shows_what_would_be_sent() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let path = prompt(&admin, "shown", &["Hello {{ who }}.", "Bye {{ who }}."]).await;
    let render = format!("{path}/render");
    let shown = admin.post(&render, json!({ "variables": { "who": "{{ 7 }}" } })).await;
    let shown = shown.expect(200);
    assert_eq!(shown["messages"], json!([{ "role": "system", "content": "Hello {{ 7 }}." }]));
    assert_eq!((&shown["version"], &shown["inputTokens"]), (&json!(1), &json!(5)));
    let second = admin.post(&render, json!({ "version": 2 })).await;
    assert_eq!(second.expect(200)["messages"][0]["content"], "Bye Ada.");
    let both = json!({ "variables": { "who": "0123456789", "other": 1 } });
    let problem = admin.post(&render, both).await.expect_problem(400, "invalid_request").clone();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    for bad in [
        json!({ "label": "staging" }),
        json!({ "version": 3 }),
        json!({ "version": 1, "label": "production" }),
    ] {
        admin.post(&render, bad).await.expect_problem(400, "invalid_request");
    }
    let endless = "{% for a in list %}{% for b in list %}{{ a }}{% endfor %}{% endfor %}";
    let endless = json!({ "messages": [{ "role": "user", "template": endless }],
        "variables": [{ "name": "list", "type": "array" }] });
    let made = admin.post(&format!("{path}/versions"), endless).await.expect(201).clone();
    let list: Vec<u32> = (0..300).collect();
    let wish = json!({ "version": made["version"], "variables": { "list": list } });
    admin.post(&render, wish).await.expect_problem(400, "template_invalid");
    let long = json!({ "messages": vec![json!({ "role": "user", "template": "{{ text }}" }); 2],
        "variables": [{ "name": "text" }] });
    let made = admin.post(&format!("{path}/versions"), long).await.expect(201).clone();
    let wish = json!({ "version": made["version"], "variables": { "text": "x".repeat(200_000) } });
    admin.post(&render, wish).await.expect_problem(400, "template_invalid");
}

#[tokio::test]
async fn a_request_begins_with_its_prompt() {
    let scene = Scene::start("anthropic").await;
    let admin = scene.app.client(A, "admin");
    let path = prompt(&admin, "greeting", &["Greet {{ who }}.", "Leave {{ who }}."]).await;
    label(&admin, &path, "staging", 2).await;
    let wish = json!({ "slug": "greeting", "variables": { "who": "Bob" } });
    let answer = scene.chat(with(wish)).await;
    answer.expect(200);
    let sent = scene.first.calls().remove(0).body;
    assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "Greet Bob." }));
    assert_eq!(sent["messages"][1]["content"], "Say hello.");
    assert!(sent.get("millwright").is_none());
    let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
    let used = log.detail.prompt_version.unwrap();
    assert_eq!((used.version, format!("{PROMPTS}/{}", used.prompt_id)), (1, path.clone()));
    // Its label, no message of its own, and Anthropic's surface.
    let body = json!({
        "model": "p1/small", "max_tokens": 9, "messages": [{ "role": "user", "content": "Go." }],
        "millwright": { "prompt": { "slug": "greeting", "label": "staging" } },
    });
    scene.member().post(MESSAGES, body).await.expect(200);
    let sent = scene.first.calls().remove(1).body;
    assert_eq!(sent["messages"][0]["content"], "Leave Ada.");
    let mut empty = with(json!({ "slug": "greeting", "version": 2 }));
    empty["messages"] = json!([]);
    scene.chat(empty).await.expect(200);
    assert_eq!(scene.first.calls()[2].body["messages"].as_array().unwrap().len(), 1);
    for (bad, param) in [
        (json!({ "slug": "unknown" }), "millwright.prompt.slug"),
        (json!({ "slug": "greeting", "label": "old" }), "millwright.prompt.label"),
        (json!({ "slug": "greeting", "version": 3 }), "millwright.prompt.label"),
        (
            json!({ "slug": "greeting", "variables": { "who": 1 } }),
            "millwright.prompt.variables.who",
        ),
    ] {
        let refused = scene.chat(with(bad)).await;
        assert_eq!(refused.expect(400)["error"]["param"], param);
    }
    admin.delete(&path).await.expect(204);
    scene.chat(with(json!({ "slug": "greeting" }))).await.expect(400);
    assert_eq!(scene.first.calls().len(), 3);
}

#[tokio::test]
async fn a_prompt_fills_in_what_a_request_leaves_open() {
    let scene = Scene::start("openai_compatible").await;
    let admin = scene.app.client(A, "admin");
    let path = prompt(&admin, "person", &["x"]).await;
    let mut body = version("Name somebody.");
    body["modelHint"] = "p1/small".into();
    body["params"] = json!({ "temperature": 0.2, "maxOutputTokens": 50 });
    body["responseSchema"] = json!({ "type": "object", "required": ["name"] });
    admin.post(&format!("{path}/versions"), body).await.expect(201);
    let mut request = with(json!({ "slug": "person", "version": 2 }));
    request["model"] = "auto".into();
    request["millwright"]["repairAttempts"] = 0.into();
    scene.first.next(Reply::Json(200, chat("{\"name\":\"Ada\"}")));
    scene.chat(request.clone()).await.expect(200);
    let sent = scene.first.calls().remove(0).body;
    assert_eq!((&sent["model"], &sent["temperature"]), (&json!("small"), &json!(0.2)));
    assert_eq!(sent["max_completion_tokens"], 50);
    // What does not match is none, since the prompt has a schema.
    scene.first.next(Reply::Json(200, chat("{}")));
    let refused = scene.chat(request.clone()).await;
    assert_eq!(refused.expect(422)["error"]["code"], "schema_mismatch");
    request["temperature"] = 0.9.into();
    request["response_format"] = json!({ "type": "text" });
    scene.first.next(Reply::Json(200, chat("{\"name\":\"Ada\"}")));
    scene.chat(request).await.expect(200);
    assert_eq!(scene.first.calls()[2].body["temperature"], 0.9);
}

#[tokio::test]
async fn a_label_that_moves_under_32_calls_gives_each_one_version() {
    let scene = Scene::start("openai_compatible").await;
    let admin = scene.app.client(A, "admin");
    let path = prompt(&admin, "moving", &["One.", "Two."]).await;
    let calls = (0..32).map(|_| scene.chat(with(json!({ "slug": "moving" }))));
    let moves = async {
        for version in [2, 1, 2, 1, 2] {
            label(&admin, &path, "production", version).await;
        }
    };
    let (answers, ()) = futures::join!(join_all(calls), moves);
    let sent = scene.first.calls();
    let said =
        |text: &str| sent.iter().filter(|it| it.body["messages"][0]["content"] == text).count();
    let (mut one, mut two) = (0, 0);
    for answer in &answers {
        answer.expect(200);
        let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
        match log.detail.prompt_version.map(|it| it.version) {
            Some(1) => one += 1,
            Some(2) => two += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((one, two), (said("One."), said("Two.")));
    assert_eq!(one + two, 32);
    // Moved for good: nobody remembers the old one.
    scene.chat(with(json!({ "slug": "moving" }))).await.expect(200);
    assert_eq!(scene.first.calls()[32].body["messages"][0]["content"], "Two.");
}
