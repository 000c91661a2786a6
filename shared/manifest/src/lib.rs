//! The manifest of a service: what the templates, the local environment, the API document, the
//! permission matrix and the guard tests are derived from (`cargo xtask gen`).

mod function;
mod operation;

use millwright_core::Code;
use millwright_event::EventType;
use millwright_files::Folder;
use millwright_identity::Permission;
use serde_json::Value;

pub use function::{
    FileAction, Function, KeyAction, Right, SecretAction, Start, StartError, TableAction, Trigger,
};
pub use operation::{Access, Method, Operation, Presence};

/// One service: a crate in `functions/`.
#[derive(Clone)]
pub struct Service {
    /// The crate's name; function names begin with it.
    pub name: &'static str,
    /// One sentence for README, templates and the API document.
    pub summary: &'static str,
    /// First path segments below `/api/v1` that it serves; empty for the gateway and relay.
    pub bases: &'static [&'static str],
    pub permissions: &'static [&'static Permission],
    /// Its own problem codes, beside the shared ones.
    pub codes: &'static [Code],
    pub operations: Vec<Operation>,
    /// Events it emits.
    pub events: Vec<EventType>,
    /// Its DynamoDB table `<prefix>-<name>`, if it has one.
    pub table: Option<Table>,
    /// Its private S3 bucket, if it has one.
    pub bucket: Option<Bucket>,
    pub functions: Vec<Function>,
    /// The OpenAPI 3.1 document of its operations; run by `xtask` only.
    pub openapi: fn() -> Value,
}

/// The table of a service; its shape is the same for all (`millwright_store::schema`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// True if transactions write outbox items: then it has a stream that feeds the relay.
    pub has_outbox: bool,
}

/// The private bucket of a service: encrypted, closed to the public, its files expire by folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub folders: &'static [Folder],
}

impl Service {
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// True if something can be left undelivered: then it has a dead-letter queue.
    pub fn has_dead_letters(&self) -> bool {
        self.functions.iter().flat_map(|function| &function.triggers).any(|trigger| {
            !matches!(
                trigger,
                Trigger::Http | Trigger::Operations(_) | Trigger::Url(_) | Trigger::DefaultRoute
            )
        })
    }

    /// The function that serves an operation over HTTP.
    pub fn serving(&self, operation: &Operation) -> Option<&Function> {
        let names = |function: &&Function| {
            function.triggers.iter().any(|trigger| match trigger {
                Trigger::Operations(names) | Trigger::Url(names) => names.contains(&operation.name),
                _ => false,
            })
        };
        let whole = |function: &&Function| {
            let triggers = &function.triggers;
            triggers.contains(&Trigger::Http) || triggers.contains(&Trigger::DefaultRoute)
        };
        self.functions.iter().find(names).or_else(|| self.functions.iter().find(whole))
    }

    /// True if one of its functions has a URL of its own.
    pub fn has_url(&self) -> bool {
        let triggers = self.functions.iter().flat_map(|function| &function.triggers);
        triggers.into_iter().any(|trigger| matches!(trigger, Trigger::Url(_)))
    }

    /// True if it has a master key of its own in the Key Management Service.
    pub fn has_key(&self) -> bool {
        let rights = self.functions.iter().flat_map(|function| &function.rights);
        rights.into_iter().any(|right| matches!(right, Right::OwnKey(_)))
    }

    /// The operation of that short name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}
