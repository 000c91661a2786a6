//! What auth asks of user-management: that there be a person.

use futures::future::BoxFuture;
use millwright_aws::{Called, Functions};
use millwright_core::{Error, Result, UserId};
use millwright_http::{CALLER_HEADER, CallingService};
use serde::{Deserialize, Serialize};

/// The body of `user_provision`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// Added to the person if absent.
    pub email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_email: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reactivate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_invitation: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioned {
    Done,
    /// 403 `sign_up_closed`: an invitation was wanted, and there is none.
    SignUpClosed,
    /// 409 `email_taken`.
    EmailTaken,
}

/// `user_provision` of user-management, by direct invoke: 3 seconds, two retries.
pub trait Directory: Send + Sync {
    /// Idempotent by user.
    ///
    /// # Errors
    /// `unavailable` if it does not answer: nothing is known then.
    fn provision<'a>(
        &'a self,
        user: UserId,
        request: &'a Provision,
    ) -> BoxFuture<'a, Result<Provisioned>>;
}

/// The function of user-management, invoked directly: 3 seconds a try, three tries.
pub struct InvokedDirectory {
    functions: Functions,
}

const FUNCTION: &str = "user-management-api";
const PATH: &str = "/api/v1/users/provision";
const TRIES: usize = 3;

impl InvokedDirectory {
    pub fn new(functions: Functions) -> InvokedDirectory {
        InvokedDirectory { functions }
    }

    async fn call(&self, user: UserId, request: &Provision) -> Result<Provisioned> {
        let service = CallingService { service: "auth".to_owned(), organization_id: None };
        let caller = serde_json::to_string(&service).map_err(Error::internal)?;
        let mut body = serde_json::to_value(request).map_err(Error::internal)?;
        body["userId"] = user.to_string().into();
        let headers = [(CALLER_HEADER, caller)];
        let called = self.functions.call(FUNCTION, "POST", PATH, &headers, &body).await?;
        understood(&called)
    }
}

/// What the answer means.
fn understood(called: &Called) -> Result<Provisioned> {
    let code = called.body["code"].as_str().unwrap_or_default();
    match (called.status, code) {
        (200 | 201, _) => Ok(Provisioned::Done),
        (403, "sign_up_closed") => Ok(Provisioned::SignUpClosed),
        (409, "email_taken") => Ok(Provisioned::EmailTaken),
        (status, code) => {
            Err(Error::unavailable(format!("user_provision answered {status} {code}")))
        }
    }
}

impl Directory for InvokedDirectory {
    fn provision<'a>(
        &'a self,
        user: UserId,
        request: &'a Provision,
    ) -> BoxFuture<'a, Result<Provisioned>> {
        Box::pin(async move {
            let mut tries = 1;
            loop {
                match self.call(user, request).await {
                    Err(error) if tries < TRIES => {
                        tracing::warn!(%error, tries, "user-management did not answer");
                        tries += 1;
                    }
                    outcome => return outcome,
                }
            }
        })
    }
}
