//! What AWS or our own conventions refuse, said before a template is written.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use millwright_manifest::{Function, Right, Service, Trigger};

/// The longest name of a function: Lambda allows 64 characters, the prefix takes 17 of them.
const LONGEST_FUNCTION_NAME: usize = 47;
/// The longest an HTTP API waits.
const LONGEST_HTTP_TIMEOUT: u32 = 30;

/// # Errors
/// Lists every fault of every manifest at once.
pub(super) fn check(services: &[Service]) -> Result<()> {
    let mut faults = Vec::new();
    let mut functions = BTreeSet::new();
    let reads_changes = |function: &&Function| {
        function.triggers.iter().any(|trigger| matches!(trigger, Trigger::Changes { .. }))
    };
    let mut bases = BTreeSet::new();
    for service in services {
        for base in service.bases {
            if !bases.insert(base) {
                faults.push(format!("{}: base `{base}` has another service", service.name));
            }
        }
        if service.functions.iter().filter(reads_changes).count() > 1 {
            faults.push(format!("{}: its stream has two readers beside the relay", service.name));
        }
        for function in &service.functions {
            if !functions.insert(function.name) {
                faults.push(format!("{}: there are two functions of that name", function.name));
            }
            let told = faults_of(service, function);
            faults.extend(told.into_iter().map(|fault| format!("{}: {fault}", function.name)));
        }
        for event in service.events.iter().filter(|event| event.service != service.name) {
            faults
                .push(format!("{}: {} says {} emits it", service.name, event.name, event.service));
        }
    }
    let default_routes = services
        .iter()
        .flat_map(|service| &service.functions)
        .filter(|function| function.triggers.contains(&Trigger::DefaultRoute))
        .count();
    if default_routes > 1 {
        faults.push("an API has one $default route, the manifests name several".to_owned());
    }
    if !faults.is_empty() {
        bail!("the manifests cannot be deployed:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

fn faults_of(service: &Service, function: &Function) -> Vec<String> {
    let mut faults = Vec::new();
    let mut unless = |fine: bool, fault: &str| {
        if !fine {
            faults.push(fault.to_owned());
        }
    };
    let rest = function.name.strip_prefix(service.name);
    unless(
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
        "its name does not begin with the service's",
    );
    unless(function.name.len() <= LONGEST_FUNCTION_NAME, "its name has more than 47 characters");
    unless((128..=10_240).contains(&function.memory_megabytes), "memory is not 128-10240 MB");
    unless((1..=900).contains(&function.timeout_seconds), "the timeout is not 1-900 s");
    for trigger in &function.triggers {
        match trigger {
            Trigger::Http | Trigger::DefaultRoute | Trigger::Operations(_) => {
                unless(
                    function.timeout_seconds <= LONGEST_HTTP_TIMEOUT,
                    "an HTTP API does not wait longer than 30 s",
                );
                if let Trigger::Operations(names) = trigger {
                    let known = names.iter().all(|name| service.operation(name).is_some());
                    unless(known, "it serves an operation that the service does not have");
                }
            }
            Trigger::Url(names) => {
                let known = names.iter().all(|name| service.operation(name).is_some());
                unless(known, "it serves an operation that the service does not have");
            }
            Trigger::Events { types, batch_size, window_seconds, .. } => {
                unless(!types.is_empty(), "it consumes no type of event");
                unless((1..=10_000).contains(batch_size), "a batch is not 1-10000 messages");
                unless(
                    *batch_size <= 10 || *window_seconds >= 1,
                    "batches of more than 10 need a window of at least 1 s",
                );
                let pattern = serde_json::json!({ "detail-type": types }).to_string();
                unless(pattern.len() < 2_048, "its event pattern has 2,048 characters or more");
            }
            Trigger::Jobs { concurrency } => {
                unless((2..=1_000).contains(concurrency), "concurrency is not 2-1000");
                let has_outbox = service.table.is_some_and(|table| table.has_outbox);
                unless(has_outbox, "jobs come from an outbox, which the service does not have");
            }
            Trigger::Schedule { input, .. } => unless(
                serde_json::from_str::<serde_json::Value>(input).is_ok() && !input.contains('\''),
                "a schedule's input is JSON without an apostrophe",
            ),
            Trigger::Outboxes => {}
            Trigger::Changes { kind, batch_size, .. } => {
                let has_stream = service.table.is_some_and(|table| table.has_outbox);
                unless(has_stream, "it reads a stream that the service's table does not have");
                unless((1..=10_000).contains(batch_size), "a batch is not 1-10000 changes");
                let is_plain = kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                unless(is_plain && !kind.is_empty(), "the kind of its changes is not snake_case");
            }
        }
    }
    let queues = function.triggers.iter().filter(|trigger| trigger.has_queue()).count();
    unless(queues <= 1, "a function has one queue");
    for right in &function.rights {
        if let Right::OwnFiles(folder, actions) = right {
            let folders = service.bucket.map(|bucket| bucket.folders).unwrap_or_default();
            unless(folders.contains(folder), "it uses a folder the service's bucket does not have");
            unless(!actions.is_empty(), "it has a right to do nothing with a folder");
        }
    }
    for right in &function.rights {
        if let Right::SendTo(name) = right {
            let other = service.function(name);
            let has_queue = other.is_some_and(|it| it.triggers.iter().any(Trigger::has_queue));
            unless(has_queue, "it sends to a function of the service that has no queue");
        }
    }
    let uses_table = function
        .rights
        .iter()
        .any(|right| matches!(right, Right::OwnTable(actions) if !actions.is_empty()));
    unless(!uses_table || service.table.is_some(), "it uses a table the service does not have");
    let reads_streams = function.triggers.contains(&Trigger::Outboxes);
    unless(
        reads_streams == function.rights.contains(&Right::DeliverOutboxes),
        "the trigger Outboxes and the right DeliverOutboxes come together",
    );
    faults
}
