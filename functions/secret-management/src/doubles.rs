//! Doubles of what stands around the service, for tests: a key service that really wraps, a secret
//! store, and a directory of made-up people.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::future::BoxFuture;
use millwright_aws::{EncryptionContext, NewDataKey};
use millwright_core::{
    Clock, Error, IdGenerator, OrgId, ProjectId, Result, RoleId, TeamId, Tenant, UserId,
};
use millwright_identity::{Grants, SystemRole};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::{
    app::Ports,
    backend::{SecretStore, Spot},
    codes,
    crypto::{KeyService, Sealed, open, seal},
    directory::{Directory, MemberRole},
    domain::{Plaintext, SecretId, Teams},
};
use millwright_http::Asking;

/// A master key in memory: wraps with AES-256-GCM, the encryption context as additional data.
pub struct LocalKeys {
    master: [u8; 32],
    ids: IdGenerator,
    calls: AtomicUsize,
    is_down: AtomicBool,
}

impl Default for LocalKeys {
    fn default() -> LocalKeys {
        let ids = IdGenerator::new(Clock::system());
        LocalKeys {
            master: ids.random_bytes(),
            ids,
            calls: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
        }
    }
}

impl LocalKeys {
    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    fn called(&self) -> Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(Error::new(codes::KEY_SERVICE_UNAVAILABLE, "down")),
            false => Ok(()),
        }
    }
}

fn additional_data(context: &EncryptionContext) -> Vec<u8> {
    format!("{context:?}").into_bytes()
}

impl KeyService for LocalKeys {
    fn generate<'a>(&'a self, context: &'a EncryptionContext) -> BoxFuture<'a, Result<NewDataKey>> {
        Box::pin(async move {
            self.called()?;
            let plaintext = Zeroizing::new(self.ids.random_bytes::<32>().to_vec());
            let nonce = self.ids.random_bytes();
            let sealed = seal(&self.master, nonce, &additional_data(context), &plaintext)?;
            let wrapped = [sealed.nonce.to_vec(), sealed.ciphertext.to_vec()].concat();
            Ok(NewDataKey { plaintext, wrapped, key_id: "local".to_owned() })
        })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        context: &'a EncryptionContext,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            self.called()?;
            let (nonce, ciphertext) = wrapped.split_at(wrapped.len().min(12));
            let sealed = Sealed {
                nonce: ByteBuf::from(nonce.to_vec()),
                ciphertext: ByteBuf::from(ciphertext.to_vec()),
            };
            open(&self.master, &additional_data(context), &sealed)
                .map_err(|error| Error::new(codes::KEY_SERVICE_UNAVAILABLE, "").because(error))
        })
    }
}

/// People, teams and projects as a test wants them. Everybody is a member with a role that is given;
/// whoever is not named is no member.
#[derive(Default)]
pub struct LocalDirectory {
    teams: Mutex<HashMap<UserId, Teams>>,
    roles: Mutex<HashMap<UserId, SystemRole>>,
    missing: Mutex<HashSet<ProjectId>>,
    is_down: AtomicBool,
}

impl LocalDirectory {
    pub fn seat(&self, user: UserId, teams: Teams) {
        lock(&self.teams).insert(user, teams);
    }

    pub fn member(&self, user: UserId, role: SystemRole) {
        lock(&self.roles).insert(user, role);
    }

    /// There is no such project any more.
    pub fn without_project(&self, project: ProjectId) {
        lock(&self.missing).insert(project);
    }

    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    fn called(&self) -> Result<()> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(Error::new(codes::DIRECTORY_UNAVAILABLE, "down")),
            false => Ok(()),
        }
    }
}

impl Directory for LocalDirectory {
    fn teams<'a>(
        &'a self,
        _organization: OrgId,
        user: UserId,
        _asking: &'a Asking,
    ) -> BoxFuture<'a, Result<Teams>> {
        Box::pin(async move {
            self.called()?;
            Ok(lock(&self.teams).get(&user).cloned().unwrap_or_default())
        })
    }

    fn project_exists<'a>(
        &'a self,
        project: ProjectId,
        _asking: &'a Asking,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.called()?;
            Ok(!lock(&self.missing).contains(&project))
        })
    }

    fn team_exists<'a>(&'a self, team: TeamId, _asking: &'a Asking) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.called()?;
            let teams = lock(&self.teams);
            let mut all = teams.values().flat_map(|teams| &teams.above);
            Ok(all.any(|(id, _)| *id == team))
        })
    }

    fn member_role<'a>(
        &'a self,
        _tenant: &'a Tenant,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<MemberRole>>> {
        Box::pin(async move {
            self.called()?;
            let role = lock(&self.roles).get(&user).copied();
            Ok(role.map(|role| MemberRole { role: role.to_string(), grants: Grants::Role(role) }))
        })
    }

    fn role_exists<'a>(
        &'a self,
        _tenant: &'a Tenant,
        _role: RoleId,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.called().map(|()| false) })
    }
}

/// A secret store in memory.
#[derive(Default)]
pub struct LocalStore {
    values: Mutex<HashMap<Spot, Plaintext>>,
}

impl SecretStore for LocalStore {
    fn put<'a>(&'a self, spot: Spot, value: &'a Plaintext) -> BoxFuture<'a, Result<()>> {
        lock(&self.values).insert(spot, value.clone());
        Box::pin(async { Ok(()) })
    }

    fn has(&self, spot: Spot) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move { Ok(lock(&self.values).contains_key(&spot)) })
    }

    fn get(&self, spot: Spot) -> BoxFuture<'_, Result<Plaintext>> {
        Box::pin(async move {
            let found = lock(&self.values).get(&spot).cloned();
            found.ok_or_else(|| Error::new(codes::VALUE_UNREADABLE, ""))
        })
    }

    fn get_many<'a>(&'a self, spots: &'a [Spot]) -> BoxFuture<'a, Vec<Result<Plaintext>>> {
        Box::pin(futures::future::join_all(spots.iter().map(|spot| self.get(*spot))))
    }

    fn tidy<'a>(
        &'a self,
        _organization: OrgId,
        secret: SecretId,
        kept: &'a [u32],
        _current: Option<u32>,
    ) -> BoxFuture<'a, Result<()>> {
        lock(&self.values).retain(|spot, _| spot.secret != secret || kept.contains(&spot.number));
        Box::pin(async { Ok(()) })
    }

    fn delete(&self, _organization: OrgId, secret: SecretId) -> BoxFuture<'_, Result<()>> {
        lock(&self.values).retain(|spot, _| spot.secret != secret);
        Box::pin(async { Ok(()) })
    }
}

/// All that stands around a service under test. Cheap to clone.
#[derive(Clone, Default)]
pub struct Surroundings {
    pub keys: Arc<LocalKeys>,
    pub directory: Arc<LocalDirectory>,
    pub outside: Arc<LocalStore>,
}

impl Surroundings {
    /// The one of this process: all instances of a service share it.
    pub fn of_process() -> &'static Surroundings {
        static SURROUNDINGS: std::sync::OnceLock<Surroundings> = std::sync::OnceLock::new();
        SURROUNDINGS.get_or_init(Surroundings::default)
    }

    pub fn ports(&self) -> Ports {
        Ports {
            keys: self.keys.clone(),
            directory: self.directory.clone(),
            outside: self.outside.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
