//! The table of contents of a service: its operations, and everything derived from them.

mod document;
mod health;
mod purpose;

use std::collections::BTreeMap;

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
use millwright_manifest::{Access, Method, Operation, Presence};
use utoipa::{__dev::Tags, openapi::HttpMethod};

use self::{
    document::Description,
    health::{health_entries, health_entry},
};
pub use self::{
    document::Document,
    purpose::{Describing, Purpose, Serving},
};
use crate::{
    Answered, Describe, OperationDocument, Platform, Problem, exchange::Exchange, extract::Gate,
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
    const PRESENCE: Presence;

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
            const PRESENCE: Presence = G::PRESENCE;
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
pub struct Entry<S, P: Purpose> {
    operation: Operation,
    router: MethodRouter<S>,
    description: P::Description,
    problems: &'static [Code],
}

/// An entry for a handler with `#[utoipa::path]`, however deep the (visible) module it is in.
///
/// ```
/// # use millwright_http::{Api, Platform, Serving, operation};
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
/// let api: Api<Platform, Serving> =
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

impl<S, P> Entry<S, P>
where
    S: Clone + Send + Sync + 'static,
    P: Purpose,
{
    pub fn new<R, H, T, Arguments>(name: &'static str, handler: H) -> Entry<S, P>
    where
        R: utoipa::Path + for<'t> Tags<'t>,
        H: Handler<T, S> + Endpoint<Arguments>,
        T: 'static,
    {
        let method = match R::methods().first() {
            Some(HttpMethod::Post) => Method::Post,
            Some(HttpMethod::Put) => Method::Put,
            Some(HttpMethod::Patch) => Method::Patch,
            Some(HttpMethod::Delete) => Method::Delete,
            _ => Method::Get,
        };
        let description = Description { texts: Description::texts_of::<R>, describe: H::describe };
        Entry::at(name, method, R::path(), description, handler)
    }

    fn at<H, T, Arguments>(
        name: &'static str,
        method: Method,
        path: String,
        description: Description,
        handler: H,
    ) -> Entry<S, P>
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
                presence: H::PRESENCE,
                for_automation: true,
                on_behalf: false,
            },
            router: MethodRouter::new().on(filter, handler).route_layer(named),
            description: P::keep(description),
            problems: &[],
        }
    }

    /// The service's own codes this operation may answer, beside what its signature implies.
    #[must_use]
    pub fn answers(mut self, problems: &'static [Code]) -> Entry<S, P> {
        self.problems = problems;
        self
    }

    /// Not for agents and workflows.
    #[must_use]
    pub fn for_people_only(mut self) -> Entry<S, P> {
        self.operation.for_automation = false;
        self
    }

    /// May be called by a service for a user who is not present.
    #[must_use]
    pub fn on_behalf(mut self) -> Entry<S, P> {
        self.operation.on_behalf = true;
        self
    }
}

/// All operations of a service, for one purpose.
pub struct Api<S, P: Purpose> {
    service: &'static str,
    entries: Vec<Entry<S, P>>,
}

impl<S, P> Api<S, P>
where
    S: Clone + Send + Sync + 'static,
    P: Purpose,
    Platform: FromRef<S>,
{
    /// Begins with `GET /api/v1/<base>/health` and `/ready`.
    pub fn new(service: &'static str, base: &'static str) -> Api<S, P> {
        Api { service, entries: health_entries(base) }
    }

    /// Begins with `GET /health` alone: for what is not below `/api/v1` and depends on nothing.
    pub fn of_root(service: &'static str) -> Api<S, P> {
        Api { service, entries: vec![health_entry("/health".to_owned())] }
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, entry: Entry<S, P>) -> Api<S, P> {
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
}

fn method_not_allowed(methods: &str) -> Response {
    let detail = format!("this path allows {methods}");
    let mut response = Problem(Error::new(codes::METHOD_NOT_ALLOWED, detail)).into_response();
    if let Ok(value) = http::HeaderValue::try_from(methods) {
        response.headers_mut().insert(http::header::ALLOW, value);
    }
    response
}
