//! Issuing access tokens, for the local stage and for tests. When deployed, only the token
//! function of the auth service can read a signing key.

use std::fmt::Display;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, crypto,
    jwk::{
        AlgorithmParameters, CommonParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
        RSAKeyParameters, ThumbprintHash,
    },
};
use millwright_core::{Error, OrgId, Result, Timestamp, UserId};
use pem::Pem;
use serde::Serialize;

use crate::{ACCESS_TOKEN_LIFETIME, Claims, token::Audience};

/// An RSA key pair of 2048 bits with its thumbprint (RFC 7638) as `kid`.
pub struct Issuer {
    signing: EncodingKey,
    public: Jwk,
    private_pem: String,
    pub issuer: String,
    pub audience: String,
}

/// Whom a token is for.
#[derive(Clone, Debug)]
pub struct Grant {
    pub user: UserId,
    pub organization: Option<OrgId>,
    /// A system role, or the id of a custom one together with `permissions`.
    pub role: Option<String>,
    pub permissions: Option<String>,
}

impl Issuer {
    pub fn generate(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Issuer> {
        let pair = KeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| Error::internal("no RSA key could be made"))?;
        let der: Pkcs8V1Der<'static> =
            pair.as_der().map_err(|_| Error::internal("the RSA key has no PKCS #8 form"))?;
        let pem = pem::encode(&Pem::new("PRIVATE KEY", der.as_ref()));
        Issuer::from_pem(&pem, issuer, audience)
    }

    /// From PKCS #8 PEM, as [`Issuer::private_pem`] gives it.
    pub fn from_pem(
        private_pem: &str,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Issuer> {
        let der = pem::parse(private_pem)
            .map_err(|error| Error::internal(format!("not a PEM file: {error}")))?;
        let pair = KeyPair::from_pkcs8(der.contents())
            .map_err(|rejected| Error::internal(format!("not an RSA key: {rejected}")))?;
        let components: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let mut public = Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::RS256),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::RSA(RSAKeyParameters {
                n: URL_SAFE_NO_PAD.encode(&components.n),
                e: URL_SAFE_NO_PAD.encode(&components.e),
                ..RSAKeyParameters::default()
            }),
        };
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).map_err(malformed)?);
        Ok(Issuer {
            signing: EncodingKey::from_rsa_pem(private_pem.as_bytes()).map_err(malformed)?,
            public,
            private_pem: private_pem.to_owned(),
            issuer: issuer.into(),
            audience: audience.into(),
        })
    }

    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    pub fn public_keys(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// The claims of an ordinary access token, for tests to bend.
    pub fn claims(&self, grant: &Grant, now: Timestamp, token_id: &str) -> Claims {
        let issued = now.as_second();
        Claims {
            iss: self.issuer.clone(),
            aud: Audience::One(self.audience.clone()),
            sub: grant.user.to_string(),
            iat: issued,
            exp: issued + i64::try_from(ACCESS_TOKEN_LIFETIME.as_secs()).unwrap_or_default(),
            jti: token_id.to_owned(),
            client_id: "cli".to_owned(),
            sid: None,
            auth_time: Some(issued),
            org: grant.organization.map(|organization| organization.to_string()),
            role: grant.role.clone(),
            perms: grant.permissions.clone(),
            fv: [0; 4],
            key: None,
            op: None,
        }
    }

    pub fn issue(&self, grant: &Grant, now: Timestamp, token_id: &str) -> Result<String> {
        self.sign(&self.header(), &self.claims(grant, now, token_id))
    }

    pub fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = self.public.common.key_id.clone();
        header
    }

    pub fn sign(&self, header: &Header, claims: &impl Serialize) -> Result<String> {
        jsonwebtoken::encode(header, claims, &self.signing).map_err(unsigned)
    }

    /// Signs texts as they are, with RS256 whatever the header claims: for tests that bend tokens
    /// in ways no library would write.
    pub fn sign_raw(&self, header: impl Display, claims: impl Display) -> Result<String> {
        let [header, claims] =
            [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let signature = crypto::sign(message.as_bytes(), &self.signing, Algorithm::RS256);
        Ok(format!("{message}.{}", signature.map_err(unsigned)?))
    }
}

fn unsigned(error: jsonwebtoken::errors::Error) -> Error {
    Error::internal(format!("the token could not be signed: {error}"))
}

fn malformed(error: jsonwebtoken::errors::Error) -> Error {
    Error::internal(format!("the signing key is malformed: {error}"))
}
