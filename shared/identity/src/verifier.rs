//! From a bearer token to a principal.

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_core::{Clock, Error, OrgId, Result, Tenant, Timestamp, Voucher, codes};

use crate::{
    FactVersions, Grants, KeyCache, Pattern, Principal, SystemRole,
    token::{Claims, Refusal, Unverified},
};

/// The revocation feed.
pub trait Revocations: Send + Sync {
    /// Fails with `token_revoked`, `token_stale` or `revocation_unknown`.
    fn check<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<()>>;
}

/// No feed: tokens live out their 15 minutes. For tests of other things.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {
    fn check<'a>(&'a self, _principal: &'a Principal) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// API keys, `mwp_…` and `mws_…` (specs auth 5.10).
pub trait ApiKeys: Send + Sync {
    /// Fails with `invalid_token` whatever is wrong with the key, `revocation_unknown` or
    /// `unavailable`. `address` is the caller's, for keys that are good in some networks only.
    fn authenticate<'a>(
        &'a self,
        key: &'a str,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Principal>>;
}

/// No API key is accepted. For tests of other things.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoApiKeys;

impl ApiKeys for NoApiKeys {
    fn authenticate<'a>(
        &'a self,
        _key: &'a str,
        _address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Principal>> {
        Box::pin(async { Err(invalid("no API key is accepted")) })
    }
}

/// What the secrets of API keys begin with: personal ones, and those of an organization.
pub const API_KEY_PREFIXES: [&str; 2] = ["mwp_", "mws_"];

/// The parts of a [`Verifier`].
pub struct VerifierParts {
    pub issuer: String,
    pub audience: String,
    pub keys: KeyCache,
    pub revocations: Arc<dyn Revocations>,
    pub api_keys: Arc<dyn ApiKeys>,
    pub clock: Clock,
}

/// Verifies access tokens (specs auth 5.8) and API keys. No call of its own but the key fetches of
/// [`KeyCache`]; the ports say what they call.
pub struct Verifier(VerifierParts);

impl Verifier {
    /// Clocks of issuer and verifier may differ by this much.
    const LEEWAY: Duration = Duration::from_secs(30);

    pub fn new(parts: VerifierParts) -> Verifier {
        Verifier(parts)
    }

    /// Verifies what a caller has sent from that address.
    ///
    /// # Errors
    /// `invalid_token`, `token_expired`, what the ports answer, or `unavailable` while no key set
    /// could ever be read.
    pub async fn verify(&self, credential: &str, address: Option<IpAddr>) -> Result<Principal> {
        if API_KEY_PREFIXES.iter().any(|prefix| credential.starts_with(prefix)) {
            return self.0.api_keys.authenticate(credential, address).await;
        }
        self.verify_token(credential).await
    }

    async fn verify_token(&self, token: &str) -> Result<Principal> {
        let unverified = Unverified::parse(token).map_err(invalid)?;
        unverified.check_header().map_err(invalid)?;
        let kid = unverified.header("kid").ok_or_else(|| invalid("header has no kid"))?;
        if !unverified.header("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt")) {
            return Err(invalid("typ is not at+jwt"));
        }
        let key = self.0.keys.get(kid).await?.ok_or_else(|| invalid("kid is not known"))?;
        unverified.verify(&key).map_err(invalid)?;
        let claims = unverified.claims().map_err(invalid)?;
        self.check_claims(&claims)?;
        let principal = principal(claims).map_err(invalid)?;
        self.0.revocations.check(&principal).await?;
        Ok(principal)
    }

    fn check_claims(&self, claims: &Claims) -> Result<()> {
        if claims.iss != self.0.issuer {
            return Err(invalid("iss is another"));
        }
        if !claims.aud.contains(&self.0.audience) {
            return Err(invalid("aud is another"));
        }
        let now = self.0.clock.now();
        if now.plus(Verifier::LEEWAY).as_second() < claims.iat {
            return Err(invalid("iat is in the future"));
        }
        if claims.exp <= claims.iat {
            return Err(invalid("exp is not after iat"));
        }
        if now.minus(Verifier::LEEWAY).as_second() >= claims.exp {
            return Err(Error::new(codes::TOKEN_EXPIRED, "get a new access token"));
        }
        Ok(())
    }
}

fn invalid(refusal: Refusal) -> Error {
    Error::new(codes::INVALID_TOKEN, "the access token is not accepted").because(refusal)
}

fn time_of(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(seconds.saturating_mul(1000))
}

#[allow(
    clippy::disallowed_methods,
    reason = "a verified credential is what a tenant may come from"
)]
fn principal(claims: Claims) -> Result<Principal, Refusal> {
    let is_operator = claims.op.unwrap_or(false);
    if !claims.sub.starts_with("usr_") && !claims.sub.starts_with("svk_") {
        return Err("sub is neither a user nor a service key");
    }
    if is_operator && claims.org.is_some() {
        return Err("an operator token never carries org");
    }
    let organization = match &claims.org {
        Some(org) => Some(org.parse::<OrgId>().map_err(|_| "org is not an organization id")?),
        None => None,
    };
    let grants = match (&organization, &claims.perms, &claims.role) {
        (None, _, _) => Grants::Nothing,
        // A pattern that is not understood grants nothing; the others still hold.
        (Some(_), Some(patterns), _) => Grants::Patterns(
            patterns.split_ascii_whitespace().filter_map(|p| p.parse::<Pattern>().ok()).collect(),
        ),
        (Some(_), None, Some(role)) => {
            role.parse::<SystemRole>().map_or(Grants::Nothing, Grants::Role)
        }
        (Some(_), None, None) => Grants::Nothing,
    };
    let [user, organization_version, membership, role] = claims.fv;
    Ok(Principal {
        subject: claims.sub,
        tenant: organization.map(|org| Tenant::vouched(org, Voucher::Credential)),
        role: claims.role,
        grants,
        client_id: claims.client_id,
        session_id: claims.sid,
        key_id: claims.key,
        is_operator,
        fact_versions: FactVersions { user, organization: organization_version, membership, role },
        signed_in_at: claims.auth_time.map(time_of),
        token_id: claims.jti,
        expires_at: time_of(claims.exp),
    })
}
