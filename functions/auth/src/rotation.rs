//! The rotation of signing keys and MAC keys: the work of `auth-keys`.
//!
//! A new private key is stored before its public part is published, and published a day before it
//! signs. A promotion writes the public set first and moves the private stages after, so that no
//! signature meets a set without its key; a run that dies between the two is repaired by the next,
//! which compares the stages with the set. The MAC key of refresh tokens is that whose version id is
//! the `kid` of the current signing key.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use millwright_core::{Clock, Error, IdGenerator, Result, Timestamp};
use millwright_identity::issuer::Issuer;
use serde_json::Value;

use crate::{
    domain::{KeyState, KeyStep, KeyTimes, due, promoted},
    secret::Secret,
    secrets::{REFRESH, SIGNING, Stage, StoredKey, StoredKeys},
};

/// The secrets as the rotation needs them: it writes private ones and reads none.
pub trait KeyStages: Send + Sync {
    /// The public set; none before the first.
    fn published(&self) -> BoxFuture<'_, Result<Option<StoredKeys>>>;

    fn publish<'a>(&'a self, keys: &'a StoredKeys) -> BoxFuture<'a, Result<()>>;

    /// Stores a version at a stage, which leaves the version that had it.
    fn put<'a>(
        &'a self,
        name: &'a str,
        version: &'a str,
        secret: &'a Secret,
        stage: Stage,
    ) -> BoxFuture<'a, Result<()>>;

    /// Which version stands at which stage.
    fn stages<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<Stage, String>>>;

    /// Moves a stage to a version; none: takes it off.
    fn move_stage<'a>(
        &'a self,
        name: &'a str,
        stage: Stage,
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>>;
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    Nothing,
    /// What an earlier run had left undone.
    Repaired,
    Done(KeyStep),
}

/// Moves keys, one step a run.
pub struct Rotation<'r> {
    pub stages: &'r dyn KeyStages,
    pub clock: Clock,
    pub ids: IdGenerator,
}

fn stage_of(state: KeyState) -> Stage {
    match state {
        KeyState::Next => Stage::Next,
        KeyState::Current => Stage::Current,
        KeyState::Previous => Stage::Previous,
    }
}

impl Rotation<'_> {
    /// One run: repairs, or does the one step that is due. With `compromised` the next key is
    /// promoted now, the current one disappears, and a new next one is made.
    ///
    /// # Errors
    /// `unavailable`; the next run goes on.
    pub async fn run(&self, compromised: bool) -> Result<Rotated> {
        let stored = self.stages.published().await?.unwrap_or_default();
        if self.repair(&stored).await? {
            return Ok(Rotated::Repaired);
        }
        let now = self.clock.now();
        let keys = times(&stored);
        let step = if compromised { KeyStep::Promote } else { due(&keys, now) };
        match step {
            KeyStep::Nothing => return Ok(Rotated::Nothing),
            KeyStep::Begin => self.make(stored, KeyState::Current).await?,
            KeyStep::Prepare => self.make(stored, KeyState::Next).await?,
            KeyStep::Retire => self.settle(&without_previous(stored)).await?,
            KeyStep::Promote => {
                if !keys.iter().any(|key| key.state == KeyState::Next) {
                    return Err(Error::unavailable("there is no next key yet: run again"));
                }
                let after = with_times(&stored, &promoted(&keys, now));
                self.settle(&after).await?;
                if compromised {
                    // Nothing signs with the leaked key any more: its tokens die with its absence.
                    let after = without_previous(after);
                    self.settle(&after).await?;
                    self.make(after, KeyState::Next).await?;
                }
            }
        }
        Ok(Rotated::Done(step))
    }

    /// The public set, then the private stages.
    async fn settle(&self, keys: &StoredKeys) -> Result<()> {
        self.stages.publish(keys).await?;
        self.repair(keys).await.map(drop)
    }

    /// Makes a key: private part, public part, stages.
    async fn make(&self, mut stored: StoredKeys, state: KeyState) -> Result<()> {
        let made = Issuer::generate("", "")?;
        let public = serde_json::to_value(made.public_keys()).map_err(Error::internal)?;
        let mut key: StoredKey =
            serde_json::from_value(public["keys"][0].clone()).map_err(Error::internal)?;
        let now = self.clock.now();
        key.set(&KeyTimes {
            kid: key.kid.clone(),
            state,
            created_at: now,
            promoted_at: (state == KeyState::Current).then_some(now),
            demoted_at: None,
        });
        let secret = Secret::new(made.private_pem());
        self.stages.put(SIGNING, &key.kid, &secret, stage_of(state)).await?;
        stored.keys.push(key);
        self.settle(&stored).await
    }

    /// Brings the stages to where the public set says they are; true if they were not.
    async fn repair(&self, stored: &StoredKeys) -> Result<bool> {
        let mut repaired = false;
        let wanted: BTreeMap<Stage, String> =
            times(stored).into_iter().map(|key| (stage_of(key.state), key.kid)).collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        let found = self.stages.stages(SIGNING).await?;
        for stage in [Stage::Current, Stage::Previous, Stage::Next] {
            if found.get(&stage) != wanted.get(&stage) {
                let to = wanted.get(&stage).map(String::as_str);
                self.stages.move_stage(SIGNING, stage, to).await?;
                repaired = true;
            }
        }
        let macs = self.stages.stages(REFRESH).await?;
        let (held, current) = (macs.get(&Stage::Current), wanted.get(&Stage::Current));
        if let Some(kid) = current
            && held != Some(kid)
        {
            // First, so that tokens of the old one are good all along.
            if let Some(old) = held {
                self.stages.move_stage(REFRESH, Stage::Previous, Some(old)).await?;
            }
            let secret = Secret::random(&self.ids);
            self.stages.put(REFRESH, kid, &secret, Stage::Current).await?;
            repaired = true;
        }
        Ok(repaired)
    }
}

fn times(stored: &StoredKeys) -> Vec<KeyTimes> {
    stored.keys.iter().filter_map(StoredKey::times).collect()
}

fn without_previous(stored: StoredKeys) -> StoredKeys {
    let previous = Some(KeyState::Previous.as_str());
    let kept = |key: &StoredKey| key.state.as_deref() != previous;
    StoredKeys { keys: stored.keys.into_iter().filter(kept).collect() }
}

/// Those keys that are left, with their new times.
fn with_times(stored: &StoredKeys, after: &[KeyTimes]) -> StoredKeys {
    let moved = |key: &StoredKey| {
        let times = after.iter().find(|times| times.kid == key.kid)?;
        let mut key = key.clone();
        key.set(times);
        Some(key)
    };
    StoredKeys { keys: stored.keys.iter().filter_map(moved).collect() }
}

impl StoredKey {
    fn times(&self) -> Option<KeyTimes> {
        let time = |name: &str| -> Option<Timestamp> {
            self.others.get(name).and_then(Value::as_str)?.parse().ok()
        };
        Some(KeyTimes {
            kid: self.kid.clone(),
            state: self.state.as_deref()?.parse().ok()?,
            created_at: time("createdAt").unwrap_or(Timestamp::UNIX_EPOCH),
            promoted_at: time("promotedAt"),
            demoted_at: time("demotedAt"),
        })
    }

    fn set(&mut self, times: &KeyTimes) {
        self.state = Some(times.state.to_string());
        let all = [
            ("createdAt", Some(times.created_at)),
            ("promotedAt", times.promoted_at),
            ("demotedAt", times.demoted_at),
        ];
        for (name, at) in all {
            if let Some(at) = at {
                self.others.insert(name.to_owned(), Value::String(at.to_string()));
            }
        }
    }
}
