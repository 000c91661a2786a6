//! Whatever is sent: a clear problem, and nothing changes. What holds for every operation of every
//! service is in the guards of functions/all.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::{A, app, path_of, project, task};

const TASKS: &str = "/api/v1/planning/tasks";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let app = app().await;
    let body = json!({
        "projectId": "task_01h455vb4pex5vsknk084sn02q", "title": "", "typo": 1, "points": "3",
        "dueDate": "tomorrow", "labels": ["a,b"], "type": "epic",
    });
    let answer = app.client(A, "member").post(TASKS, body).await;
    let problem = answer.expect_problem(400, "invalid_request");
    let mut faults: Vec<(String, String)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            (fault["pointer"].as_str().unwrap().into(), fault["code"].as_str().unwrap().into())
        })
        .collect();
    faults.sort();
    let expected = [
        ("/dueDate", "bad_format"),
        ("/labels/0", "bad_format"),
        ("/points", "wrong_type"),
        ("/projectId", "bad_format"),
        ("/title", "too_short"),
        ("/type", "not_allowed"),
        ("/typo", "unknown_field"),
    ];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(p, c)| ((*p).to_owned(), (*c).to_owned())).collect();
    assert_eq!(faults, expected);
}

#[tokio::test]
async fn bodies_that_are_no_json_of_ours_are_refused() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let before = app.database.snapshot(&[]).await;
    let nested = |open: &str, close: &str| {
        format!("{{\"title\":{}{}}}", open.repeat(10_000), close.repeat(10_000))
    };
    let bodies: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"{".to_vec(), 400, "invalid_request"),
        (b"[]".to_vec(), 400, "invalid_request"),
        (b"null".to_vec(), 400, "invalid_request"),
        (b"\"text\"".to_vec(), 400, "invalid_request"),
        (b"{\"title\": NaN}".to_vec(), 400, "invalid_request"),
        (b"{\"title\": \"\xff\xfe\"}".to_vec(), 400, "invalid_request"),
        (b"{\"title\": \"\\ud800\"}".to_vec(), 400, "invalid_request"),
        (nested("[", "]").into_bytes(), 400, "invalid_request"),
        (nested("{\"a\":", "}").into_bytes(), 400, "invalid_request"),
        ("[".repeat(10_000).into_bytes(), 400, "invalid_request"),
        (vec![b' '; 2 * 1024 * 1024], 413, "too_large"),
        (
            json!({ "projectId": id, "title": "T", "description": "x".repeat(2 * 1024 * 1024) })
                .to_string()
                .into_bytes(),
            413,
            "too_large",
        ),
    ];
    for (body, status, code) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = member.send(Method::POST, TASKS, &JSON, Body::from(body)).await;
        assert_eq!(answer.status.as_u16(), status, "{shown}: {answer:?}");
        answer.expect_problem(status, code);
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn only_json_is_taken() {
    let app = app().await;
    let member = app.client(A, "member");
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("content-type", media_type)];
        let answer = member.send(Method::POST, TASKS, &headers, Body::from("{}")).await;
        answer.expect_problem(415, "unsupported_media_type");
    }
    let headers = [("content-type", "application/json; charset=utf-8")];
    let answer = member.send(Method::POST, TASKS, &headers, Body::from("{}")).await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn unknown_and_malformed_parameters_are_refused() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for (query, pointer, code) in [
        ("typo=1", "query:typo", "unknown_field"),
        ("limit=0", "query:limit", "too_small"),
        ("limit=101", "query:limit", "too_large"),
        ("limit=ten", "query:limit", "wrong_type"),
        ("limit=1&limit=2", "query:limit", "duplicate"),
        ("state=started", "query:state", "not_allowed"),
        ("state=done&state=review", "query:state", "wrong_type"),
        ("unassigned=yes", "query:unassigned", "bad_format"),
        ("dueBefore=soon", "query:dueBefore", "bad_format"),
        ("titleContains=x", "query:titleContains", "too_short"),
    ] {
        let answer = member.get(&format!("{TASKS}?projectId={id}&{query}")).await;
        let problem = answer.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
        assert_eq!(problem["errors"][0]["code"], code, "{query}");
    }
}

#[tokio::test]
async fn ids_of_another_noun_are_refused_before_any_read() {
    let app = app().await;
    let member = app.client(A, "member");
    app.faults().reset_calls();
    for id in [
        "prj_01h455vb4pex5vsknk084sn02q",
        "task_01h455vb4pex5vsknk084sn02",
        "task_81h455vb4pex5vsknk084sn02q",
        "TASK_01h455vb4pex5vsknk084sn02q",
        "WEB-0",
        "WEB",
        "%2e%2e",
        "a%20b",
        "%00",
        "x%27--",
        &"a".repeat(300),
    ] {
        let answer = member.get(&format!("{TASKS}/{id}")).await;
        let problem = answer.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "path:id", "{id}");
    }
    assert!(app.faults().calls().is_empty());
}

#[tokio::test]
async fn malformed_preconditions_are_refused() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let path = path_of(&task(&member, &id, "T").await);
    for tag in ["1", "\"1", "\"1\",\"2\"", ""] {
        let answer = member.patch_if(&path, tag, json!({ "title": "U" })).await;
        let problem = answer.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "header:If-Match");
    }
    for tag in ["\"abc\"", "W/\"1\"", "\"0\""] {
        member
            .patch_if(&path, tag, json!({ "title": "U" }))
            .await
            .expect_problem(412, "version_stale");
    }
    member.patch_if(&path, "*", json!({ "title": "U" })).await.expect(200);
}

#[tokio::test]
async fn malformed_idempotency_keys_are_refused() {
    let app = app().await;
    let member = app.client(A, "member");
    let body = json!({ "key": "WEB", "name": "W" });
    for key in ["", "\"\"", "with space", &"x".repeat(256)] {
        let headers = [("idempotency-key", key)];
        let answer = member.post_with("/api/v1/planning/projects", &headers, body.clone()).await;
        let problem = answer.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "header:Idempotency-Key");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = app().await;
    let member = app.client(A, "member");
    for path in [
        "/",
        "/api/v1/planning",
        "/api/v1/planning/nothing",
        "/api/v1/planning/tasks/WEB-1/x",
        "//",
    ] {
        member.get(path).await.expect_problem(404, "not_found");
    }
    let answer = member.send(Method::PUT, TASKS, &JSON, Body::from("{}")).await;
    answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, GET"));
}

#[tokio::test]
async fn callers_are_limited_each_for_itself() {
    let app = app().await;
    let limited = app.limited(1);
    let (one, two) = (limited.client(A, "member"), limited.client(A, "owner"));
    let projects = "/api/v1/planning/projects";
    let first = one.get(projects).await;
    first.expect(200);
    assert_eq!(first.header("ratelimit-policy"), Some("\"default\";q=2;w=2"));
    assert_eq!(first.header("ratelimit"), Some("\"default\";r=1;t=1"));
    one.get(projects).await.expect(200);
    let refused = one.get(projects).await;
    refused.expect_problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    two.get(projects).await.expect(200);
}

#[tokio::test]
async fn every_answer_carries_the_agreed_headers() {
    let app = app().await;
    let member = app.client(A, "member");
    let headers = [
        ("x-request-id", "request-0001"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("origin", "https://app.example.org"),
    ];
    for path in ["/api/v1/planning/projects", "/api/v1/planning/nothing"] {
        let answer = member.send(Method::GET, path, &headers, Body::empty()).await;
        assert_eq!(answer.header("x-request-id"), Some("request-0001"));
        assert!(
            answer
                .header("traceparent")
                .unwrap()
                .starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("strict-transport-security").is_some());
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.org"));
    }
    let stranger = [("origin", "https://evil.example.org")];
    let answer =
        member.send(Method::GET, "/api/v1/planning/projects", &stranger, Body::empty()).await;
    assert!(answer.header("access-control-allow-origin").is_none());
    let preflight = [
        ("origin", "https://app.example.org"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,if-match"),
    ];
    let answer = member.send(Method::OPTIONS, TASKS, &preflight, Body::empty()).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PATCH"));
}
