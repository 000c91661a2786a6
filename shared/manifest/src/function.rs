//! The Lambda functions of a service: profile, trigger, rights.

use std::{error::Error, future::Future, pin::Pin};

use millwright_files::Folder;

/// What a function's main answers when it cannot go on.
pub type StartError = Box<dyn Error + Send + Sync>;

/// The library entry point of a function: what its ten-line binary calls.
pub type Start = fn() -> Pin<Box<dyn Future<Output = Result<(), StartError>>>>;

/// One Lambda function.
#[derive(Clone)]
pub struct Function {
    /// Begins with the service's name; deployed as `<prefix>-<name>`.
    pub name: &'static str,
    /// One sentence for the template.
    pub summary: &'static str,
    pub memory_megabytes: u32,
    /// At most 900.
    pub timeout_seconds: u32,
    pub triggers: Vec<Trigger>,
    /// All it may do; nothing else is granted but writing its own log.
    pub rights: Vec<Right>,
    pub start: Start,
}

/// What makes a function run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `ANY /api/v1/<base>` and `/api/v1/<base>/{proxy+}` of every base of the service.
    Http,
    /// Operations of the service that need rights of their own, by name: these routes and no
    /// other. They come before the base that another function of the service serves.
    Operations(&'static [&'static str]),
    /// A function URL of its own, whose answers stream, for these operations by name and no other:
    /// what takes longer than an HTTP API waits. Open to everybody; the function itself asks for
    /// credentials. Locally their paths are those of everything else.
    Url(&'static [&'static str]),
    /// The API's `$default` route: what no other function serves.
    DefaultRoute,
    /// Its own SQS queue, called like the function, fed by a rule of the bus for these event
    /// types. Visibility is six times the timeout; after five deliveries the service's
    /// dead-letter queue. At most `concurrency` batches (2-1,000) are worked on at once: batches
    /// that change the same few items gain nothing by meeting.
    Events {
        types: &'static [&'static str],
        batch_size: u32,
        window_seconds: u32,
        concurrency: u32,
    },
    /// Its own SQS queue, called like the function, fed by outbox entries `queue:<function>`
    /// (`Write::send`), one message at a time. Visibility is six times the timeout; after five
    /// deliveries the service's dead-letter queue. At most `concurrency` messages (2-1,000) are
    /// worked on at once.
    Jobs { concurrency: u32 },
    /// The streams of all tables with an outbox.
    Outboxes,
    /// The stream of the service's own table: items of this kind (`Item::KIND`) that were written,
    /// as they are then, at least once and in order for each. A stream bears two readers, of which
    /// the relay is one. A batch that failed ten times ends in the service's dead-letter queue.
    Changes { kind: &'static str, batch_size: u32, window_seconds: u32 },
    /// An EventBridge rule, e.g. `rate(1 hour)`; the function gets `input` as its event.
    Schedule { name: &'static str, expression: &'static str, input: &'static str },
}

/// One thing a function may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// Item operations on the service's own table and its indexes. Never Scan.
    OwnTable(&'static [TableAction]),
    /// Calls on the files of one folder of the service's own bucket. Never list.
    OwnFiles(Folder, &'static [FileAction]),
    /// An explicit denial: nothing whose partition key in the own table is like one of these
    /// patterns is read, whatever else is granted. Writing and deleting stay, as long as they do not
    /// answer with the item.
    NeverRead(&'static [&'static str]),
    /// Calls on the service's own master key, `alias/<prefix>-<service>`; a service with such a
    /// right has one. Decrypt only with an encryption context that names an organization.
    OwnKey(&'static [KeyAction]),
    /// Know callers by their credentials: public keys, revocation feeds, API keys and what they
    /// grant (`millwright_access`). See [`Right::VERIFYING`].
    VerifyCredentials,
    /// Item operations on items of another service's table whose partition keys are like one of
    /// these patterns, with `*` and `?`. Never an index.
    Elsewhere {
        service: &'static str,
        actions: &'static [TableAction],
        keys: &'static [&'static str],
    },
    /// Read one secret, `<prefix>/<name>`; a name may end with `/*`.
    ReadSecret(&'static str),
    /// Add versions to a secret and say which is current, without reading any.
    RotateSecret(&'static str),
    /// Calls on the secrets whose names are like `<prefix>/<names>`, with `*`: those that come and go
    /// as the service has it.
    OwnSecrets { names: &'static str, actions: &'static [SecretAction] },
    /// Read one parameter of the installation, `/<prefix>/<name>`.
    ReadParameter(&'static str),
    /// Send letters from the address of the installation, `MailFrom`, if it has one.
    SendMail,
    /// Know which hosts of the installation's own network may be called, `AllowedPrivateHosts`.
    ReachPrivateHosts,
    /// Call operations of another service's function directly.
    Invoke(&'static str),
    /// Send to the queue of that function without an outbox: what may get lost, or what is told as
    /// accepted only once it is there.
    SendTo(&'static str),
    /// Deliver and mark the outbox items of every table, publish to the bus, send to every queue.
    DeliverOutboxes,
}

/// A call on a file; a link needs the right for what it lets others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Read it, or look at its size.
    Get,
    Put,
    Delete,
}

impl FileAction {
    /// The IAM action.
    pub fn iam_action(self) -> &'static str {
        match self {
            FileAction::Get => "s3:GetObject",
            FileAction::Put => "s3:PutObject",
            FileAction::Delete => "s3:DeleteObject",
        }
    }
}

/// A call on a master key of the Key Management Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    GenerateDataKey,
    Decrypt,
}

impl KeyAction {
    /// The IAM action.
    pub fn iam_action(self) -> &'static str {
        match self {
            KeyAction::GenerateDataKey => "kms:GenerateDataKey",
            KeyAction::Decrypt => "kms:Decrypt",
        }
    }
}

/// A call on a secret of Secrets Manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAction {
    Create,
    Put,
    /// Its labels, and no value.
    Describe,
    Get,
    /// Which is current.
    Label,
    Delete,
}

impl SecretAction {
    /// Keeping values that the function itself cannot read.
    pub const KEEPING: &'static [SecretAction] =
        &[SecretAction::Create, SecretAction::Put, SecretAction::Describe];

    /// The IAM action.
    pub fn iam_action(self) -> &'static str {
        match self {
            SecretAction::Create => "secretsmanager:CreateSecret",
            SecretAction::Put => "secretsmanager:PutSecretValue",
            SecretAction::Describe => "secretsmanager:DescribeSecret",
            SecretAction::Get => "secretsmanager:GetSecretValue",
            SecretAction::Label => "secretsmanager:UpdateSecretVersionStage",
            SecretAction::Delete => "secretsmanager:DeleteSecret",
        }
    }
}

/// An item operation of DynamoDB; transactions need the right for each of their steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableAction {
    GetItem,
    BatchGetItem,
    Query,
    PutItem,
    UpdateItem,
    DeleteItem,
    ConditionCheckItem,
}

impl TableAction {
    /// Those that answer with items: what [`Right::NeverRead`] denies.
    pub const READING: &'static [TableAction] =
        &[TableAction::GetItem, TableAction::BatchGetItem, TableAction::Query];
}

impl Right {
    /// What [`Right::VerifyCredentials`] stands for.
    pub const VERIFYING: &'static [Right] = &[
        Right::ReadSecret("auth/jwks"),
        Right::Elsewhere { service: "auth", actions: &[TableAction::GetItem], keys: &["KEY#*"] },
        Right::Elsewhere { service: "auth", actions: &[TableAction::Query], keys: &["FEED"] },
        Right::Elsewhere {
            service: "user-management",
            actions: &[TableAction::GetItem, TableAction::BatchGetItem],
            keys: &["USER#*#ACCESS", "ORG#*#ACCESS"],
        },
        Right::Elsewhere {
            service: "user-management",
            actions: &[TableAction::Query],
            keys: &["FEED"],
        },
        // That a key was used.
        Right::SendTo("auth-jobs"),
    ];
}

impl Function {
    /// All rights, one by one: what stands for several is told apart.
    pub fn single_rights(&self) -> Vec<Right> {
        let mut single = Vec::new();
        for right in &self.rights {
            match right {
                Right::VerifyCredentials => single.extend(Right::VERIFYING.iter().cloned()),
                right => single.push(right.clone()),
            }
        }
        single
    }

    /// True if it answers requests.
    pub fn is_http(&self) -> bool {
        self.triggers.iter().any(|trigger| {
            matches!(
                trigger,
                Trigger::Http | Trigger::Operations(_) | Trigger::Url(_) | Trigger::DefaultRoute
            )
        })
    }
}

impl Trigger {
    /// True if the function has a queue of its own.
    pub fn has_queue(&self) -> bool {
        matches!(self, Trigger::Events { .. } | Trigger::Jobs { .. })
    }
}

impl TableAction {
    /// What a function needs that reads and changes things, in transactions with conditions.
    pub const READ_AND_WRITE: &'static [TableAction] = &[
        TableAction::GetItem,
        TableAction::BatchGetItem,
        TableAction::Query,
        TableAction::PutItem,
        TableAction::UpdateItem,
        TableAction::DeleteItem,
        TableAction::ConditionCheckItem,
    ];

    /// The IAM action.
    pub fn iam_action(self) -> &'static str {
        match self {
            TableAction::GetItem => "dynamodb:GetItem",
            TableAction::BatchGetItem => "dynamodb:BatchGetItem",
            TableAction::Query => "dynamodb:Query",
            TableAction::PutItem => "dynamodb:PutItem",
            TableAction::UpdateItem => "dynamodb:UpdateItem",
            TableAction::DeleteItem => "dynamodb:DeleteItem",
            TableAction::ConditionCheckItem => "dynamodb:ConditionCheckItem",
        }
    }
}
