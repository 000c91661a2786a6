//! Access tokens and id tokens, signed.

use std::collections::BTreeMap;

use jsonwebtoken::Header;
use millwright_core::{Error, OrgId, Result, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::{
    app::Auth,
    codes::MEMBERSHIP_NOT_ACTIVE,
    domain::{Access, Native, Session, Standing, Subject, claims, standing},
    provider::at_hash,
    secret::Secret,
};

/// An access token.
#[derive(Clone, Debug)]
pub struct Issued {
    pub token: Secret,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// What it is for.
    pub organization: Option<OrgId>,
    /// How its person stands with the organization that was wanted.
    pub standing: Standing,
}

/// What a token is wanted for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// This organization and no other, for one token.
    pub organization: Option<OrgId>,
    /// An operator token.
    pub is_operator: bool,
}

/// Signs an access token of a session; `access` are the facts of the organization that is wanted.
///
/// # Errors
/// `membership_not_active` for an organization that was named; `reauthentication_required` where
/// the sign-in is too old.
pub async fn issue(app: &Auth, session: &Session, wish: Wish, access: &Access) -> Result<Issued> {
    let now = app.clock().now();
    let wanted = wish.organization.or(session.organization_id).filter(|_| !wish.is_operator);
    let standing = wanted.map_or(Standing::None, |_| standing(access));
    let organization = wanted.filter(|_| standing == Standing::Active);
    if wish.organization.is_some() && organization.is_none() && !wish.is_operator {
        let detail = "the membership in this organization is not active";
        return Err(
            Error::new(MEMBERSHIP_NOT_ACTIVE, detail).with("organizationStatus", standing.as_str())
        );
    }
    if organization.is_some() && access.wants_sign_in(session.auth_time, now) {
        let detail = "the organization wants a more recent sign-in";
        return Err(Error::new(millwright_core::codes::REAUTHENTICATION_REQUIRED, detail));
    }
    let signer = app.keys.signer().await?;
    let subject = Subject { session, organization, is_operator: wish.is_operator };
    let token_id = app.store.ids().next_uuid().to_string();
    let parties = (signer.issuer.clone(), signer.audience.clone());
    let claims = claims(subject, access, parties, token_id, now);
    let token = Secret::new(signer.sign(&signer.header(), &claims)?);
    let expires_at = Timestamp::from_millisecond(claims.exp.saturating_mul(1_000));
    Ok(Issued { token, issued_at: now, expires_at, organization, standing })
}

/// The id token a native client gets for its code (OpenID Connect Core 1.0, section 2).
#[derive(Serialize)]
struct IdTokenClaims<'c> {
    iss: &'c str,
    sub: String,
    aud: &'c str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    sid: String,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'c str>,
    #[serde(flatten)]
    email: BTreeMap<&'static str, Value>,
}

/// Signs an id token beside an access token; with the e-mail, if `scope` asks for it.
///
/// # Errors
/// `unavailable` without a signing key.
pub async fn id_token(
    app: &Auth,
    session: &Session,
    native: &Native,
    issued: &Issued,
    email: Option<String>,
) -> Result<Secret> {
    let signer = app.keys.signer().await?;
    let email = email.map(|email| {
        BTreeMap::from([("email", Value::from(email)), ("email_verified", Value::from(true))])
    });
    let claims = IdTokenClaims {
        iss: &signer.issuer,
        sub: session.user_id.to_string(),
        aud: &native.client_id,
        iat: issued.issued_at.as_second(),
        exp: issued.expires_at.as_second(),
        auth_time: session.auth_time.as_second(),
        sid: session.id.to_string(),
        at_hash: at_hash(issued.token.expose()),
        nonce: native.nonce.as_deref(),
        email: email.unwrap_or_default(),
    };
    let header = Header { typ: Some("JWT".to_owned()), ..signer.header() };
    signer.sign(&header, &claims).map(Secret::new)
}
