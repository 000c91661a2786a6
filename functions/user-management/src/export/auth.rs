//! What `auth` keeps of a person.

use futures::future::BoxFuture;
use millwright_aws::Functions;
use millwright_core::{Error, Result, UserId};
use millwright_http::{CALLER_HEADER, CallingService};
use serde::Deserialize;
use serde_json::Value;

/// Some of the things, and where to go on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthPage {
    pub items: Vec<Value>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// `user_data_export` of auth.
pub trait AuthData: Send + Sync {
    /// # Errors
    /// `unavailable` if it does not answer.
    fn page<'a>(&'a self, user: UserId, cursor: Option<&'a str>)
    -> BoxFuture<'a, Result<AuthPage>>;
}

/// By direct invoke: one try of 3 seconds, since the job tries again.
pub struct InvokedAuth {
    functions: Functions,
}

const FUNCTION: &str = "auth-api";

impl InvokedAuth {
    pub fn new(functions: Functions) -> InvokedAuth {
        InvokedAuth { functions }
    }

    /// What is asked for a page: `user_data_export` of auth.
    pub fn path(user: UserId, cursor: Option<&str>) -> String {
        let cursor = cursor.map(|it| format!("&cursor={}", millwright_aws::encoded(it)));
        format!("/api/v1/auth/users/{user}/data?limit=100{}", cursor.unwrap_or_default())
    }

    async fn call(&self, user: UserId, cursor: Option<&str>) -> Result<AuthPage> {
        let service =
            CallingService { service: "user-management".to_owned(), organization_id: None };
        let caller = serde_json::to_string(&service).map_err(Error::internal)?;
        let path = InvokedAuth::path(user, cursor);
        let headers = [(CALLER_HEADER, caller)];
        let called = self.functions.call(FUNCTION, "GET", &path, &headers, &Value::Null).await?;
        if called.status != 200 {
            let code = called.body["code"].as_str().unwrap_or_default();
            let message = format!("user_data_export answered {} {code}", called.status);
            return Err(Error::unavailable(message));
        }
        serde_json::from_value(called.body).map_err(Error::internal)
    }
}

impl AuthData for InvokedAuth {
    fn page<'a>(
        &'a self,
        user: UserId,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<AuthPage>> {
        Box::pin(self.call(user, cursor))
    }
}
