//! How calls get to usage-tracking.

use futures::future::BoxFuture;
use millwright_aws::{Called, Functions};
use millwright_core::Result;
use serde_json::Value;

/// One call of an operation of `usage-tracking-api`, from inside.
pub trait Transport: Send + Sync {
    /// # Errors
    /// `unavailable` if there is no answer: it may have happened.
    fn call<'a>(
        &'a self,
        path: &'a str,
        headers: &'a [(&'a str, String)],
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Called>>;
}

const FUNCTION: &str = "usage-tracking-api";

impl Transport for Functions {
    fn call<'a>(
        &'a self,
        path: &'a str,
        headers: &'a [(&'a str, String)],
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Called>> {
        Box::pin(Functions::call(self, FUNCTION, "POST", path, headers, body))
    }
}
