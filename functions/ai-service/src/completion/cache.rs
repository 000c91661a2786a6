//! The cache: an answer that was given before is given again, and costs nothing.

use std::time::Duration;

use deserr::Deserr;
use millwright_core::{Bounded, Faults, Timestamp, UserId, wire_enum};
use millwright_model::{
    Answer, Choice, Envelope, Finish, Part, Request, Surface, read_answer, write_answer,
};
use millwright_store::Condition;
use serde_json::{Value, json};

use super::{Asked, Completions, Extension, open::Open};
use crate::{
    domain::{CacheMode, Model, ModelId, Purge, Settings},
    gateway::Target,
    store::{CachedItem, CachedMark},
};

wire_enum! {
    /// Whose answers are given again.
    pub enum CacheScope {
        /// Anybody's of the organization.
        Organization = "organization",
        /// One's own alone.
        User = "user",
    }
}

/// What a request wants with the cache.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct CacheWish {
    /// As the settings say, if it says nothing.
    #[deserr(default)]
    pub mode: Option<CacheMode>,
    /// How long an answer is kept: an hour, if it says nothing.
    #[deserr(default)]
    pub ttl_seconds: Option<Bounded<60, 604_800>>,
    #[deserr(default)]
    pub scope: Option<CacheScope>,
}

/// Seconds for which an answer is kept, if nobody says how long.
const KEPT: u32 = 3_600;
/// The largest answer that is kept, in bytes of its JSON.
const MAX_BYTES: usize = 256 * 1024;

/// Fields that change nothing of the answer, or that the key has otherwise.
const APART: &[&str] = &[
    "metadata",
    "millwright",
    "model",
    "prompt_cache_key",
    "safety_identifier",
    "store",
    "stream",
    "stream_options",
    "user",
];

/// What the cache is to do for a request.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    surface: Surface,
    reads: bool,
    writes: bool,
    kept: Duration,
    /// Whose alone the answer is.
    user: Option<UserId>,
    /// Digest of all that an answer depends on but the model.
    request: String,
}

impl Cache {
    /// Of a request that wants it. Of several answers none is kept.
    pub fn of(
        asked: &Asked,
        request: &Request,
        extension: &Extension,
        settings: &Settings,
    ) -> Option<Cache> {
        let wish = extension.cache.as_ref();
        let mode = wish.and_then(|wish| wish.mode).unwrap_or(settings.cache_default);
        // A stream would be replayed without them.
        if mode == CacheMode::Off || request.n > 1 || request.logprobs {
            return None;
        }
        let is_own = wish.and_then(|wish| wish.scope) == Some(CacheScope::User);
        let user = match is_own {
            true => json!([asked.user, asked.api_key]),
            false => Value::Null,
        };
        let mut body = request.original.body.clone();
        body.retain(|name, _| !APART.contains(&name.as_str()));
        let surface = match asked.surface {
            Surface::OpenAi => "openai",
            Surface::Anthropic => "anthropic",
        };
        let seconds = wish.and_then(|wish| wish.ttl_seconds).map_or(KEPT, |it| it.get());
        let mut key = json!({
            "organization": asked.tenant.organization(), "user": user, "surface": surface,
            "body": body,
        });
        key.sort_all_objects();
        Some(Cache {
            surface: asked.surface,
            reads: matches!(mode, CacheMode::Read | CacheMode::ReadWrite),
            writes: matches!(mode, CacheMode::Write | CacheMode::ReadWrite),
            kept: Duration::from_secs(seconds.into()),
            user: asked.user.filter(|_| is_own),
            request: crate::digest::hex(key.to_string().as_bytes()),
        })
    }

    /// SHA-256 of everything that an answer depends on.
    fn digest(&self, model: ModelId, version: u64) -> String {
        crate::digest::hex(format!("{model}#{version}#{}", self.request).as_bytes())
    }

    /// The answer of this model, if there is one. One GetItem.
    pub async fn find(
        &self,
        app: &Completions,
        asked: &Asked,
        model: &Model,
        purges: &[Purge],
    ) -> Option<Found> {
        if !self.reads {
            return None;
        }
        let digest = self.digest(model.id, model.common.version);
        let place = CachedItem::place(&asked.tenant, &digest);
        let item = match app.store.get::<CachedItem>(&place).await {
            Ok(item) => item.filter(|item| item.expires_at > app.now())?,
            Err(error) => {
                // Whoever cannot look asks.
                tracing::warn!(%error, "the cache cannot be read");
                return None;
            }
        };
        if purges.iter().any(|purge| purge.takes(model.id, self.user, item.created_at)) {
            return None;
        }
        let body = serde_json::from_str(&item.body).ok()?;
        let answer = read_answer(self.surface.dialect(), &digest, body).ok()?;
        Some(Found { answer, dropped: item.dropped })
    }

    /// Keeps an answer that is whole and small enough. Two PutItem, first of the mark; if that fails nobody is told.
    async fn keep(
        &self,
        app: &Completions,
        asked: &Asked,
        target: &Target,
        created_at: Timestamp,
        answer: &Answer,
        dropped: &[String],
    ) {
        let is_whole =
            |finish: &Option<Finish>| matches!(finish, Some(Finish::Stop | Finish::ToolCalls));
        let is_foreign = |part: &Part| matches!(part, Part::Other { .. } | Part::Image(_));
        let may_come_again =
            |choice: &Choice| is_whole(&choice.finish) && !choice.parts.iter().any(is_foreign);
        if !self.writes || !answer.choices.iter().all(may_come_again) {
            return;
        }
        let body = write_answer(self.surface, answer, &Envelope::default()).to_string();
        if body.len() > MAX_BYTES {
            return;
        }
        let digest = self.digest(target.model_id, target.model_version);
        let expires_at = app.now().plus(self.kept);
        let mark = CachedMark {
            digest: digest.clone(),
            model_id: target.model_id,
            user_id: self.user,
            created_at,
            expires_at,
        };
        let dropped = dropped.to_vec();
        let item = CachedItem { digest, body, dropped, created_at, expires_at };
        let always = Condition::default();
        let kept = async {
            app.store.put_when(&asked.tenant, &mark, &always).await?;
            app.store.put_when(&asked.tenant, &item, &always).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "an answer is not kept");
        }
    }
}

/// An answer that was given before.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub answer: Answer,
    pub dropped: Vec<String>,
}

/// Keeps the answer of this target, if the request wants that.
pub(super) async fn keep(
    app: &Completions,
    open: &Open,
    target: usize,
    answer: &Answer,
    dropped: &[String],
) {
    if let (Some(cache), Some(target)) = (&open.cache, open.plan.targets.get(target)) {
        let created_at = open.completion.summary.created_at;
        cache.keep(app, &open.asked, target, created_at, answer, dropped).await;
    }
}
