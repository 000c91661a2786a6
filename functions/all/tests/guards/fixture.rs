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

/// A service under guard.
#[derive(Clone)]
pub struct Guarded {
    pub service: Service,
    pub router: fn(Platform, Store, Files) -> Router,
    pub contract: Arc<Contract>,
    /// Makes the things an owner's calls are about.
    pub calls: fn(TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>>,
}

/// A call that succeeds for who may.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    /// It names a thing of the organization, in path, query or body.
    pub refers: bool,
}

impl Call {
    pub async fn send(&self, client: &Client) -> Answer {
        let body = self.body.as_ref().map(ToString::to_string);
        self.send_body(client, body.map(String::into_bytes)).await
    }

    /// The same call with another body.
    pub async fn send_body(&self, client: &Client, body: Option<Vec<u8>>) -> Answer {
        let json = [("content-type", "application/json")];
        let headers: &[(&str, &str)] = if body.is_some() { &json } else { &[] };
        let body = body.map_or_else(Body::empty, Body::from);
        client.send(self.method.clone(), &self.path, headers, body).await
    }
}
