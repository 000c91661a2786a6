//! Identities: issuer and subject of a provider, and whose they are.

use millwright_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Asserted;

millwright_core::id! {
    /// A linked identity.
    IdentityId = IdentityNoun("idn");
}

/// Identities of one person.
pub const MAX_IDENTITIES: usize = 5;

/// A way to sign in as a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    pub id: IdentityId,
    pub user_id: UserId,
    /// The provider's id in the settings.
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    /// As the provider last asserted it to be verified.
    pub email: String,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    pub linked_at: Timestamp,
    pub last_sign_in_at: Option<Timestamp>,
    pub version: u64,
}

impl Identity {
    /// What the provider has just asserted of a person. The e-mail is the caller's to decide.
    pub fn new(
        id: IdentityId,
        user_id: UserId,
        provider: &str,
        asserted: &Asserted,
        at: Timestamp,
    ) -> Identity {
        Identity {
            id,
            user_id,
            provider: provider.to_owned(),
            issuer: asserted.issuer.clone(),
            subject: asserted.subject.clone(),
            email: asserted.email.clone(),
            display_name: asserted.display_name.clone(),
            avatar_url: asserted.avatar_url.clone(),
            linked_at: at,
            last_sign_in_at: None,
            version: 1,
        }
    }
}
