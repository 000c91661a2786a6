//! One operation as the page shows it.

use http::StatusCode;
use millwright_core::{Code, codes};
use millwright_manifest::{Access, Method, Operation, Presence, Service};
use serde::Serialize;
use serde_json::Value;

use super::{
    members,
    schema::{Field, Nested, Schemas},
    text,
};

#[derive(Debug, Serialize)]
pub(super) struct OperationView {
    /// `planning.task_create`.
    id: String,
    method: &'static str,
    path_html: String,
    summary: String,
    description_html: String,
    access: AccessView,
    /// Why an API key will not do.
    presence: Option<&'static str>,
    for_people_only: bool,
    on_behalf: bool,
    /// Those of the path, the query, the headers.
    parameters: Vec<Parameters>,
    body: Option<Body>,
    answers: Vec<Answer>,
    problems: Vec<ProblemView>,
    curl: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum AccessView {
    Public,
    Authenticated,
    SignedIn,
    Operator,
    Permission { code: &'static str, summary: &'static str, roles: Vec<&'static str> },
}

#[derive(Debug, Serialize)]
struct Parameters {
    place: &'static str,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Body {
    description_html: String,
    fields: Vec<Field>,
    example_html: String,
}

/// An answer that is none of failure.
#[derive(Debug, Serialize)]
struct Answer {
    status: String,
    reason: &'static str,
    media_type: Option<String>,
    type_html: Option<String>,
    /// Where the type has no section of its own.
    fields: Vec<Field>,
    headers: Vec<Header>,
    example_html: Option<String>,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    description_html: String,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    status: String,
    description_html: String,
    codes: Vec<ProblemCode>,
}

#[derive(Debug, Serialize)]
struct ProblemCode {
    name: String,
    title: &'static str,
}

impl OperationView {
    pub(super) fn of(
        service: &Service,
        operation: &Operation,
        described: &Value,
        schemas: &Schemas<'_>,
    ) -> OperationView {
        let words = |member: &str| described[member].as_str().unwrap_or_default();
        let responses = || members(&described["responses"]);
        OperationView {
            id: format!("{}.{}", service.name, operation.name),
            method: operation.method.as_str(),
            path_html: text::path(&operation.path.replace("{*", "{")),
            summary: words("summary").to_owned(),
            description_html: text::markdown(words("description")),
            access: AccessView::of(operation.access),
            presence: match operation.presence {
                Presence::Any => None,
                Presence::Session => Some("Not for API keys: somebody has signed in"),
                Presence::Recent => Some("Somebody has signed in within ten minutes"),
            },
            for_people_only: !operation.for_automation,
            on_behalf: operation.on_behalf,
            parameters: ["path", "query", "header"]
                .into_iter()
                .map(|place| Parameters::of(place, described, schemas))
                .filter(|parameters| !parameters.fields.is_empty())
                .collect(),
            body: Body::of(described, schemas),
            answers: responses()
                .filter(|(status, _)| status.as_str() < "400")
                .map(|(status, response)| Answer::of(status, response, schemas))
                .collect(),
            problems: responses()
                .filter(|(status, _)| status.as_str() >= "400")
                .map(|(status, response)| ProblemView::of(status, response, service.codes))
                .collect(),
            curl: curl(operation, described, schemas),
        }
    }
}

impl AccessView {
    fn of(access: Access) -> AccessView {
        match access {
            Access::Public => AccessView::Public,
            Access::Authenticated => AccessView::Authenticated,
            Access::SignedIn => AccessView::SignedIn,
            Access::Operator => AccessView::Operator,
            Access::Permission(permission) => AccessView::Permission {
                code: permission.code,
                summary: permission.summary,
                roles: permission.default_roles.iter().map(|role| role.as_str()).collect(),
            },
        }
    }
}

impl Parameters {
    fn of(place: &'static str, described: &Value, schemas: &Schemas<'_>) -> Parameters {
        let fields = parameters(described, place)
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap_or_default();
                let is_required = parameter["required"] == true;
                // An absent parameter is not null.
                let (schema, _) = schemas.not_null(&parameter["schema"]);
                let mut field = schemas.field("", name, schema, is_required, Nested::Rows);
                if let Some(description) = parameter["description"].as_str() {
                    field.description_html = text::phrase(description);
                }
                field
            })
            .collect();
        Parameters { place, fields }
    }
}

impl Body {
    /// None where a body says nothing.
    fn of(described: &Value, schemas: &Schemas<'_>) -> Option<Body> {
        let schema = body_schema(described, schemas)?;
        let description = schemas.resolve(schema)["description"].as_str().unwrap_or_default();
        Some(Body {
            description_html: text::phrase(description),
            fields: schemas.fields(schema, Nested::Rows),
            example_html: text::json(&schemas.example(schema).pretty()),
        })
    }
}

impl Answer {
    fn of(status: &str, response: &Value, schemas: &Schemas<'_>) -> Answer {
        let content = members(&response["content"]).next();
        let schema = content.and_then(|(_, content)| content.get("schema"));
        let is_json = content.is_some_and(|(media_type, _)| media_type == "application/json");
        let items = schema.and_then(|schema| schemas.page_items(schema));
        let has_section =
            |schema: &&Value| schemas.type_html(schema, Nested::Links).starts_with("<a ");
        Answer {
            status: status.to_owned(),
            reason: reason(status),
            media_type: content.map(|(media_type, _)| media_type.clone()),
            type_html: schema.filter(|_| is_json).map(|schema| match items {
                Some(items) => format!("page of {}", schemas.type_html(items, Nested::Links)),
                None => schemas.type_html(schema, Nested::Links),
            }),
            fields: match schema.filter(|_| is_json && items.is_none()) {
                Some(schema) if !has_section(&schema) => schemas.fields(schema, Nested::Links),
                _ => Vec::new(),
            },
            headers: members(&response["headers"])
                .map(|(name, header)| {
                    let description = header["description"].as_str().unwrap_or_default();
                    Header { name: name.clone(), description_html: text::phrase(description) }
                })
                .collect(),
            example_html: schema
                .filter(|_| is_json)
                .map(|schema| text::json(&schemas.example(schema).pretty())),
        }
    }
}

impl ProblemView {
    fn of(status: &str, response: &Value, own_codes: &[Code]) -> ProblemView {
        let known = |name: &str| codes::ALL.iter().chain(own_codes).find(|code| code.name == name);
        ProblemView {
            status: status.to_owned(),
            description_html: text::phrase(response["description"].as_str().unwrap_or_default()),
            codes: response["x-codes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|name| ProblemCode {
                    name: name.to_owned(),
                    title: known(name).map(|code| code.title).unwrap_or_default(),
                })
                .collect(),
        }
    }
}

fn reason(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or_default()
}

fn parameters<'a>(described: &'a Value, place: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = described["parameters"].as_array().into_iter().flatten();
    all.filter(move |parameter| parameter["in"] == place)
}

/// The schema of the JSON body; none if it has no field.
fn body_schema<'a>(described: &'a Value, schemas: &Schemas<'_>) -> Option<&'a Value> {
    let schema = described["requestBody"]["content"]["application/json"].get("schema")?;
    let has_fields = !schemas.fields(schema, Nested::Rows).is_empty();
    has_fields.then_some(schema)
}

/// The call as one would type it, with what is required.
fn curl(operation: &Operation, described: &Value, schemas: &Schemas<'_>) -> String {
    let mut path = operation.path.replace("{*", "{");
    for parameter in parameters(described, "path") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let example = schemas.example(&parameter["schema"]).plain();
        path = path.replace(&format!("{{{name}}}"), &example);
    }
    let query: Vec<String> = parameters(described, "query")
        .filter(|parameter| parameter["required"] == true)
        .map(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            format!("{name}={}", schemas.example(&parameter["schema"]).plain())
        })
        .collect();
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let mut lines = vec![match operation.method {
        Method::Get => format!("curl \"$URL{path}\""),
        method => format!("curl -X {method} \"$URL{path}\""),
    }];
    if operation.access != Access::Public {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    for header in parameters(described, "header") {
        match header["name"].as_str() {
            Some("Idempotency-Key") => {
                lines.push("-H \"Idempotency-Key: $(uuidgen)\"".to_owned());
            }
            Some("If-Match") => lines.push("-H 'If-Match: \"1\"'".to_owned()),
            _ => {}
        }
    }
    if let Some(schema) = body_schema(described, schemas) {
        let body = schemas.example(schema).pretty().replace('\'', "'\\''");
        lines.push("-H \"Content-Type: application/json\"".to_owned());
        lines.push(format!("-d '{body}'"));
    }
    lines.join(" \\\n  ")
}
