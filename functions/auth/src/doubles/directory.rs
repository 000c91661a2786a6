//! The directory of people.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::BoxFuture;
use millwright_access::facts::{UserFacts, UserStatus};
use millwright_core::{Error, Result, Tenant, UserId};
use millwright_store::{Condition, GlobalPartition, Item, Key, Partition, Store};
use serde::{Deserialize, Serialize};

use crate::{
    directory::{Directory, Provision, Provisioned},
    vouch,
};

/// People, as user-management would keep them.
pub struct TestDirectory {
    pub(super) store: Store,
    pub(super) failures: Arc<AtomicUsize>,
}

struct EmailOf<'e>(&'e str);

impl GlobalPartition for EmailOf<'_> {
    fn partition(&self) -> String {
        format!("EMAIL#{}", self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct EmailHolder {
    email: String,
    user_id: UserId,
}

impl Item for EmailHolder {
    const KIND: &'static str = "test_email";

    fn key(&self, _tenant: &Tenant) -> Key {
        Partition::global(&EmailOf(&self.email)).at("HEAD")
    }
}

impl TestDirectory {
    async fn provide(&self, user: UserId, request: &Provision) -> Result<Provisioned> {
        let failing =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if failing.is_ok() {
            return Err(Error::unavailable("the directory is away"));
        }
        if request.require_invitation && !request.email.starts_with("invited") {
            return Ok(Provisioned::SignUpClosed);
        }
        let person = vouch::person(user);
        let holder = EmailHolder { email: request.email.clone(), user_id: user };
        let stood = self.store.put_when(&person, &holder, &Condition::absent()).await?;
        if let Some(stood) = stood
            && stood.decode::<EmailHolder>()?.user_id != user
        {
            return Ok(Provisioned::EmailTaken);
        }
        let found: Option<UserFacts> = self.store.get(&UserFacts::place(&person)).await?;
        let mut facts = found.unwrap_or(UserFacts {
            user_id: user,
            status: UserStatus::Active,
            deactivated_by: None,
            access_version: 1,
            default_organization_id: None,
        });
        if request.reactivate {
            facts.status = UserStatus::Active;
            facts.deactivated_by = None;
        }
        self.store.put_when(&person, &facts, &Condition::default()).await?;
        Ok(Provisioned::Done)
    }
}

impl Directory for TestDirectory {
    fn provision<'a>(
        &'a self,
        user: UserId,
        request: &'a Provision,
    ) -> BoxFuture<'a, Result<Provisioned>> {
        Box::pin(self.provide(user, request))
    }
}
