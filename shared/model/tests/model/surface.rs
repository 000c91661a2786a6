//! Errors of the surfaces.

use millwright_model::{
    Code, Dialect, ErrorClass, Surface, SurfaceError, read_error, read_request,
};
use serde_json::json;

#[test]
fn errors_have_the_shape_of_their_surface() {
    let error = SurfaceError {
        code: Code::QuotaExceeded,
        message: "used up".to_owned(),
        param: Some("model".to_owned()),
    };
    assert_eq!(
        error.body(Surface::OpenAi),
        json!({"error": {"message": "used up", "type": "insufficient_quota", "param": "model",
            "code": "quota_exceeded"}})
    );
    assert_eq!(
        error.body(Surface::Anthropic),
        json!({"type": "error", "error": {"type": "rate_limit_error", "message": "model: used up"}})
    );
    assert_eq!(Code::ProviderUnavailable.status(Surface::OpenAi), 503);
    assert_eq!(Code::ProviderUnavailable.status(Surface::Anthropic), 529);
    assert_eq!(Code::ModelNotFound.kind(Surface::Anthropic), "not_found_error");
}

#[test]
fn what_is_no_request_names_the_field() {
    let user = json!([{"role": "user", "content": "a"}]);
    let cases = [
        (Surface::OpenAi, json!([]), ""),
        (Surface::OpenAi, json!({}), "messages"),
        (Surface::OpenAi, json!({"messages": []}), "messages"),
        (Surface::OpenAi, json!({"messages": "a"}), "messages"),
        (Surface::OpenAi, json!({"messages": [{"role": "x"}]}), "messages[0].role"),
        (Surface::OpenAi, json!({"messages": [{"role": "user"}]}), "messages[0].content"),
        (
            Surface::OpenAi,
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (Surface::OpenAi, json!({"messages": user, "n": 9}), "n"),
        (Surface::OpenAi, json!({"messages": user, "temperature": "hot"}), "temperature"),
        (
            Surface::OpenAi,
            json!({"messages": user, "tools": [{"type": "function"}]}),
            "tools[0].function",
        ),
        (Surface::Anthropic, json!({"messages": user}), "max_tokens"),
        (Surface::Anthropic, json!({"messages": user, "max_tokens": 0}), "max_tokens"),
        (
            Surface::Anthropic,
            json!({"messages": [{"role": "tool", "content": "a"}],
            "max_tokens": 1}),
            "messages[0].role",
        ),
        (
            Surface::Anthropic,
            json!({"messages": user, "max_tokens": 1, "tools": [{"name": "f"}]}),
            "tools[0].input_schema",
        ),
    ];
    for (surface, body, param) in cases {
        let fault = read_request(surface, body.clone()).expect_err("no request");
        assert_eq!(fault.param, param, "{body}");
        assert_eq!(SurfaceError::from(fault).code.status(surface), 400);
    }
}

#[test]
fn upstream_errors_have_a_class() {
    use Dialect::{Anthropic, Ollama, OpenAi};
    let cases = [
        (
            OpenAi,
            429,
            r#"{"error":{"message":"slow","type":"x","code":"rate_limit_exceeded"}}"#,
            ErrorClass::RateLimit,
        ),
        (
            OpenAi,
            400,
            r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
            ErrorClass::ContextLength,
        ),
        (
            OpenAi,
            400,
            r#"{"error":{"message":"no","code":"content_filter"}}"#,
            ErrorClass::ContentFilter,
        ),
        (OpenAi, 401, "", ErrorClass::Auth),
        (OpenAi, 502, "<html>", ErrorClass::ServerError),
        (OpenAi, 504, "null", ErrorClass::Timeout),
        (OpenAi, 422, r#"[{"error":"bad"}]"#, ErrorClass::InvalidRequest),
        (
            Anthropic,
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            ErrorClass::Overloaded,
        ),
        (
            Anthropic,
            400,
            r#"{"error":{"type":"invalid_request_error",
            "message":"prompt is too long: 210000 tokens"}}"#,
            ErrorClass::ContextLength,
        ),
        (Ollama, 404, r#"{"error":"model 'x' not found"}"#, ErrorClass::InvalidRequest),
        (Ollama, 500, r#"{"error":{"message":"m"}}"#, ErrorClass::ServerError),
    ];
    for (dialect, status, body, class) in cases {
        assert_eq!(read_error(dialect, status, body.as_bytes()).class, class, "{body}");
    }
    assert_eq!(read_error(OpenAi, 422, br#"[{"error":"bad"}]"#).message, "bad");
}
