//! The API document, derived from the signatures of handlers. Runs in `xtask` and tests only.

use std::collections::BTreeMap;

use millwright_core::Code;
use millwright_identity::Permission;
use serde_json::{Map, Value, json};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Schema, path::ParameterIn},
};

/// What an argument or answer adds to the description of its operation.
pub trait Describe {
    /// True for arguments that read the query.
    const TAKES_QUERY: bool = false;

    fn describe(document: &mut OperationDocument);
}

/// State and the like say nothing of the API.
impl<S> Describe for axum::extract::State<S> {
    fn describe(_document: &mut OperationDocument) {}
}

/// The description of one operation while it is put together.
#[derive(Debug, Default)]
pub struct OperationDocument {
    pub(crate) path_parameters: Vec<Value>,
    pub(crate) parameters: Vec<Value>,
    pub(crate) request_body: Option<Value>,
    pub(crate) responses: BTreeMap<u16, Value>,
    pub(crate) schemas: Vec<(String, Value)>,
    pub(crate) input_schemas: Vec<String>,
    pub(crate) needs_credential: bool,
    pub(crate) permission: Option<&'static Permission>,
}

impl OperationDocument {
    /// A credential, and the permission if one is needed.
    pub fn requires(&mut self, permission: Option<&'static Permission>) {
        self.needs_credential = true;
        self.permission = permission;
        self.problem(401, "unauthenticated", "No valid credential");
        self.problem(403, "forbidden", "The role lacks the permission");
        self.problem(429, "rate_limited", "Too many requests");
    }

    pub fn body<T: ToSchema>(&mut self) {
        self.input_schemas.push(T::name().into_owned());
        let schema = self.schema::<T>();
        self.request_body = Some(json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        }));
        self.problem(400, "invalid_request", "The request is not valid");
        self.problem(413, "too_large", "The body exceeds 1 MB");
        self.problem(415, "unsupported_media_type", "The body is not JSON");
    }

    /// The body may also be sent as this media type.
    pub fn body_also_as(&mut self, media_type: &str) {
        if let Some(body) = &mut self.request_body {
            let schema = body["content"]["application/json"].clone();
            body["content"][media_type] = schema;
        }
    }

    /// The body may also be a text of this media type.
    pub fn body_also_as_text(&mut self, media_type: &str) {
        if let Some(body) = &mut self.request_body {
            body["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
    }

    pub fn idempotent(&mut self) {
        self.parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes the request happen at most once in 24 hours: a repeat with the \
                            same body gets the first answer again",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
        self.problem(400, "invalid_request", "The request is not valid");
        self.problem(409, "idempotency_in_flight", "Not possible in the current state");
        self.problem(
            422,
            "idempotency_mismatch",
            "The idempotency key was used for another request",
        );
    }

    pub fn path_parameters(&mut self, schemas: Vec<RefOr<Schema>>) {
        self.path_parameters = schemas.into_iter().map(to_json).collect();
        self.problem(400, "invalid_request", "The request is not valid");
        self.problem(404, "not_found", "Not found, or of another organization");
    }

    pub fn query_parameters<T: IntoParams>(&mut self) {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            let parameter = serde_json::to_value(parameter).unwrap_or_default();
            self.parameters.push(parameter);
        }
        self.problem(400, "invalid_request", "The request is not valid");
    }

    pub fn paged(&mut self, default: usize, max: usize) {
        self.parameters.push(json!({
            "name": "limit",
            "in": "query",
            "description": "Most items of the page",
            "schema": { "type": "integer", "minimum": 1, "maximum": max, "default": default },
        }));
        self.parameters.push(json!({
            "name": "cursor",
            "in": "query",
            "description": "`nextCursor` of the page before; good for the same filters only",
            "schema": { "type": "string", "maxLength": 4096 },
        }));
    }

    pub fn conditional_write(&mut self) {
        self.parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The ETag that was read: refused if it is no longer current",
            "schema": { "type": "string" },
        }));
        self.problem(412, "version_stale", "It has changed meanwhile");
    }

    pub fn conditional_read(&mut self) {
        // Only a GET reads; `Api` drops it for other methods.
        let header = json!({
            "name": "If-None-Match",
            "in": "header",
            "description": "The ETag that was read: 304 if it is still current",
            "schema": { "type": "string" },
        });
        self.parameters.push(header);
        self.responses.insert(304, json!({ "description": "Not modified" }));
    }

    pub fn answer<T: ToSchema>(&mut self, status: u16, description: &str) {
        let schema = self.schema::<T>();
        self.responses.insert(
            status,
            json!({
                "description": description,
                "content": { "application/json": { "schema": schema } },
            }),
        );
    }

    /// An answer that is not JSON.
    pub fn answer_text(&mut self, status: u16, media_type: &str, description: &str) {
        let content = json!({ media_type: { "schema": { "type": "string" } } });
        let answer = json!({ "description": description, "content": content });
        self.responses.insert(status, answer);
    }

    /// The answer may also be text of this media type.
    pub fn answer_also_text(&mut self, status: u16, media_type: &str) {
        if let Some(answer) = self.responses.get_mut(&status) {
            answer["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
    }

    pub fn answer_page<T: ToSchema>(&mut self) {
        let items = self.schema::<T>();
        let name = format!("{}Page", T::name());
        let page = json!({
            "type": "object",
            "description": "A page; the list ends where nextCursor is null",
            "required": ["items", "nextCursor"],
            "properties": {
                "items": { "type": "array", "items": items, "maxItems": 100 },
                "nextCursor": { "type": ["string", "null"] },
            },
        });
        self.schemas.push((name.clone(), page));
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let content = json!({ "application/json": { "schema": schema } });
        self.responses.insert(200, json!({ "description": "OK", "content": content }));
    }

    pub fn empty_answer(&mut self, status: u16, description: &str) {
        self.responses.insert(status, json!({ "description": description }));
    }

    pub fn answer_header(&mut self, status: u16, name: &str, description: &str) {
        if let Some(response) = self.responses.get_mut(&status) {
            response["headers"][name] =
                json!({ "description": description, "schema": { "type": "string" } });
        }
    }

    /// A form (`application/x-www-form-urlencoded`) whose fields an RFC names.
    pub fn form(&mut self) {
        self.request_body = Some(json!({
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": { "type": "object" } } },
        }));
    }

    /// An error that is no problem (RFC 9457): an RFC wants it otherwise.
    pub fn own_problem<T: ToSchema>(&mut self, status: u16, description: &str) {
        let schema = self.schema::<T>();
        let before = self.responses.remove(&status);
        let mut content = json!({ "application/json": { "schema": schema } });
        let mut answer = json!({ "description": description });
        // What stops a request before its handler speaks of problems all the same.
        if let Some(before) = before {
            content["application/problem+json"] =
                before["content"]["application/problem+json"].clone();
            answer["x-codes"] = before["x-codes"].clone();
        }
        answer["content"] = content;
        self.responses.insert(status, answer);
    }

    /// A problem answer; codes of the same status are collected in `x-codes`.
    pub fn problem(&mut self, status: u16, code: &str, description: &str) {
        let response = self.responses.entry(status).or_insert_with(|| {
            let content =
                json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
            json!({ "description": description, "content": content, "x-codes": [] })
        });
        if let Some(codes) = response["x-codes"].as_array_mut()
            && !codes.iter().any(|known| known == code)
        {
            codes.push(json!(code));
        }
    }

    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut referenced = Vec::new();
        T::schemas(&mut referenced);
        self.schemas.extend(referenced.into_iter().map(|(name, schema)| (name, to_json(schema))));
        self.schemas.push((T::name().into_owned(), to_json(T::schema())));
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}

pub(crate) fn to_json(schema: RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// The schema of problems with the closed list of codes.
pub(crate) fn problem_schema(codes: &[&Code]) -> Value {
    let mut names: Vec<&str> = codes.iter().map(|code| code.name).collect();
    names.sort_unstable();
    names.dedup();
    let fault_codes: Vec<&str> =
        millwright_core::FaultCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457). Some codes carry further members.",
        "required": ["type", "title", "status", "code", "instance", "requestId"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": names },
            "detail": { "type": "string", "description": "What to do about it" },
            "instance": { "type": "string", "description": "Path of the request" },
            "requestId": { "type": "string" },
            "errors": {
                "type": "array",
                "maxItems": 50,
                "items": {
                    "type": "object",
                    "required": ["pointer", "code", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "JSON Pointer into the body, or path:, query:, header: and a name",
                        },
                        "code": { "type": "string", "enum": fault_codes },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
        "additionalProperties": true,
    })
}

/// Calls `change` for every `$ref` below `value`.
pub(crate) fn each_reference(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            if members.get("$ref").is_some_and(Value::is_string) {
                change(members);
            }
            for member in members.values_mut() {
                each_reference(member, change);
            }
        }
        Value::Array(values) => {
            for value in values {
                each_reference(value, change);
            }
        }
        _ => {}
    }
}
