//! What one transaction does, and what it says of it.

use std::ops::{Deref, DerefMut};

use millwright_core::{Result, Tenant};
use millwright_store::{Outcome, Store, Transaction};

use crate::{Cause, Destination, Event, Outbox};

/// A transaction and its outbox item. Dereferences to the [`Transaction`], which collects the
/// writes; requests and workers share what is written with it.
#[must_use = "nothing is written before commit"]
pub struct Effects {
    store: Store,
    transaction: Transaction,
    outbox: Outbox,
    announced: bool,
}

impl Effects {
    pub fn new(store: &Store, cause: Cause) -> Effects {
        let transaction = store.transaction(&cause.tenant);
        Effects { store: store.clone(), transaction, outbox: Outbox::new(cause), announced: false }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes and announces something of another tenant with it: a new organization by a person,
    /// say.
    pub fn within<R>(&mut self, tenant: &Tenant, write: impl FnOnce(&mut Effects) -> R) -> R {
        let own = self.transaction.switch(tenant);
        self.outbox.switch(tenant);
        let written = write(self);
        self.transaction.switch(&own);
        self.outbox.switch(&own);
        written
    }

    /// Announces an event with the write: one outbox item holds all of them.
    pub fn emit(&mut self, event: &impl Event) -> Result<()> {
        self.outbox.emit(&self.store, event)
    }

    /// Sends a job or command with the write, to the queue of that function.
    pub fn send(&mut self, function: &str, message: &impl Event) -> Result<()> {
        self.outbox.send(&self.store, Destination::Queue(function.to_owned()), message)
    }

    /// Adds the outbox item. Called by itself before anything is written.
    ///
    /// # Errors
    /// `internal` if all messages together exceed 300 KB.
    pub fn announce(&mut self) -> Result<()> {
        if !self.announced {
            self.announced = true;
            self.outbox.clone().write(&self.store, &mut self.transaction)?;
        }
        Ok(())
    }

    /// Writes everything: one transaction.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub async fn commit(mut self) -> Result<()> {
        self.announce()?;
        self.transaction.commit().await
    }

    /// As [`Effects::commit`], but tells which steps were refused.
    ///
    /// # Errors
    /// As [`Transaction::attempt`].
    pub async fn attempt(mut self) -> Result<Outcome> {
        self.announce()?;
        self.transaction.attempt().await
    }
}

impl Deref for Effects {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

impl DerefMut for Effects {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }
}
