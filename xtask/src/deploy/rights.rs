//! Roles in force: every function tries, with the credentials of its role, what its manifest allows
//! and what it does not.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, ensure};
use aws_sdk_dynamodb::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use millwright_aws::EncryptionContext;
use millwright_core::{Clock, Error, OrgId, Tenant, Voucher};
use millwright_files::{FileKey, Folder};
use millwright_manifest::{FileAction, Function, KeyAction, Right, Service, TableAction};
use millwright_runtime::aws::Clients;
use serde_json::Value;
use uuid::Uuid;

use super::stack::{Installation, PREFIX};
use crate::output;

/// Partition and sort key of the item that is tried on; no function looks there.
const PLACE: &str = "DEPLOY-TEST";
/// A secret that no function may read.
const FOREIGN_SECRET: &str = "deploy-test";
/// Queues that are sent to: one of the relay's, one that others tell things, too.
const QUEUES: [&str; 2] = ["planning-on-events", "auth-jobs"];

/// A folder that no bucket has.
const FOREIGN_FOLDER: Folder = Folder { name: "deploy-test", keep_days: 1 };

/// One call to AWS.
#[derive(Clone, Debug)]
enum Attempt {
    /// On the table of that service.
    Table(TableCall, &'static str),
    /// On a file in that folder of the bucket of that service.
    File(FileAction, Folder, &'static str),
    ReadSecret(&'static str),
    /// Looking at the versions of a secret, which only who rotates it may; nothing is changed.
    DescribeSecret(&'static str),
    ReadParameter(&'static str),
    Invoke(&'static str),
    /// Making a data key with the master key of that service, for an organization.
    MakeKey(&'static str),
    Publish,
    /// To the queue of that function.
    Send(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableCall {
    Put,
    Get,
    Update,
    Query,
    QueryIndex,
    Delete,
    Scan,
}

impl TableCall {
    const ALL: [TableCall; 7] = [
        TableCall::Put,
        TableCall::Get,
        TableCall::Update,
        TableCall::Query,
        TableCall::QueryIndex,
        TableCall::Delete,
        TableCall::Scan,
    ];

    /// What it needs; nobody may scan.
    fn action(self) -> Option<TableAction> {
        match self {
            TableCall::Put => Some(TableAction::PutItem),
            TableCall::Get => Some(TableAction::GetItem),
            TableCall::Update => Some(TableAction::UpdateItem),
            TableCall::Query | TableCall::QueryIndex => Some(TableAction::Query),
            TableCall::Delete => Some(TableAction::DeleteItem),
            TableCall::Scan => None,
        }
    }
}

pub(super) async fn check(installation: &Installation) -> Result<()> {
    let services = all::services();
    let operator = installation.operator()?;
    let secret = operator.secretsmanager()?.create_secret();
    secret
        .name(format!("{PREFIX}/{FOREIGN_SECRET}"))
        .secret_string("not for functions")
        .send()
        .await
        .map_err(|error| anyhow!("a foreign secret: {}", DisplayErrorContext(error)))?;
    for service in &services {
        for function in &service.functions {
            check_function(installation, &services, service, function).await?;
        }
    }
    clean(installation, &services, &operator).await
}

async fn check_function(
    installation: &Installation,
    services: &[Service],
    service: &Service,
    function: &Function,
) -> Result<()> {
    let clients = installation.acting_as(service.name, function.name)?;
    let (mut allowed, mut refused) = (0, 0);
    for (attempt, may) in expectations(services, service, function) {
        let failure = attempt.perform(installation, &clients).await?;
        if may {
            let fine = failure.is_none();
            ensure!(fine, "{} cannot {attempt:?}: {}", function.name, failure.unwrap_or_default());
            allowed += 1;
        } else {
            let failure = failure.with_context(|| format!("{} can {attempt:?}", function.name))?;
            ensure!(
                failure.contains("AccessDenied"),
                "{} fails at {attempt:?}, but not by its role: {failure}",
                function.name
            );
            refused += 1;
        }
    }
    output::progress(format_args!(
        "{}: its role allows {allowed} calls of its manifest and refuses {refused} others",
        function.name
    ));
    Ok(())
}

/// Calls on its own table and on somebody else's, on every secret, bus and queue, and whether the
/// manifest allows each.
fn expectations(
    services: &[Service],
    service: &Service,
    function: &Function,
) -> Vec<(Attempt, bool)> {
    let rights_here = function.single_rights();
    let delivers = function.rights.contains(&Right::DeliverOutboxes);
    let may_use_elsewhere = |table: &Service, wanted: TableAction| {
        rights_here.iter().any(|right| match right {
            Right::Elsewhere { service, actions, .. } => {
                *service == table.name && actions.contains(&wanted)
            }
            _ => false,
        })
    };
    let may_use_own = |action: TableAction| {
        function
            .rights
            .iter()
            .any(|right| matches!(right, Right::OwnTable(actions) if actions.contains(&action)))
    };
    let mut expected = Vec::new();
    let is_own = |other: &Service| other.name == service.name;
    let with_table = || services.iter().filter(|service| service.table.is_some());
    let own = with_table().find(|other| is_own(other));
    let others = with_table().filter(|other| !is_own(other));
    for table in own.into_iter().chain(others) {
        for call in TableCall::ALL {
            let may = call.action().is_some_and(|action| match action {
                // On outbox items only, which the emulator cannot tell apart.
                TableAction::GetItem | TableAction::UpdateItem | TableAction::Query if delivers => {
                    call != TableCall::QueryIndex
                }
                // Of some items only, which the emulator cannot tell apart; never of an index.
                action if !is_own(table) && call != TableCall::QueryIndex => {
                    may_use_elsewhere(table, action)
                }
                action => is_own(table) && may_use_own(action),
            });
            expected.push((Attempt::Table(call, table.name), may));
        }
    }
    let functions = services.iter().flat_map(|service| &service.functions);
    let secrets: BTreeSet<&'static str> = functions
        .flat_map(Function::single_rights)
        .filter_map(|right| match right {
            Right::ReadSecret(name) | Right::RotateSecret(name) if !name.ends_with('*') => {
                Some(name)
            }
            _ => None,
        })
        .chain([FOREIGN_SECRET])
        .collect();
    for secret in secrets {
        let may = rights_here.contains(&Right::ReadSecret(secret));
        expected.push((Attempt::ReadSecret(secret), may));
        let may = rights_here.contains(&Right::RotateSecret(secret));
        expected.push((Attempt::DescribeSecret(secret), may));
    }
    for right in services.iter().flat_map(|service| &service.functions).flat_map(|f| &f.rights) {
        let attempt = match *right {
            Right::ReadParameter(name) => Attempt::ReadParameter(name),
            Right::Invoke(name) => Attempt::Invoke(name),
            _ => continue,
        };
        expected.push((attempt, rights_here.contains(right)));
    }
    for queue in QUEUES {
        let may = delivers || rights_here.contains(&Right::SendTo(queue));
        expected.push((Attempt::Send(queue), may));
    }
    for folder in service.bucket.iter().flat_map(|bucket| bucket.folders).chain([&FOREIGN_FOLDER]) {
        for action in [FileAction::Put, FileAction::Get, FileAction::Delete] {
            let may = function.rights.iter().any(|right| {
                matches!(right, Right::OwnFiles(own, all) if own == folder && all.contains(&action))
            });
            if service.bucket.is_some() {
                expected.push((Attempt::File(action, *folder, service.name), may));
            }
        }
    }
    for keyed in services.iter().filter(|service| service.has_key()) {
        let may = is_own(keyed)
            && rights_here.iter().any(|right| {
                matches!(right, Right::OwnKey(all) if all.contains(&KeyAction::GenerateDataKey))
            });
        expected.push((Attempt::MakeKey(keyed.name), may));
    }
    expected.push((Attempt::Publish, delivers));
    expected
}

/// Tables and queue are used in earnest afterwards.
async fn clean(
    installation: &Installation,
    services: &[Service],
    operator: &Clients,
) -> Result<()> {
    for service in services.iter().filter(|service| service.table.is_some()) {
        let attempt = Attempt::Table(TableCall::Delete, service.name);
        attempt.perform(installation, operator).await?;
    }
    for queue in QUEUES {
        let purge = operator.sqs()?.purge_queue().queue_url(installation.queue_url(queue));
        purge.send().await.map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
    }
    Ok(())
}

impl Attempt {
    /// None if it succeeds, else the code of the error.
    async fn perform(
        &self,
        installation: &Installation,
        clients: &Clients,
    ) -> Result<Option<String>> {
        Ok(match self {
            Attempt::Table(call, service) => {
                call.perform(&clients.dynamodb()?, &installation.resource(service)).await
            }
            Attempt::ReadSecret(name) => {
                let call = clients.secretsmanager()?.get_secret_value();
                failure_of(call.secret_id(format!("{PREFIX}/{name}")).send().await)
            }
            Attempt::DescribeSecret(name) => {
                let call = clients.secretsmanager()?.describe_secret();
                failure_of(call.secret_id(format!("{PREFIX}/{name}")).send().await)
            }
            Attempt::ReadParameter(name) => {
                let read = clients.parameters(Clock::system())?.get(name).await;
                read.err().map(|error| error.to_string())
            }
            Attempt::Invoke(function) => {
                let functions = clients.functions(Clock::system())?;
                let called = functions.call(function, "GET", "/", &[], &Value::Null).await;
                called.err().map(|error| error.to_string())
            }
            Attempt::MakeKey(service) => {
                let key = clients.master_key(service, Clock::system())?;
                let organization = OrgId::from_uuid(Uuid::nil()).to_string();
                let context = EncryptionContext::from([("organizationId", organization)]);
                key.generate(&context).await.err().map(|error| error.to_string())
            }
            Attempt::File(action, folder, service) => {
                let key = trial(folder);
                let put = installation.operator_of(service)?.files(service, Clock::system())?;
                put.put(&key, "text/plain", vec![1]).await.map_err(|error| anyhow!("{error}"))?;
                let files = clients.files(service, Clock::system())?;
                match action {
                    FileAction::Put => files.put(&key, "text/plain", vec![2]).await.map(drop),
                    FileAction::Delete => files.delete(&key).await,
                    FileAction::Get => files.read(&key, 0, 1).await.and_then(|part| {
                        // What a role may not read is not there for it.
                        part.map(drop).ok_or_else(|| Error::internal("AccessDenied"))
                    }),
                }
                .err()
                .map(|error| error.to_string())
            }
            Attempt::Publish => {
                let entry = PutEventsRequestEntry::builder()
                    .event_bus_name(PREFIX)
                    .source("millwright.deploy-test")
                    .detail_type("deploy_test.attempt.made")
                    .detail("{}")
                    .build();
                failure_of(clients.eventbridge()?.put_events().entries(entry).send().await)
            }
            Attempt::Send(queue) => {
                let call = clients.sqs()?.send_message().queue_url(installation.queue_url(queue));
                // Delayed, so that it is gone again before its consumer could meet it.
                failure_of(call.message_body("{}").delay_seconds(900).send().await)
            }
        })
    }
}

/// The file that is tried on.
#[allow(clippy::disallowed_methods, reason = "no tenant's: an organization of its own")]
fn trial(folder: &Folder) -> FileKey {
    let organization = OrgId::from_uuid(Uuid::nil());
    let tenant = Tenant::vouched(organization, Voucher::Test);
    FileKey::of(&tenant, folder, organization)
}

impl TableCall {
    async fn perform(self, database: &aws_sdk_dynamodb::Client, table: &str) -> Option<String> {
        let text = || AttributeValue::S(PLACE.to_owned());
        let query = |key: &str| {
            database
                .query()
                .table_name(table)
                .key_condition_expression(format!("{key} = :place"))
                .expression_attribute_values(":place", text())
        };
        match self {
            TableCall::Put => {
                let call = database.put_item().table_name(table);
                failure_of(call.item("pk", text()).item("sk", text()).send().await)
            }
            TableCall::Get => {
                let call = database.get_item().table_name(table);
                failure_of(call.key("pk", text()).key("sk", text()).send().await)
            }
            TableCall::Update => {
                let call = database.update_item().table_name(table);
                let call = call.key("pk", text()).key("sk", text());
                let call = call.update_expression("SET note = :note");
                failure_of(call.expression_attribute_values(":note", text()).send().await)
            }
            TableCall::Query => failure_of(query("pk").send().await),
            TableCall::QueryIndex => failure_of(query("gsi1pk").index_name("gsi1").send().await),
            TableCall::Delete => {
                let call = database.delete_item().table_name(table);
                failure_of(call.key("pk", text()).key("sk", text()).send().await)
            }
            TableCall::Scan => failure_of(database.scan().table_name(table).send().await),
        }
    }
}

fn failure_of<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Option<String>
where
    E: ProvideErrorMetadata,
{
    let error = answer.err()?;
    Some(error.code().unwrap_or("no answer of the service").to_owned())
}
