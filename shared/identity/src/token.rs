//! The access token: RS256 JWT, `typ: at+jwt` (RFC 9068), claims of specs auth section 2.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::object_without_doubles;

/// Longer tokens are refused unread.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// `exp - iat` of the tokens we issue.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// The claims of an access token. Unknown ones are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: Audience,
    pub sub: String,
    /// Seconds since 1970, an integer.
    pub iat: i64,
    /// Seconds since 1970, an integer.
    pub exp: i64,
    pub jti: String,
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Permission patterns, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perms: Option<String>,
    /// Versions of user, organization, membership, role.
    #[serde(default)]
    pub fv: [u64; 4],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<bool>,
}

/// `aud` is one string or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub fn contains(&self, wanted: &str) -> bool {
        match self {
            Audience::One(one) => one == wanted,
            Audience::Several(several) => several.iter().any(|one| one == wanted),
        }
    }
}

/// A compact JWS taken apart, not yet verified.
pub(crate) struct Unverified<'a> {
    header: Map<String, Value>,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

/// Why a token is refused; for the log, the caller reads `invalid_token` only.
pub(crate) type Refusal = &'static str;

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Unverified<'a>, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err("longer than 8 KB");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("not three parts")?;
        let (header, payload) = signed.split_once('.').ok_or("not three parts")?;
        if payload.contains('.') {
            return Err("not three parts");
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| "header is not base64url")?;
        let header =
            object_without_doubles(&header).map_err(|_| "header is not a proper object")?;
        Ok(Unverified { header, payload, signature, signed })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// What a token of ours never has: keys of its own, extensions that must be understood,
    /// unencoded payloads, another algorithm.
    pub(crate) fn check_header(&self) -> Result<(), Refusal> {
        const NEVER: [&str; 8] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"];
        if NEVER.iter().any(|name| self.header.contains_key(*name)) {
            return Err("header has a member that is never accepted");
        }
        match self.header("alg") {
            Some("RS256") => Ok(()),
            _ => Err("alg is not RS256"),
        }
    }

    /// Checks the signature with the key's own algorithm, never the header's choice.
    pub(crate) fn verify(&self, key: &Jwk) -> Result<(), Refusal> {
        let AlgorithmParameters::RSA(rsa) = &key.algorithm else {
            return Err("key is not RSA");
        };
        if key.common.key_algorithm.is_some_and(|algorithm| algorithm != KeyAlgorithm::RS256) {
            return Err("key is not for RS256");
        }
        if key.common.public_key_use.as_ref().is_some_and(|u| *u != PublicKeyUse::Signature) {
            return Err("key is not for signatures");
        }
        let operations = key.common.key_operations.as_ref();
        if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            return Err("key is not for verification");
        }
        // The signature's text must be the canonical base64url of its bytes.
        URL_SAFE_NO_PAD.decode(self.signature).map_err(|_| "signature is not base64url")?;
        let key =
            DecodingKey::from_rsa_components(&rsa.n, &rsa.e).map_err(|_| "key is malformed")?;
        match crypto::verify(self.signature, self.signed.as_bytes(), &key, Algorithm::RS256) {
            Ok(true) => Ok(()),
            _ => Err("signature does not match"),
        }
    }

    /// Call only after [`Unverified::verify`].
    pub(crate) fn claims(&self) -> Result<Claims, Refusal> {
        let payload =
            URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| "payload is not base64url")?;
        let members =
            object_without_doubles(&payload).map_err(|_| "payload is not a proper object")?;
        serde_json::from_value(Value::Object(members)).map_err(|_| "claims are not as agreed")
    }
}

/// Verifies a compact JWS with one key: signature and header rules, nothing of the claims.
pub fn verify_signature(token: &str, key: &Jwk) -> Result<(), &'static str> {
    let token = Unverified::parse(token)?;
    token.check_header()?;
    token.verify(key)
}
