//! Rate limits: windows of minutes and days in UTC.
//!
//! One conditional ADD for each subject and window, no transaction: a hot subject would collide
//! with itself. What one of several refuses, the others get back.

use std::time::Duration;

use futures::future::join_all;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::Effects;
use millwright_model::{Code, SurfaceError};
use millwright_store::{Condition, Key, Partition, RawItem, Store, Update, Updated, schema::TTL};

use super::{Asked, Completions, Refused};
use crate::{
    domain::{LimitScope, RateLimit},
    events::{RateLimitExceeded, RateLimitExceededData},
    store::FullWindowItem,
};

/// The subjects of a request.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    pub organization: String,
    pub user: Option<String>,
    pub api_key: Option<String>,
    pub model: String,
    pub provider: String,
}

impl Subjects {
    fn of(&self, scope: LimitScope) -> Option<&str> {
        match scope {
            LimitScope::Organization => Some(&self.organization),
            LimitScope::User => self.user.as_deref(),
            LimitScope::ApiKey => self.api_key.as_deref(),
            LimitScope::Model => Some(&self.model),
            LimitScope::Provider => Some(&self.provider),
        }
    }
}

/// One window of one subject, what it takes from it, and where that ends.
#[derive(Clone, Debug)]
pub struct Window {
    key: Key,
    ends: Timestamp,
    requests: Option<u64>,
    tokens: Option<u64>,
    scope: LimitScope,
    subject: String,
    span: Span,
}

/// What is left of a window, as its counter said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub limit: u64,
    pub remaining: u64,
    pub resets: Timestamp,
}

impl Rate {
    fn of(limit: Option<u64>, used: u64, resets: Timestamp) -> Option<Rate> {
        let limit = limit?;
        Some(Rate { limit, remaining: limit.saturating_sub(used), resets })
    }
}

/// What is left to who asks: of requests and of tokens, each of the window with the least left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub requests: Option<Rate>,
    pub tokens: Option<Rate>,
}

impl Rates {
    /// `back`: requests and tokens that the window gets back.
    fn count(&mut self, window: &Window, counter: &RawItem, back: (u64, u64)) {
        let least = |known: &mut Option<Rate>, other: Option<Rate>| {
            let Some(other) = other else { return };
            if known.is_none_or(|known| other.remaining < known.remaining) {
                *known = Some(other);
            }
        };
        let rate = |limit, name, back| {
            let used = counter.number(name).unwrap_or(0).saturating_sub(back);
            Rate::of(limit, used, window.ends)
        };
        least(&mut self.requests, rate(window.requests, "requests", back.0));
        least(&mut self.tokens, rate(window.tokens, "tokens", back.1));
    }
}

/// How long windows of a kind are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    letter: &'static str,
    name: &'static str,
    milliseconds: i64,
}

impl Span {
    pub const MINUTE: Span = Span { letter: "M", name: "minute", milliseconds: 60_000 };
    pub const DAY: Span = Span { letter: "D", name: "day", milliseconds: 24 * 3_600_000 };

    /// Begin and end of the window that holds an instant.
    pub fn around(self, at: Timestamp) -> (Timestamp, Timestamp) {
        let begun = at.as_millisecond().div_euclid(self.milliseconds) * self.milliseconds;
        let end = Timestamp::from_millisecond(begun + self.milliseconds);
        (Timestamp::from_millisecond(begun), end)
    }
}

/// Where a window is counted.
pub(super) fn window_key(
    tenant: &Tenant,
    scope: LimitScope,
    subject: &str,
    span: Span,
    begin: Timestamp,
) -> Key {
    let letter = span.letter;
    Partition::of(tenant).and("RL").and(scope.as_str()).and(subject).at(format!("{letter}#{begin}"))
}

/// The limit that applies in a scope, and to whom. That of one subject comes before that of each one.
pub(super) fn limit_of<'a>(
    limits: &'a [RateLimit],
    subjects: &'a Subjects,
    scope: LimitScope,
) -> Option<(&'a str, &'a RateLimit)> {
    let subject = subjects.of(scope)?;
    let of_scope = |limit: &&RateLimit| limit.scope == scope;
    let named =
        |limit: &&RateLimit| limit.subject_id.as_ref().is_some_and(|it| it.as_str() == subject);
    let own = limits.iter().filter(of_scope).find(named);
    let each = || limits.iter().filter(of_scope).find(|limit| limit.subject_id.is_none());
    Some((subject, own.or_else(each)?))
}

/// The windows of a request.
pub fn windows(
    tenant: &Tenant,
    limits: &[RateLimit],
    subjects: &Subjects,
    now: Timestamp,
) -> Vec<Window> {
    let mut windows = Vec::new();
    for scope in LimitScope::ALL.iter().copied() {
        let Some((subject, limit)) = limit_of(limits, subjects, scope) else { continue };
        let limits = &limit.limits;
        for (span, requests, tokens) in [
            (Span::MINUTE, limits.requests_per_minute, limits.tokens_per_minute),
            (Span::DAY, limits.requests_per_day, limits.tokens_per_day),
        ] {
            if requests.is_none() && tokens.is_none() {
                continue;
            }
            let (begin, ends) = span.around(now);
            let key = window_key(tenant, scope, subject, span, begin);
            let number =
                |quantity: Option<crate::domain::Quantity>| quantity.map(|it| it.get().into());
            windows.push(Window {
                key,
                ends,
                requests: number(requests),
                tokens: number(tokens),
                scope,
                subject: subject.to_owned(),
                span,
            });
        }
    }
    windows
}

/// Takes a request of so many tokens from all windows, or from none: what is left then. One
/// UpdateItem for each window, at the same time; as many again after a refusal, and one transaction
/// of two items for the first of a window that an instance sees.
///
/// # Errors
/// `rate_limit_exceeded`, with what is left.
pub(super) async fn take(
    app: &Completions,
    asked: &Asked,
    windows: &[Window],
    tokens: u64,
) -> std::result::Result<Rates, Refused> {
    let (store, now) = (&app.store, app.now());
    let taken = join_all(windows.iter().map(|window| async move {
        let mut condition: Option<Condition> = None;
        let mut also = |name: &str, limit: u64, wanted: u64| {
            let room = i128::from(limit) - i128::from(wanted);
            let before = condition.take().unwrap_or_default();
            // More than the whole window has, and nobody was there before: refused as well.
            condition = Some(match room < 0 {
                true => before.attribute_exists("never"),
                false => before.at_most(name, room).or_attribute_absent(name),
            });
        };
        if let Some(limit) = window.requests {
            also("requests", limit, 1);
        }
        if let Some(limit) = window.tokens {
            also("tokens", limit, tokens);
        }
        let ttl = window.ends.plus(Duration::from_secs(3_600)).as_second();
        let update = Update::when(condition.unwrap_or_default())
            .add("requests", 1)
            .add_number("tokens", i128::from(tokens))
            .set_number(TTL, i128::from(ttl));
        store.update_counted(&window.key, &update).await
    }))
    .await;
    let mut refused: Option<&Window> = None;
    let (mut passed, mut full) = (Vec::new(), Vec::new());
    for (window, taken) in windows.iter().zip(taken) {
        match taken? {
            Updated::Done(counter) => passed.push((window, counter)),
            Updated::Refused(counter) => {
                // Of several the one that lasts longest.
                if refused.is_none_or(|before| before.ends < window.ends) {
                    refused = Some(window);
                }
                full.push((window, counter));
            }
        }
    }
    let mut rates = Rates::default();
    let back = if refused.is_some() { (1, tokens) } else { (0, 0) };
    passed.iter().for_each(|(window, counter)| rates.count(window, counter, back));
    full.iter().for_each(|(window, counter)| rates.count(window, counter, (0, 0)));
    let Some(refused) = refused else { return Ok(rates) };
    let passed = passed.into_iter().map(|(window, _)| window);
    give_back(store, passed, 1, tokens).await?;
    let wait = refused.ends.since(now).max(Duration::from_secs(1));
    tell(app, asked, refused).await;
    let (scope, span) = (refused.scope, refused.span.name);
    let message =
        format!("rate limit reached: {scope} per {span}; try again in {} s", wait.as_secs());
    let error = SurfaceError::new(Code::RateLimitExceeded, message);
    Err(Refused { error, retry_after: Some(wait), id: None, rates })
}

/// Says that a window is full, once of each. Nobody waits for it twice: whoever was refused is, also
/// if this fails.
async fn tell(app: &Completions, asked: &Asked, window: &Window) {
    if !app.is_first_refusal(&window.key) {
        return;
    }
    let mut effects = Effects::new(&app.store, asked.cause.clone());
    effects.create(&FullWindowItem {
        scope: window.scope,
        subject: window.subject.clone(),
        window: window.key.sort_key().to_owned(),
        ends: window.ends,
    });
    let told = effects.emit(&RateLimitExceeded(RateLimitExceededData {
        scope: window.scope,
        subject_id: window.subject.clone(),
        window: window.span.name.to_owned(),
        requests: window.requests,
        tokens: window.tokens,
        resets: window.ends,
    }));
    let told = match told {
        // Refused: another instance has said so.
        Ok(()) => effects.attempt().await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "a full window was not told");
    }
}

/// Puts back what was taken too much.
///
/// # Errors
/// `unavailable`.
pub async fn give_back<'w>(
    store: &Store,
    windows: impl IntoIterator<Item = &'w Window>,
    requests: i64,
    tokens: u64,
) -> Result<()> {
    let back = Update::new().add("requests", -requests).add_number("tokens", -i128::from(tokens));
    let all = windows.into_iter().map(|window| store.update(&window.key, &back));
    for done in join_all(all).await {
        done?;
    }
    Ok(())
}

/// Makes the tokens of a request what they came to.
///
/// # Errors
/// `unavailable`.
pub async fn correct(store: &Store, windows: &[Window], taken: u64, used: u64) -> Result<()> {
    let by = i128::from(used) - i128::from(taken);
    if by == 0 {
        return Ok(());
    }
    let update = Update::new().add_number("tokens", by);
    let counted = windows.iter().filter(|window| window.tokens.is_some());
    for done in join_all(counted.map(|window| store.update(&window.key, &update))).await {
        done?;
    }
    Ok(())
}
