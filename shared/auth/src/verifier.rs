//! From a bearer token to a principal.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_core::{Clock, Error, OrgId, Result, Tenant, Timestamp, Voucher, codes};

use crate::{
    FactVersions, Grants, KeyCache, Pattern, Principal, SystemRole,
    token::{Claims, Refusal, Unverified},
};

/// The revocation feed: a port whose adapter comes with the auth service.
pub trait Revocations: Send + Sync {
    /// Fails with `token_revoked`, `token_stale` or `revocation_unknown`.
    fn check<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<()>>;
}

/// No feed yet: tokens live out their 15 minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {
    fn check<'a>(&'a self, _principal: &'a Principal) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Verifies access tokens (specs auth 5.8). No call of its own but the key fetches of [`KeyCache`].
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: KeyCache,
    revocations: Arc<dyn Revocations>,
    clock: Clock,
}

impl Verifier {
    /// Clocks of issuer and verifier may differ by this much.
    const LEEWAY: Duration = Duration::from_secs(30);

    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: KeyCache,
        revocations: Arc<dyn Revocations>,
        clock: Clock,
    ) -> Verifier {
        Verifier { issuer: issuer.into(), audience: audience.into(), keys, revocations, clock }
    }

    /// # Errors
    /// `invalid_token`, `token_expired`, what [`Revocations`] answers, or `unavailable` while no
    /// key set could ever be read.
    pub async fn verify(&self, token: &str) -> Result<Principal> {
        let unverified = Unverified::parse(token).map_err(invalid)?;
        unverified.check_header().map_err(invalid)?;
        let kid = unverified.header("kid").ok_or_else(|| invalid("header has no kid"))?;
        if !unverified.header("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt")) {
            return Err(invalid("typ is not at+jwt"));
        }
        let key = self.keys.get(kid).await?.ok_or_else(|| invalid("kid is not known"))?;
        unverified.verify(&key).map_err(invalid)?;
        let claims = unverified.claims().map_err(invalid)?;
        self.check_claims(&claims)?;
        let principal = principal(claims).map_err(invalid)?;
        self.revocations.check(&principal).await?;
        Ok(principal)
    }

    fn check_claims(&self, claims: &Claims) -> Result<()> {
        if claims.iss != self.issuer {
            return Err(invalid("iss is another"));
        }
        if !claims.aud.contains(&self.audience) {
            return Err(invalid("aud is another"));
        }
        let now = self.clock.now();
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
