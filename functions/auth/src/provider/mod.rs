//! Identity providers: where they are, which keys they sign with, and what they assert.

mod http;
mod id_token;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::jwk::JwkSet;
use millwright_core::{Clock, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    domain::{Asserted, Reason},
    secret::Secret,
    settings::{Provider, is_safe},
};

pub use http::{ProviderFailure, ProviderHttp, ProviderRequest, ProviderResponse, WebProviderHttp};
use id_token::{Expected, IdClaims};

pub use id_token::at_hash;

/// What a provider says of itself (OpenID Connect Discovery 1.0), as far as we need it.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(default = "only_rs256")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

fn only_rs256() -> Vec<String> {
    vec!["RS256".to_owned()]
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Tokens {
    id_token: Secret,
    access_token: Option<Secret>,
}

/// The way back from the provider.
pub struct Return<'r> {
    pub code: &'r str,
    pub redirect_uri: &'r str,
    pub verifier: &'r Secret,
    pub nonce: &'r Secret,
    /// An older `auth_time` is refused.
    pub seen_since: Option<Timestamp>,
    pub client_secret: &'r Secret,
}

struct Held<T> {
    at: Timestamp,
    lasts: Duration,
    thing: Arc<T>,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Held { thing: self.thing.clone(), ..*self }
    }
}

/// Metadata and keys of all providers in memory; calls are made when somebody signs in.
pub struct Providers {
    http: Arc<dyn ProviderHttp>,
    clock: Clock,
    metadata: RwLock<HashMap<String, Held<Metadata>>>,
    keys: RwLock<HashMap<String, Held<JwkSet>>>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What could not be read again serves for so long.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// An unknown `kid` makes us read the keys again at most so often.
const REFETCH: Duration = Duration::from_secs(60);
/// The bounds of a key set's `max-age`.
const KEYS_AGE: (Duration, Duration) = (Duration::from_secs(300), DAY);

impl Providers {
    pub fn new(http: Arc<dyn ProviderHttp>, clock: Clock) -> Providers {
        Providers { http, clock, metadata: RwLock::default(), keys: RwLock::default() }
    }

    /// The metadata, read once a day.
    ///
    /// # Errors
    /// `provider_timeout`, `provider_error`.
    pub async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, Reason> {
        let now = self.clock.now();
        let held = get(&self.metadata, &provider.id);
        if let Some(held) = &held
            && held.at.is_within(held.lasts, now)
        {
            return Ok(held.thing.clone());
        }
        let issuer = provider.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let fetched = match self.read::<Metadata>(&url).await {
            Ok((metadata, _)) => metadata.checked(&provider.issuer),
            Err(reason) => Err(reason),
        };
        self.keep(&self.metadata, &provider.id, held, fetched.map(|it| (it, DAY)))
    }

    /// The keys a provider signs with; read again if `kid` is not among them.
    async fn keys(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        kid: Option<&str>,
    ) -> Result<Arc<JwkSet>, Reason> {
        let now = self.clock.now();
        let held = get(&self.keys, &provider.id);
        if let Some(held) = &held {
            let is_known = kid.is_none_or(|kid| held.thing.find(kid).is_some());
            let lasts = if is_known { held.lasts } else { REFETCH };
            if held.at.is_within(lasts, now) {
                return Ok(held.thing.clone());
            }
        }
        let fetched = self.read::<JwkSet>(&metadata.jwks_uri).await.map(|(keys, max_age)| {
            (keys, max_age.unwrap_or_default().clamp(KEYS_AGE.0, KEYS_AGE.1))
        });
        self.keep(&self.keys, &provider.id, held, fetched)
    }

    fn keep<T>(
        &self,
        all: &RwLock<HashMap<String, Held<T>>>,
        id: &str,
        held: Option<Held<T>>,
        fetched: Result<(T, Duration), Reason>,
    ) -> Result<Arc<T>, Reason> {
        let now = self.clock.now();
        match (fetched, held) {
            (Ok((thing, lasts)), _) => {
                let held = Held { at: now, lasts, thing: Arc::new(thing) };
                let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
                all.insert(id.to_owned(), held.clone());
                Ok(held.thing)
            }
            (Err(reason), Some(old)) if old.at.is_within(OLDEST, now) => {
                tracing::warn!(provider = id, %reason, "an old copy of the provider serves");
                Ok(old.thing)
            }
            (Err(reason), _) => Err(reason),
        }
    }

    async fn read<T: DeserializeOwned>(&self, url: &str) -> Result<(T, Option<Duration>), Reason> {
        let answer = self.http.send(ProviderRequest::get(url)).await.map_err(reason)?;
        let max_age = answer.max_age;
        Ok((answer.json()?, max_age))
    }

    /// True unless metadata or keys of a provider are so old that they serve no more.
    pub fn are_fresh(&self) -> bool {
        let now = self.clock.now();
        are_within(&self.metadata, now) && are_within(&self.keys, now)
    }

    /// Exchanges the code and checks everything (specs auth, section 5.1). Two calls; one more for
    /// userinfo, and those for metadata and keys that are not known.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub async fn asserted(
        &self,
        provider: &Provider,
        back: Return<'_>,
    ) -> Result<Asserted, Reason> {
        let metadata = self.metadata(provider).await?;
        let tokens = self.exchange(provider, &metadata, &back).await?;
        let id_token = tokens.id_token.expose();
        let kid = id_token::kid(id_token)?;
        let keys = self.keys(provider, &metadata, kid.as_deref()).await?;
        let expected = Expected {
            provider,
            metadata: &metadata,
            nonce: back.nonce,
            access_token: tokens.access_token.as_ref(),
            seen_since: back.seen_since,
            now: self.clock.now(),
        };
        let mut claims = id_token::verify(id_token, &keys, &expected)?;
        if claims.email.is_none() {
            self.complete(&metadata, tokens.access_token.as_ref(), &mut claims).await?;
        }
        claims.asserted(provider)
    }

    async fn exchange(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        back: &Return<'_>,
    ) -> Result<Tokens, Reason> {
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let has = |method: &str| methods.iter().any(|it| it == method);
        let in_form = !methods.is_empty() && !has("client_secret_basic");
        let request = ProviderRequest::token(
            &metadata.token_endpoint,
            [
                ("grant_type", "authorization_code"),
                ("code", back.code),
                ("redirect_uri", back.redirect_uri),
                ("code_verifier", back.verifier.expose()),
            ],
            (&provider.client_id, back.client_secret),
            in_form,
        );
        let answer = match self.http.send(request.clone()).await {
            // Nothing has reached the provider: the code is unused.
            Err(ProviderFailure::NotConnected) => self.http.send(request).await,
            answer => answer,
        };
        answer.map_err(reason)?.json()
    }

    /// The e-mail of a provider that tells it by userinfo only.
    async fn complete(
        &self,
        metadata: &Metadata,
        access_token: Option<&Secret>,
        claims: &mut IdClaims,
    ) -> Result<(), Reason> {
        let (Some(url), Some(token)) = (&metadata.userinfo_endpoint, access_token) else {
            return Err(Reason::EmailMissing);
        };
        let request = ProviderRequest::get(url).with_bearer(token);
        let answer = self.http.send(request).await.map_err(reason)?;
        claims.complete(answer.json()?)
    }
}

fn get<T>(all: &RwLock<HashMap<String, Held<T>>>, id: &str) -> Option<Held<T>> {
    all.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
}

fn are_within<T>(all: &RwLock<HashMap<String, Held<T>>>, now: Timestamp) -> bool {
    let all = all.read().unwrap_or_else(PoisonError::into_inner);
    all.values().all(|held| held.at.is_within(OLDEST, now))
}

fn reason(failure: ProviderFailure) -> Reason {
    match failure {
        ProviderFailure::TimedOut => Reason::ProviderTimeout,
        ProviderFailure::NotConnected => Reason::ProviderError,
        ProviderFailure::Broken(detail) => {
            tracing::warn!(detail, "the provider cannot be understood");
            Reason::ProviderError
        }
    }
}

impl Metadata {
    /// Only what is the configured issuer's, and only endpoints we may call.
    fn checked(self, issuer: &str) -> Result<Metadata, Reason> {
        let urls = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let are_safe = urls.into_iter().chain(&self.userinfo_endpoint).all(|url| is_safe(url));
        let is_same = self.issuer.trim_end_matches('/') == issuer.trim_end_matches('/');
        if !is_same || !are_safe {
            tracing::warn!(issuer, found = self.issuer, "provider metadata is not acceptable");
            return Err(Reason::ProviderError);
        }
        Ok(self)
    }
}
