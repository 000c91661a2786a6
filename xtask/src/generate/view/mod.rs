//! A service as its template sees it: names, ids and lists worked out, nothing left to decide.

mod function;

use std::collections::BTreeSet;

use millwright_config::variable;
use millwright_event::OUTBOX_PREFIX;
use millwright_manifest::{Service, Trigger};
use millwright_store::schema::{self, Index};
use serde::Serialize;

use self::function::FunctionView;

/// All a template is rendered from.
#[derive(Debug, Serialize)]
pub(super) struct View {
    service: ServiceView,
    parameters: Vec<Parameter>,
    variables: Vec<Variable>,
    schema: Schema,
    /// Tables with an outbox, of all services.
    outboxes: Vec<Outbox>,
    /// The same, for the environment of the relay.
    outbox_services: String,
    /// Names of all queues without the prefix.
    queues: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ServiceView {
    name: &'static str,
    summary: &'static str,
    table: Option<TableView>,
    bucket: Option<BucketView>,
    functions: Vec<FunctionView>,
    has_dead_letters: bool,
    has_key: bool,
    sends_mail: bool,
    /// The id of the function with a URL of its own.
    url: Option<String>,
    /// Ids of the rules that may use the dead-letter queue.
    rules: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TableView {
    has_outbox: bool,
}

#[derive(Debug, Serialize)]
struct BucketView {
    folders: Vec<FolderView>,
}

#[derive(Debug, Serialize)]
struct FolderView {
    name: &'static str,
    keep_days: u32,
}

#[derive(Debug, Serialize)]
struct Outbox {
    service: &'static str,
    id: String,
    /// The parameter with the stream's ARN.
    parameter: String,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    kind: &'static str,
    description: String,
}

#[derive(Debug, Serialize)]
struct Variable {
    name: &'static str,
    parameter: &'static str,
}

#[derive(Debug, Serialize)]
struct Schema {
    partition_key: &'static str,
    sort_key: &'static str,
    kind: &'static str,
    ttl: &'static str,
    projected: [&'static str; 2],
    indexes: Vec<IndexView>,
    outbox_prefix: &'static str,
}

#[derive(Debug, Serialize)]
struct IndexView {
    name: &'static str,
    partition_key: &'static str,
    sort_key: &'static str,
}

/// What every function is told; `MILLWRIGHT_FUNCTION` is not, Lambda's own name says it.
const VARIABLES: [Variable; 7] = [
    Variable { name: variable::STAGE, parameter: "Stage" },
    Variable { name: variable::PREFIX, parameter: "Prefix" },
    Variable { name: variable::PUBLIC_URL, parameter: "PublicUrl" },
    Variable { name: variable::AUDIENCE, parameter: "Audience" },
    Variable { name: variable::ALLOWED_ORIGINS, parameter: "AllowedOrigins" },
    Variable { name: variable::ORIGIN_SECRET_SHA256, parameter: "OriginSecretSha256" },
    Variable { name: variable::LOG_LEVEL, parameter: "LogLevel" },
];

impl View {
    pub(super) fn of(service: &Service, all: &[Service]) -> View {
        let service_view = ServiceView::of(service);
        let outboxes: Vec<Outbox> = all.iter().filter_map(Outbox::of).collect();
        View {
            parameters: parameters(&service_view, &outboxes),
            service: service_view,
            variables: VARIABLES.into(),
            schema: Schema::known(),
            outbox_services: outboxes.iter().map(|o| o.service).collect::<Vec<_>>().join(","),
            outboxes,
            queues: queues(all).into_iter().collect(),
        }
    }
}

impl ServiceView {
    fn of(service: &Service) -> ServiceView {
        let functions: Vec<FunctionView> =
            service.functions.iter().map(|function| FunctionView::of(service, function)).collect();
        let mut rules = Vec::new();
        for function in &functions {
            rules.extend(function.consumes_events().then(|| format!("{}Rule", function.id)));
            rules.extend(function.outboxes.then(|| "UndeliveredRule".to_owned()));
            rules.extend(function.schedules.iter().map(|schedule| format!("{}Rule", schedule.id)));
        }
        ServiceView {
            name: service.name,
            summary: service.summary,
            table: service.table.map(|table| TableView { has_outbox: table.has_outbox }),
            bucket: service.bucket.map(|bucket| BucketView {
                folders: bucket
                    .folders
                    .iter()
                    .map(|folder| FolderView { name: folder.name, keep_days: folder.keep_days })
                    .collect(),
            }),
            has_dead_letters: service.has_dead_letters(),
            has_key: service.has_key(),
            sends_mail: functions.iter().any(|function| function.sends_mail),
            url: functions.iter().find(|it| it.has_url).map(|it| it.id.clone()),
            functions,
            rules,
        }
    }
}

impl Outbox {
    fn of(service: &Service) -> Option<Outbox> {
        service.table.filter(|table| table.has_outbox).map(|_| {
            let id = pascal(service.name);
            Outbox { service: service.name, parameter: format!("{id}StreamArn"), id }
        })
    }
}

impl Schema {
    fn known() -> Schema {
        Schema {
            partition_key: schema::PARTITION_KEY,
            sort_key: schema::SORT_KEY,
            kind: schema::KIND,
            ttl: schema::TTL,
            projected: schema::PROJECTED,
            indexes: Index::ALL
                .iter()
                .map(|index| IndexView {
                    name: index.name(),
                    partition_key: index.partition_key(),
                    sort_key: index.sort_key(),
                })
                .collect(),
            outbox_prefix: OUTBOX_PREFIX,
        }
    }
}

/// The parameters a template uses, and no other: a linter refuses unused ones.
fn parameters(service: &ServiceView, outboxes: &[Outbox]) -> Vec<Parameter> {
    let parameter = |name: &str, kind, description: &str| Parameter {
        name: name.to_owned(),
        kind,
        description: description.to_owned(),
    };
    let any = |is: fn(&FunctionView) -> bool| service.functions.iter().any(is);
    let text = |name: &str, description: &str| parameter(name, "String", description);
    let mut parameters = vec![
        text("Stage", "Stage of the installation"),
        text("Prefix", "First part of every name"),
        text("Architecture", "Processor of the functions"),
        text("PublicUrl", "Origin of the API as clients see it"),
        text("Audience", "Audience of access tokens"),
        text("AllowedOrigins", "Browser origins allowed by CORS, separated by commas"),
        text("OriginSecretSha256", "SHA-256 of what CloudFront proves itself with; empty for none"),
        text("LogLevel", "Level from which on functions log"),
        parameter("LogRetentionDays", "Number", "Days that logs are kept"),
    ];
    if any(|function| function.is_http || function.is_default_route) {
        parameters.push(text("ApiId", "HTTP API that the routes belong to"));
    }
    if any(|function| function.consumes_events() || function.delivers_outboxes) {
        parameters.push(text("BusName", "Event bus of the installation"));
    }
    if service.has_dead_letters {
        parameters.push(text("AlarmTopicArn", "Topic that alarms go to"));
    }
    if let Some(id) = &service.url {
        let description = "How many streams may run at once; 0 for as many as the account may";
        parameters.push(parameter(&format!("{id}Concurrency"), "Number", description));
    }
    if service.sends_mail {
        parameters.push(text("MailFrom", "Address that letters come from; empty for no letters"));
    }
    if any(|function| function.reaches_private_hosts) {
        let description = "Hosts of the own network that may be called, separated by commas";
        parameters.push(text("AllowedPrivateHosts", description));
    }
    if any(|function| function.delivers_outboxes) {
        parameters.push(text("FailuresBucket", "Bucket for what could not be delivered"));
        for outbox in outboxes {
            let description = format!("Stream of the table of {}", outbox.service);
            parameters.push(text(&outbox.parameter, &description));
        }
    }
    parameters
}

/// Names of all queues without the prefix; a queue is called like its function.
pub(super) fn queues(services: &[Service]) -> BTreeSet<&'static str> {
    services
        .iter()
        .flat_map(|service| &service.functions)
        .filter(|function| function.triggers.iter().any(Trigger::has_queue))
        .map(|function| function.name)
        .collect()
}

/// Letters and digits only, as CloudFormation wants ids.
fn pascal(name: &str) -> String {
    name.split(|character: char| !character.is_ascii_alphanumeric())
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect()
}
