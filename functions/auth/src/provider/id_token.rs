//! The id token of a provider: what is checked before a word of it is believed (OpenID Connect
//! Core 1.0, section 3.1.3.7).

use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use millwright_core::Timestamp;
use millwright_identity::Audience;
use serde::Deserialize;
use serde_json::Value;

use super::Metadata;
use crate::{
    domain::{Asserted, Reason},
    secret::{Fingerprint, Secret},
    settings::Provider,
};

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(60);
/// Older tokens are of another sign-in.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What must hold for it.
pub(super) struct Expected<'e> {
    pub provider: &'e Provider,
    pub metadata: &'e Metadata,
    pub nonce: &'e Secret,
    pub access_token: Option<&'e Secret>,
    pub seen_since: Option<Timestamp>,
    pub now: Timestamp,
}

/// The claims we look at.
#[derive(Debug, Deserialize)]
pub(super) struct IdClaims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<i64>,
    #[serde(flatten)]
    profile: Profile,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(skip)]
    pub email: Option<String>,
}

/// What the id token or userinfo says of the person.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Profile {
    email: Option<String>,
    email_verified: Option<Value>,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    picture: Option<String>,
    locale: Option<String>,
    /// The domain of a hosted account.
    hd: Option<String>,
}

/// What userinfo answers.
#[derive(Debug, Deserialize)]
pub(super) struct UserInfo {
    sub: String,
    #[serde(flatten)]
    profile: Profile,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

fn parts(token: &str) -> Option<(Header, [&str; 3])> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header = serde_json::from_slice(&header).ok()?;
    Some((header, [signed, payload, signature]))
}

/// Which key it says it was signed with.
pub(super) fn kid(token: &str) -> Result<Option<String>, Reason> {
    parts(token).map(|(header, _)| header.kid).ok_or(Reason::IdTokenInvalid)
}

/// A key can be used for an algorithm if it is of its type and says nothing else.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_type = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => {
            curve.curve == EllipticCurve::P256
        }
        _ => false,
    };
    let named = key.common.key_algorithm.as_ref().map(ToString::to_string);
    let is_for_signatures =
        key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    is_type && is_for_signatures && named.is_none_or(|it| it == format!("{algorithm:?}"))
}

/// Checks everything but the person.
pub(super) fn verify(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
) -> Result<IdClaims, Reason> {
    let invalid = |why: &'static str| {
        tracing::info!(why, provider = expected.provider.id, "id token refused");
        Reason::IdTokenInvalid
    };
    let (header, [signed, payload, signature]) = parts(token).ok_or_else(|| invalid("form"))?;
    let algorithm = match header.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "PS256" => Algorithm::PS256,
        "ES256" => Algorithm::ES256,
        _ => return Err(invalid("alg")),
    };
    let announced = &expected.metadata.id_token_signing_alg_values_supported;
    if !announced.contains(&header.alg) || header.crit.is_some() {
        return Err(invalid("alg is not announced, or crit"));
    }
    let candidates = keys.keys.iter().filter(|key| {
        fits(key, algorithm)
            && header.kid.as_ref().is_none_or(|kid| key.common.key_id.as_ref() == Some(kid))
    });
    let is_signed = candidates.into_iter().any(|key| {
        DecodingKey::from_jwk(key).is_ok_and(|key| {
            crypto::verify(signature, signed.as_bytes(), &key, algorithm).unwrap_or(false)
        })
    });
    if !is_signed {
        return Err(invalid("signature"));
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| invalid("payload"))?;
    let mut claims: IdClaims = serde_json::from_slice(&payload).map_err(|_| invalid("claims"))?;
    let provider = expected.provider;
    if claims.iss != provider.issuer && !provider.issuer_aliases.contains(&claims.iss) {
        return Err(invalid("iss"));
    }
    let is_alone = !matches!(&claims.aud, Audience::Several(several) if several.len() > 1);
    let is_for_us = claims.azp.as_ref().map_or(is_alone, |azp| *azp == provider.client_id);
    if !claims.aud.contains(&provider.client_id) || !is_for_us {
        return Err(invalid("aud or azp"));
    }
    let now = expected.now;
    if claims.exp <= now.minus(LEEWAY).as_second()
        || claims.iat > now.plus(LEEWAY).as_second()
        || claims.iat < now.minus(MAX_AGE).as_second()
    {
        return Err(invalid("exp or iat"));
    }
    // Not every provider says it, asked or not.
    if let (Some(at), Some(since)) = (claims.auth_time, expected.seen_since)
        && at < since.minus(LEEWAY).as_second()
    {
        return Err(invalid("auth_time is older than asked for"));
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if Fingerprint::of(nonce) != expected.nonce.fingerprint() {
        return Err(Reason::NonceMismatch);
    }
    if let Some(wanted) = &claims.at_hash {
        let hash = expected.access_token.map(|token| at_hash(token.expose()));
        let is_same = hash.is_some_and(|hash| {
            constant_time::verify_slices_are_equal(hash.as_bytes(), wanted.as_bytes()).is_ok()
        });
        if !is_same {
            return Err(invalid("at_hash"));
        }
    }
    let is_ascii = claims.sub.bytes().all(|b| b.is_ascii() && !b.is_ascii_control());
    if !is_ascii || !(1..=255).contains(&claims.sub.len()) {
        return Err(invalid("sub"));
    }
    claims.email = claims.profile.email.clone();
    Ok(claims)
}

/// The left half of SHA-256 (OpenID Connect Core 1.0, section 3.1.3.6).
pub fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// Trimmed, lower-cased; none if it is no address.
fn normalized(email: &str) -> Option<String> {
    let email = millwright_core::normalized(email).to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    let is_sane = !local.is_empty()
        && domain.contains('.')
        && email.len() <= 254
        && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    is_sane.then_some(email)
}

impl IdClaims {
    /// Takes what userinfo says, if it is about the same person.
    pub(super) fn complete(&mut self, info: UserInfo) -> Result<(), Reason> {
        if info.sub != self.sub {
            tracing::info!("userinfo is about somebody else");
            return Err(Reason::IdTokenInvalid);
        }
        let before = std::mem::take(&mut self.profile);
        let found = info.profile;
        self.email = found.email;
        self.profile = Profile {
            email: None,
            email_verified: found.email_verified,
            name: before.name.or(found.name),
            given_name: before.given_name.or(found.given_name),
            family_name: before.family_name.or(found.family_name),
            picture: before.picture.or(found.picture),
            locale: before.locale.or(found.locale),
            hd: before.hd.or(found.hd),
        };
        Ok(())
    }

    /// The person, if the e-mail is verified and of a domain that may sign in.
    pub(super) fn asserted(self, provider: &Provider) -> Result<Asserted, Reason> {
        let email = self.email.ok_or(Reason::EmailMissing)?;
        let email = normalized(&email).ok_or(Reason::EmailMissing)?;
        let profile = self.profile;
        let is_verified = match &profile.email_verified {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        if !is_verified {
            return Err(Reason::EmailNotVerified);
        }
        let domain = email.rsplit('@').next().unwrap_or_default();
        let is_hosted = |hosted: &String| {
            hosted.eq_ignore_ascii_case(domain)
                || profile.hd.as_ref().is_some_and(|hd| hd.eq_ignore_ascii_case(hosted))
        };
        let domains = &provider.hosted_domains;
        if !domains.is_empty() && !domains.iter().any(is_hosted) {
            return Err(Reason::DomainNotAllowed);
        }
        let cut = |text: Option<String>, most: usize| {
            let text: String = millwright_core::normalized(&text?)
                .chars()
                .filter(|c| !c.is_control())
                .take(most)
                .collect();
            (!text.is_empty()).then_some(text)
        };
        Ok(Asserted {
            // An alias is another name of the same issuer, not another issuer.
            issuer: provider.issuer.clone(),
            subject: self.sub,
            display_name: cut(profile.name, 100),
            given_name: cut(profile.given_name, 100),
            family_name: cut(profile.family_name, 100),
            avatar_url: profile.picture.filter(|url| {
                url.len() <= 2_000 && url.parse::<millwright_core::HttpUrl>().is_ok()
            }),
            language: cut(profile.locale, 35),
            amr: self.amr.into_iter().take(10).map(|it| it.chars().take(50).collect()).collect(),
            email,
        })
    }
}
