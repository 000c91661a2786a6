//! How to call the operations of a service.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, body::Body, http::Method};
use futures::future::BoxFuture;
use millwright_files::Files;
use millwright_http::Platform;
use millwright_manifest::Service;
use millwright_store::Store;
use millwright_testkit::{Answer, Client, Contract, TestApp};
use serde_json::Value;

/// A body with something of the caller's in it.
pub type MakeBody = fn(&Client) -> Value;

/// A service under guard.
#[derive(Clone)]
pub struct Guarded {
    pub service: Service,
    pub router: fn(Platform, Store, Files) -> Router,
    pub contract: Arc<Contract>,
    /// Makes the things an owner's calls are about.
    pub calls: fn(TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>>,
    /// Operations that are called once more with another body, for events that the first call does
    /// not emit.
    pub further: &'static [(&'static str, MakeBody)],
    /// The owner whose calls succeed.
    pub owner: fn(&TestApp) -> Client,
    /// Operations that skip parameters they do not know, as an RFC or the browsers of people want it.
    pub skipping_unknown: &'static [&'static str],
    /// Events that no single call makes; the tests of the service see to their schemas.
    pub said_elsewhere: &'static [&'static str],
}

/// An owner of the organization whose things are at stake.
pub fn owner(app: &TestApp) -> Client {
    app.client(crate::MINE, "owner")
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An owner of the organization.
    Owner,
    /// A platform operator.
    Operator,
    /// Another service.
    Service(&'static str),
}

/// A call that succeeds for who may.
#[derive(Clone, Debug)]
pub struct Call {
    pub by: By,
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    /// It names a thing of the organization, in path, query or body.
    pub refers: bool,
    /// A form instead of a JSON body.
    pub form: Option<String>,
    pub headers: Vec<(&'static str, String)>,
}

impl Call {
    pub fn get(path: &str) -> Call {
        Call::of(Method::GET, path, None)
    }

    pub fn post(path: &str, body: Value) -> Call {
        Call::of(Method::POST, path, Some(body))
    }

    pub fn put(path: &str) -> Call {
        Call::of(Method::PUT, path, None)
    }

    pub fn put_body(path: &str, body: Value) -> Call {
        Call::of(Method::PUT, path, Some(body))
    }

    pub fn patch(path: &str, body: Value) -> Call {
        Call::of(Method::PATCH, path, Some(body))
    }

    pub fn delete(path: &str) -> Call {
        Call::of(Method::DELETE, path, None)
    }

    fn of(method: Method, path: &str, body: Option<Value>) -> Call {
        Call {
            by: By::Owner,
            method,
            path: path.to_owned(),
            body,
            refers: false,
            form: None,
            headers: Vec::new(),
        }
    }

    /// A POST of a form.
    pub fn form(path: &str, form: &str) -> Call {
        Call { form: Some(form.to_owned()), ..Call::of(Method::POST, path, None) }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: &str) -> Call {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// It is about a thing of the organization.
    pub fn refers(self) -> Call {
        Call { refers: true, ..self }
    }

    /// Only somebody else may.
    pub fn by(self, by: By) -> Call {
        Call { by, ..self }
    }

    /// The same call with another value for each parameter of the operation's path.
    pub fn at(&self, template: &str, value: &str) -> Call {
        let segment = |part: &str| if part.starts_with('{') { value } else { part }.to_owned();
        let segments: Vec<String> = template.split('/').map(segment).collect();
        Call { path: segments.join("/"), ..self.clone() }
    }

    pub async fn send(&self, client: &Client) -> Answer {
        let body = self.body.as_ref().map(ToString::to_string);
        self.send_body(client, body.map(String::into_bytes)).await
    }

    /// The same call with another body.
    pub async fn send_body(&self, client: &Client, body: Option<Vec<u8>>) -> Answer {
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let form = self.form.clone().map(String::into_bytes);
        match (&body, &form) {
            (Some(_), _) => headers.push(("content-type", "application/json")),
            (None, Some(_)) => headers.push(("content-type", "application/x-www-form-urlencoded")),
            (None, None) => {}
        }
        let body = body.or(form).map_or_else(Body::empty, Body::from);
        client.send(self.method.clone(), &self.path, &headers, body).await
    }
}
