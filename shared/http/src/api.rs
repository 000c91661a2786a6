//! The table of contents of a service: its operations, and everything derived from them.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Router,
    extract::{FromRef, Request},
    handler::Handler,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter},
};
use http::request::Parts;
use millwright_core::{Code, Error, Fault, FaultCode, Faults, codes};
use millwright_manifest::{Access, Method, Operation};
use serde_json::{Map, Value, json};
use utoipa::{__dev::Tags, openapi::HttpMethod};

use crate::{
    Answered, Describe, OperationDocument, Plain, Platform, Problem, Public,
    describe::{each_reference, problem_schema},
    exchange::Exchange,
    extract::Gate,
};

/// The operation a request has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationName {
    name: &'static str,
    takes_query: bool,
}

impl OperationName {
    pub(crate) fn of(parts: &Parts) -> &'static str {
        parts.extensions.get::<OperationName>().map_or("unknown", |operation| operation.name)
    }

    /// Where no argument of the handler reads the query, nothing may be in it.
    pub(crate) fn check_query(parts: &Parts) -> Result<(), Faults> {
        let takes_query =
            parts.extensions.get::<OperationName>().is_none_or(|operation| operation.takes_query);
        let query = parts.uri.query().unwrap_or_default();
        if takes_query || query.is_empty() {
            return Ok(());
        }
        let fault = |(name, _): (std::borrow::Cow<'_, str>, _)| {
            let shown: String = name.chars().take(100).collect();
            let detail = "this operation takes no query parameters";
            Fault::new(format!("query:{shown}"), FaultCode::UnknownField, detail)
        };
        let faults = form_urlencoded::parse(query.as_bytes()).take(Faults::MAX).map(fault);
        Err(Faults(faults.collect()))
    }
}

/// A handler whose signature describes its operation: the first argument says who may call it.
pub trait Endpoint<Arguments> {
    const ACCESS: Access;

    /// An argument reads the query.
    const TAKES_QUERY: bool;

    fn describe(document: &mut OperationDocument);
}

macro_rules! endpoint {
    ($($argument:ident)*) => {
        impl<F, Fut, R, G, $($argument),*> Endpoint<(G, $($argument,)*)> for F
        where
            F: Fn(G, $($argument),*) -> Fut,
            Fut: Future<Output = Answered<R>>,
            G: Gate + Describe,
            R: Describe,
            $($argument: Describe,)*
        {
            const ACCESS: Access = G::ACCESS;
            const TAKES_QUERY: bool = false $(|| $argument::TAKES_QUERY)*;

            fn describe(document: &mut OperationDocument) {
                G::describe(document);
                $($argument::describe(document);)*
                R::describe(document);
            }
        }
    };
}

endpoint!();
endpoint!(A);
endpoint!(A B);
endpoint!(A B C);
endpoint!(A B C D);
endpoint!(A B C D E);

/// One operation: route, handler and description.
pub struct Entry<S> {
    operation: Operation,
    router: MethodRouter<S>,
    describe: fn(&mut OperationDocument),
    document: fn() -> Value,
    problems: &'static [Code],
}

/// An entry for a handler with `#[utoipa::path]`, however deep the (visible) module it is in.
///
/// ```
/// # use millwright_http::{Api, Platform, operation};
/// mod task {
///     pub mod read {
/// #       use millwright_http::{Answered, NoContent, Public};
///         /// Read a task
///         #[utoipa::path(get, path = "/api/v1/planning/task", tag = "Tasks")]
///         pub async fn task_get(_: Public) -> Answered<NoContent> {
///             Ok(NoContent)
///         }
///     }
/// }
///
/// let api: Api<Platform> =
///     Api::new("planning", "planning").with(operation!(task::read::task_get));
/// assert!(api.operations().iter().any(|operation| operation.name == "task_get"));
/// ```
#[macro_export]
macro_rules! operation {
    // The last name of the path is the handler.
    (@ $($module:ident)::+; $handler:ident) => {
        $crate::private::paste! {
            $crate::Entry::new::<$($module::)+[<__path_ $handler>], _, _, _>(
                stringify!($handler),
                $($module::)+$handler,
            )
        }
    };
    (@ $($module:ident)::+; $next:ident $($rest:ident)+) => {
        $crate::operation!(@ $($module)::+::$next; $($rest)+)
    };
    ($first:ident $(:: $rest:ident)+) => {
        $crate::operation!(@ $first; $($rest)+)
    };
}

impl<S> Entry<S>
where
    S: Clone + Send + Sync + 'static,
{
    pub fn new<P, H, T, Arguments>(name: &'static str, handler: H) -> Entry<S>
    where
        P: utoipa::Path + for<'t> Tags<'t>,
        H: Handler<T, S> + Endpoint<Arguments>,
        T: 'static,
    {
        let method = match P::methods().first() {
            Some(HttpMethod::Post) => Method::Post,
            Some(HttpMethod::Put) => Method::Put,
            Some(HttpMethod::Patch) => Method::Patch,
            Some(HttpMethod::Delete) => Method::Delete,
            _ => Method::Get,
        };
        let document = || {
            let mut operation = P::operation();
            // The library keeps the tag of an operation apart from it.
            operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
            serde_json::to_value(operation).unwrap_or_default()
        };
        Entry::at(name, method, P::path(), document, handler)
    }

    fn at<H, T, Arguments>(
        name: &'static str,
        method: Method,
        path: String,
        document: fn() -> Value,
        handler: H,
    ) -> Entry<S>
    where
        H: Handler<T, S> + Endpoint<Arguments>,
        T: 'static,
    {
        let filter = match method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let named = middleware::from_fn(move |mut request: Request, next: Next| {
            let takes_query = H::TAKES_QUERY;
            request.extensions_mut().insert(OperationName { name, takes_query });
            if let Some(exchange) = request.extensions().get::<Exchange>() {
                exchange.with(|left| left.operation = Some(name));
            }
            next.run(request)
        });
        Entry {
            operation: Operation {
                name,
                method,
                path,
                access: H::ACCESS,
                for_automation: true,
                on_behalf: false,
            },
            router: MethodRouter::new().on(filter, handler).route_layer(named),
            describe: H::describe,
            document,
            problems: &[],
        }
    }

    /// The service's own codes this operation may answer, beside what its signature implies.
    #[must_use]
    pub fn answers(mut self, problems: &'static [Code]) -> Entry<S> {
        self.problems = problems;
        self
    }

    /// Not for agents and workflows.
    #[must_use]
    pub fn for_people_only(mut self) -> Entry<S> {
        self.operation.for_automation = false;
        self
    }

    /// May be called by a service for a user who is not present.
    #[must_use]
    pub fn on_behalf(mut self) -> Entry<S> {
        self.operation.on_behalf = true;
        self
    }
}

/// All operations of a service.
pub struct Api<S> {
    service: &'static str,
    entries: Vec<Entry<S>>,
}

impl<S> Api<S>
where
    S: Clone + Send + Sync + 'static,
    Platform: FromRef<S>,
{
    /// Begins with `GET /api/v1/<base>/health` and `/ready`.
    pub fn new(service: &'static str, base: &'static str) -> Api<S> {
        let at = |name: &str| format!("/api/v1/{base}/{name}");
        let health = Entry::at("health_get", Method::Get, at("health"), health_document, health);
        let ready =
            Entry::at("readiness_get", Method::Get, at("ready"), ready_document, ready::<S>);
        Api { service, entries: vec![health, ready] }
    }

    /// Begins with `GET /health` alone: for what is not below `/api/v1` and depends on nothing.
    pub fn of_root(service: &'static str) -> Api<S> {
        let path = "/health".to_owned();
        let health = Entry::at("health_get", Method::Get, path, health_document, health);
        Api { service, entries: vec![health] }
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, entry: Entry<S>) -> Api<S> {
        self.entries.push(entry);
        self
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.entries.iter().map(|entry| entry.operation.clone()).collect()
    }

    /// The router, with problems for unknown paths and methods.
    pub fn router(self, state: S) -> Router {
        let mut allowed: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for entry in &self.entries {
            let Operation { path, method, .. } = &entry.operation;
            allowed.entry(path.clone()).or_default().push(method.as_str());
        }
        let mut router = Router::new();
        for entry in self.entries {
            router = router.route(&entry.operation.path, entry.router);
        }
        router
            .method_not_allowed_fallback(move |request: Request| {
                let path = request.extensions().get::<axum::extract::MatchedPath>().cloned();
                let methods =
                    path.and_then(|path| allowed.get(path.as_str()).map(|m| m.join(", ")));
                async move { method_not_allowed(&methods.unwrap_or_default()) }
            })
            .fallback(|| async { Problem(Error::new(codes::NOT_FOUND, "no such path")) })
            .with_state(state)
    }

    /// The OpenAPI 3.1 document.
    pub fn document(&self, title: &str, description: &str, own_codes: &[Code]) -> Document {
        let mut paths: Map<String, Value> = Map::new();
        let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
        let mut inputs: BTreeSet<String> = BTreeSet::new();
        for entry in &self.entries {
            let mut described = OperationDocument::default();
            (entry.describe)(&mut described);
            described.problem(500, "internal", "Something went wrong: tell us the requestId");
            described.problem(503, "unavailable", "Temporarily not available: try again");
            for code in entry.problems {
                let status = crate::problem::status(code.kind).as_u16();
                described.problem(status, code.name, code.title);
            }
            inputs.extend(described.input_schemas.iter().cloned());
            schemas.extend(described.schemas.drain(..));
            let operation = operation_document(self.service, entry, described);
            let method = entry.operation.method.as_str().to_ascii_lowercase();
            let path = paths.entry(entry.operation.path.clone()).or_insert_with(|| json!({}));
            path[method] = operation;
        }
        let all_codes: Vec<&Code> = codes::ALL.iter().chain(own_codes).collect();
        schemas.insert("Problem".to_owned(), problem_schema(&all_codes));
        close_inputs(&mut schemas, &inputs);
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": title, "description": description, "version": "1" },
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "An access token or API key",
                    },
                },
            },
        });
        inline_leaves(&mut document);
        prefix_schemas(&mut document, self.service);
        Document(document)
    }
}

/// An OpenAPI document.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

fn operation_document<S>(service: &str, entry: &Entry<S>, described: OperationDocument) -> Value {
    let mut document = (entry.document)();
    let path = &entry.operation.path;
    document["operationId"] = json!(format!("{service}.{}", entry.operation.name));
    let names = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = names
        .zip(described.path_parameters)
        .map(|(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
        .collect();
    let is_get = entry.operation.method == Method::Get;
    parameters.extend(
        described.parameters.into_iter().filter(|p| is_get || p["name"] != "If-None-Match"),
    );
    if !parameters.is_empty() {
        document["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = described.request_body {
        document["requestBody"] = body;
    }
    let responses: Map<String, Value> = described
        .responses
        .into_iter()
        .filter(|(status, _)| is_get || *status != 304)
        .map(|(status, response)| (status.to_string(), response))
        .collect();
    document["responses"] = Value::Object(responses);
    if described.needs_credential {
        document["security"] = json!([{ "bearer": [] }]);
    }
    if let Some(permission) = described.permission {
        document["x-permission"] = json!(permission.code);
    }
    document
}

/// Inputs refuse unknown members, and so do the objects within them.
fn close_inputs(schemas: &mut BTreeMap<String, Value>, inputs: &BTreeSet<String>) {
    let mut reachable: BTreeSet<String> = BTreeSet::new();
    let mut pending: Vec<String> = inputs.iter().cloned().collect();
    while let Some(name) = pending.pop() {
        let Some(schema) = schemas.get_mut(&name) else { continue };
        if !reachable.insert(name) {
            continue;
        }
        each_reference(schema, &mut |reference| {
            if let Some(Value::String(target)) = reference.get("$ref") {
                pending.extend(target.rsplit('/').next().map(str::to_owned));
            }
        });
        if schema["type"] == "object" {
            schema["additionalProperties"] = json!(false);
        }
    }
}

/// Replaces references to plain strings, numbers and the like by what they refer to: a reader
/// wants `maxLength: 200`, not `Line1To200`.
fn inline_leaves(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let is_leaf = |schema: &Value| {
        schema["type"] != "object" && schema.get("enum").is_none() && schema.get("allOf").is_none()
    };
    // Leaves refer to other leaves at most a few levels deep (a list of labels, a nullable line).
    for _ in 0..4 {
        each_reference(document, &mut |reference| {
            let Some(Value::String(target)) = reference.get("$ref") else { return };
            let name = target.rsplit('/').next().unwrap_or_default();
            let Some(schema) = schemas.get(name).filter(|schema| is_leaf(schema)) else { return };
            let mut inlined = schema.as_object().cloned().unwrap_or_default();
            for (member, value) in std::mem::take(reference) {
                if member != "$ref" {
                    inlined.insert(member, value);
                }
            }
            *reference = inlined;
        });
    }
    if let Some(all) = document["components"]["schemas"].as_object_mut() {
        all.retain(|_, schema| !is_leaf(schema));
    }
}

/// `Task` becomes `PlanningTask`: the joined document has no double.
fn prefix_schemas(document: &mut Value, service: &str) {
    let prefix: String = service
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect();
    each_reference(document, &mut |reference| {
        if let Some(Value::String(target)) = reference.get_mut("$ref")
            && let Some(name) = target.strip_prefix("#/components/schemas/")
        {
            *target = format!("#/components/schemas/{prefix}{name}");
        }
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        *schemas = std::mem::take(schemas)
            .into_iter()
            .map(|(name, schema)| (format!("{prefix}{name}"), schema))
            .collect();
    }
}

fn method_not_allowed(methods: &str) -> Response {
    let detail = format!("this path allows {methods}");
    let mut response = Problem(Error::new(codes::METHOD_NOT_ALLOWED, detail)).into_response();
    if let Ok(value) = http::HeaderValue::try_from(methods) {
        response.headers_mut().insert(http::header::ALLOW, value);
    }
    response
}

/// `{status}` and nothing else.
#[derive(Clone, Copy, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "ok"}))]
struct Health {
    /// Always `ok`; anything else is a problem.
    #[schema(value_type = String)]
    status: &'static str,
}

async fn health(_: Public) -> Answered<Plain<Health>> {
    Ok(Plain(Health { status: "ok" }))
}

fn health_document() -> Value {
    json!({
        "summary": "Check the process",
        "description": "Answers as soon as the function runs; asks nothing else.",
        "tags": ["Health"],
    })
}

async fn ready<S>(
    _: Public,
    axum::extract::State(state): axum::extract::State<S>,
) -> Answered<Plain<Health>>
where
    Platform: FromRef<S>,
{
    Platform::from_ref(&state).check_ready().await?;
    Ok(Plain(Health { status: "ok" }))
}

fn ready_document() -> Value {
    json!({
        "summary": "Check the dependencies",
        "description": "Asks the table, at most every 10 seconds; 503 if it does not answer.",
        "tags": ["Health"],
    })
}
