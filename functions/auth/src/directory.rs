//! What auth asks of user-management: that there be a person.

use futures::future::BoxFuture;
use millwright_core::{Result, UserId};
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
