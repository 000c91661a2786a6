//! Values that move from one backend to the other.
//!
//! Each is put where it goes, and then one transaction says that it is there and not here any more:
//! who dies in between puts the same once more. The secret changes its backend when nothing is left
//! behind; what is written meanwhile goes to the old one and is moved, too.

use std::time::Duration;

use futures::future::BoxFuture;
use millwright_core::{Result, Tenant};
use millwright_job::{Advance, Halt, Run, Work};
use millwright_store::{Condition, Update};

use super::{SecretJobs, work::go_on};
use crate::{
    backend::Spot,
    domain::{Backend, DestroyReason, Secret, SecretId, Stamp, VersionState},
    events::{SecretData, SecretMigrated, VersionData, VersionDestroyed},
    secret::replace,
    store::{Loaded, ValueItem, VersionItem, load},
    vault::Vault,
    work::record_of,
};

pub(super) struct Migrate(pub Vault);

/// So far apart the store is given values: with five jobs at once below 50 a second.
const PACE: Duration = Duration::from_millis(110);

/// What is to be done next.
enum Next {
    /// Old versions beyond what the backend can keep.
    Prune,
    Move(Box<VersionItem>),
    /// New values go to where the others are by now.
    Switch,
    /// Nothing but the end.
    Finish,
    /// A value is on its way to the store.
    Wait,
}

impl Work<SecretJobs> for Migrate {
    /// A Query, a batch read, at most two calls to the store and the transaction of the chunk.
    fn advance<'a>(&'a self, run: &'a mut Run<SecretJobs>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let id: SecretId = run.request()?;
            let tenant = *run.tenant();
            let Some(loaded) = load(&self.0.store, &tenant, id).await? else {
                return Ok(Advance::Finished);
            };
            let Some(migration) = loaded.inside.migrating else { return Ok(Advance::Finished) };
            let moved = run.checkpoint::<u64>()?.unwrap_or_default();
            match self.next(&tenant, &loaded, migration.to).await? {
                Next::Wait => {
                    // Who announced it makes it a version within seconds, or the jobs do later.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(Advance::More)
                }
                Next::Prune => self.prune(run, &loaded, moved).await,
                Next::Move(version) => {
                    self.move_one(run, &loaded, *version, migration.to, moved + 1).await
                }
                Next::Switch => self.switch(run, &loaded, migration.to, moved).await,
                Next::Finish => self.finish(run, &loaded, migration.to, moved).await,
            }
        })
    }
}

impl Migrate {
    async fn next(&self, tenant: &Tenant, loaded: &Loaded, to: Backend) -> Result<Next> {
        let Loaded { secret, inside, .. } = loaded;
        if !inside.clone().prune(secret).is_empty() {
            return Ok(Next::Prune);
        }
        // Newest first.
        let place = |number: &u32| VersionItem::place(tenant, secret.id, *number);
        let places: Vec<_> = inside.kept.iter().rev().map(place).collect();
        let mut left: Vec<VersionItem> = Vec::new();
        for item in self.0.store.get_many(&places).await? {
            let version: VersionItem = item.decode()?;
            let is_there = version.is_outside == (to == Backend::AwsSecretsManager);
            if !is_there && version.state != VersionState::Destroyed {
                left.push(version);
            }
        }
        Ok(match left.into_iter().max_by_key(VersionItem::number) {
            Some(version) => Next::Move(Box::new(version)),
            None if secret.backend == to => Next::Finish,
            None if inside.announced.is_some() => Next::Wait,
            None => Next::Switch,
        })
    }

    async fn prune(
        &self,
        run: &mut Run<SecretJobs>,
        loaded: &Loaded,
        moved: u64,
    ) -> Result<Advance, Halt> {
        let (secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
        let pruned = inside.prune(&secret);
        let secret = secret.stamped(self.stamp(run));
        let mut chunk = run.chunk();
        for old in pruned {
            let reason = DestroyReason::Pruned;
            VersionItem::destroy(&mut chunk, secret.id, old, self.0.now(), reason);
            chunk.emit(&VersionDestroyed(VersionData::of(&secret, old, None)))?;
        }
        replace(&mut chunk, &secret, &inside, loaded.secret.version)?;
        go_on(chunk.commit(run, &moved).await?)
    }

    /// Put where it goes, then told. The other place forgets it with that, or with the end.
    async fn move_one(
        &self,
        run: &mut Run<SecretJobs>,
        loaded: &Loaded,
        version: VersionItem,
        to: Backend,
        moved: u64,
    ) -> Result<Advance, Halt> {
        let (tenant, id, number) = (*run.tenant(), loaded.secret.id, version.number());
        let spot = Spot { organization: loaded.secret.organization_id, secret: id, number };
        let (row, value) =
            (VersionItem::place(&tenant, id, number), ValueItem::place(&tenant, id, number));
        // As it was read: not deleted, restored or destroyed meanwhile.
        let unchanged = Condition::default().equals("state", version.state);
        let update = Update::when(unchanged);
        let mut chunk = run.chunk();
        match to {
            Backend::AwsSecretsManager => {
                let found: Option<ValueItem> = self.0.store.get(&value).await?;
                // Destroyed since the row was read.
                let Some(found) = found else { return Ok(Advance::More) };
                let opened = self.0.keys.open(&tenant, &found).await?;
                self.0.outside.put(spot, &opened).await?;
                tokio::time::sleep(PACE).await;
                chunk.update(&row, &update.set("isOutside", true).remove("dataKeyId"));
                chunk.delete(&value);
            }
            Backend::Internal => {
                let opened = self.0.outside.get(spot).await?;
                let sealed = self.0.keys.seal(&tenant, id, number, &opened).await?;
                let key = sealed.data_key_id;
                chunk.update(&row, &update.set("isOutside", false).set("dataKeyId", key));
                chunk.put(&sealed);
            }
        }
        let left = u64::try_from(loaded.inside.kept.len()).unwrap_or(u64::MAX);
        chunk.done(moved, Some(left.max(moved)));
        go_on(chunk.commit(run, &moved).await?)
    }

    /// All values are there. Back from the store it is told first, so that nobody writes there while
    /// it is emptied.
    async fn switch(
        &self,
        run: &mut Run<SecretJobs>,
        loaded: &Loaded,
        to: Backend,
        moved: u64,
    ) -> Result<Advance, Halt> {
        let (before, inside) = (&loaded.secret, &loaded.inside);
        let after = Secret { backend: to, ..before.clone() }.stamped(self.stamp(run));
        let mut chunk = run.chunk();
        replace(&mut chunk, &after, inside, before.version)?;
        chunk.emit(&SecretMigrated(SecretData::between(before, &after)))?;
        let job = run.job();
        let request = job.id.to_string();
        let by = &job.created_by;
        chunk.put(&record_of(&self.0, by, &request, "secret_migrate", Some(&after)));
        go_on(chunk.commit(run, &moved).await?)
    }

    async fn finish(
        &self,
        run: &mut Run<SecretJobs>,
        loaded: &Loaded,
        to: Backend,
        moved: u64,
    ) -> Result<Advance, Halt> {
        if to == Backend::Internal {
            // Nobody puts anything there: the secret is internal, and does not move anew before the
            // end is told.
            self.0.outside.delete(loaded.secret.organization_id, loaded.secret.id).await?;
        }
        let mut inside = loaded.inside.clone();
        inside.migrating = None;
        let after = loaded.secret.clone().stamped(self.stamp(run));
        let mut chunk = run.chunk();
        replace(&mut chunk, &after, &inside, loaded.secret.version)?;
        chunk.done(moved, Some(moved));
        go_on(chunk.commit(run, &moved).await?)
    }

    fn stamp(&self, run: &Run<SecretJobs>) -> Stamp {
        Stamp { at: self.0.now(), by: run.job().created_by.clone() }
    }
}
