//! Whatever is sent, the answer is a documented 4xx problem and nothing changes.

use crate::{Scene, guarded, speaks_otherwise};

fn garbage() -> Vec<Vec<u8>> {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let mut bodies: Vec<Vec<u8>> = [
        "{",
        "}",
        "[]",
        "[1,2",
        "null",
        "true",
        "1e999",
        "\"\"",
        "\u{0}",
        "{\"\":1}",
        "{\"a\":1}",
        "{\"a\":{\"b\":{}}}",
        "{'a':1}",
        "{\"a\":1}{}",
        "{\"__proto__\":{}}",
        "{\"id\":\"x\"}",
        "\u{feff}{}x",
        "{\"title\":\"\\ud800\"}",
        "<xml/>",
        "a=b",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.extend([
        nested.into_bytes(),
        deep.into_bytes(),
        vec![0xff, 0xfe, 0xfd],
        b"{\"a\":\"\xff\"}".to_vec(),
        vec![b' '; 2 * 1024 * 1024],
        vec![b'{'; 500_000],
    ]);
    bodies
}

#[tokio::test]
async fn garbage_bodies_are_refused_by_every_operation_that_takes_one() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&[]).await;
        for operation in &scene.guarded.service.operations {
            let owner = scene.caller(operation);
            let call = &scene.calls[operation.name];
            if call.body.is_none() {
                continue;
            }
            let is_lenient = speaks_otherwise(operation.name);
            for body in garbage() {
                let object = serde_json::from_slice::<serde_json::Map<_, _>>(&body);
                if is_lenient && object.is_ok() {
                    continue;
                }
                let answer = call.send_body(&owner, Some(body.clone())).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
                assert!(answer.status.is_client_error(), "{}: {shown}: {answer:?}", operation.name);
                scene.check(operation.name, &answer);
            }
        }
        assert_eq!(scene.app.database.snapshot(&[]).await, before);
    }
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_refused_everywhere() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&[]).await;
        for operation in &scene.guarded.service.operations {
            if speaks_otherwise(operation.name) {
                continue;
            }
            let owner = scene.caller(operation);
            let call = &scene.calls[operation.name];
            // A batch answers for each of its operations.
            if let Some(body) = call.body.as_ref().filter(|body| body.is_object()) {
                let mut body = body.clone();
                body["unknownField"] = serde_json::json!(1);
                let answer = call.send_body(&owner, Some(body.to_string().into_bytes())).await;
                let problem = answer.expect_problem(400, "invalid_request");
                assert_eq!(problem["errors"][0]["pointer"], "/unknownField", "{}", operation.name);
                assert_eq!(problem["errors"][0]["code"], "unknown_field");
            }
            if scene.guarded.skipping_unknown.contains(&operation.name) {
                continue;
            }
            let mut call = call.clone();
            let separator = if call.path.contains('?') { '&' } else { '?' };
            call.path = format!("{}{separator}unknownParameter=1", call.path);
            let answer = call.send(&owner).await;
            let problem = answer.expect_problem(400, "invalid_request");
            let pointer = problem["errors"][0]["pointer"].as_str().unwrap();
            assert_eq!(pointer, "query:unknownParameter", "{}", operation.name);
        }
        assert_eq!(scene.app.database.snapshot(&[]).await, before);
    }
}

/// As they stand in a path, and as a handler reads them.
const PATH_VALUES: [(&str, &str); 8] = [
    ("usr_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02q"),
    ("team_01h455vb4pex5vsknk084sn02q", "team_01h455vb4pex5vsknk084sn02q"),
    ("x_1", "x_1"),
    ("-", "-"),
    ("%00", "\0"),
    ("%2F", "/"),
    ("a%20b", "a b"),
    ("%C3%BC", "ü"),
];

/// What the document calls malformed is refused before any read; the rest is not found or answered.
#[tokio::test]
async fn malformed_path_parameters_are_refused_before_any_read() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        for operation in &scene.guarded.service.operations {
            let owner = scene.caller(operation);
            if !operation.path.contains('{') {
                continue;
            }
            let mut refused = 0;
            for (sent, read) in PATH_VALUES {
                let is_proper = scene.guarded.contract.accepts_in_path(
                    operation.method.as_str(),
                    &operation.path,
                    read,
                );
                scene.app.faults().reset_calls();
                let call = scene.calls[operation.name].at(&operation.path, sent);
                let answer = call.send(&owner).await;
                if is_proper {
                    assert!(!answer.status.is_server_error(), "{}: {answer:?}", operation.name);
                    continue;
                }
                let said = scene.expect_problem(operation.name, &answer, 400, "invalid_request");
                if let Some(problem) = said {
                    let pointer = problem["errors"][0]["pointer"].as_str().unwrap();
                    assert!(pointer.starts_with("path:"), "{}: {pointer}", operation.name);
                }
                assert!(scene.app.faults().calls().is_empty(), "{}", operation.name);
                refused += 1;
            }
            assert!(refused > 0, "{}: its path takes anything at all", operation.name);
        }
    }
}
