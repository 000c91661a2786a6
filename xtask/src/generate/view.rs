//! A service as its template sees it: names, ids and lists worked out, nothing left to decide.

use std::collections::BTreeSet;

use millwright_config::variable;
use millwright_event::{OUTBOX_PREFIX, batch::MAX_RECEIVES};
use millwright_manifest::{
    FileAction, Function, KeyAction, Operation, Right, Service, TableAction, Trigger,
};
use millwright_store::schema::{self, Index};
use serde::Serialize;

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
struct FunctionView {
    /// What the ids of its resources begin with.
    id: String,
    name: &'static str,
    summary: &'static str,
    memory_megabytes: u32,
    timeout_seconds: u32,
    is_http: bool,
    is_default_route: bool,
    routes: Vec<Route>,
    queue: Option<Queue>,
    files: Vec<FilesView>,
    outboxes: bool,
    changes: Option<Changes>,
    schedules: Vec<Schedule>,
    /// True if nobody waits for it and no dead-letter queue keeps what it fails at.
    is_unattended: bool,
    table_actions: Vec<&'static str>,
    never_reads: Vec<&'static str>,
    reading_actions: Vec<&'static str>,
    key_actions: Vec<&'static str>,
    reads_indexes: bool,
    elsewhere: Vec<Elsewhere>,
    secrets: Vec<String>,
    rotated_secrets: Vec<String>,
    parameters: Vec<&'static str>,
    /// Functions it calls directly.
    invokes: Vec<&'static str>,
    /// Functions whose queues it sends to.
    sends_to: Vec<&'static str>,
    delivers_outboxes: bool,
    sends_mail: bool,
}

/// What a function may do with items of another service's table.
#[derive(Debug, Serialize)]
struct Elsewhere {
    id: String,
    service: &'static str,
    actions: Vec<&'static str>,
    keys: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Route {
    id: String,
    key: String,
}

#[derive(Debug, Serialize)]
struct Queue {
    /// Empty if the relay alone sends to it.
    types: &'static [&'static str],
    is_of_jobs: bool,
    batch_size: u32,
    window_seconds: u32,
    concurrency: u32,
    visibility_seconds: u32,
    max_receives: u32,
}

/// Items of the own table whose changes a function is called with.
#[derive(Debug, Serialize)]
struct Changes {
    kind: &'static str,
    batch_size: u32,
    window_seconds: u32,
}

/// What a function may do with the files of one folder.
#[derive(Debug, Serialize)]
struct FilesView {
    id: String,
    folder: &'static str,
    actions: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Schedule {
    id: String,
    name: &'static str,
    expression: &'static str,
    input: &'static str,
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
            functions,
            rules,
        }
    }
}

impl FunctionView {
    fn of(service: &Service, function: &Function) -> FunctionView {
        let id = id_of(service, function);
        let has = |wanted: Trigger| function.triggers.contains(&wanted);
        let is_default_route = has(Trigger::DefaultRoute);
        let (is_http, serves_bases) = (function.is_http(), has(Trigger::Http));
        let mut routes = Vec::new();
        for base in service.bases.iter().filter(|_| serves_bases) {
            let base_id = pascal(base);
            let path = format!("ANY /api/v1/{base}");
            routes.push(Route { key: format!("{path}/{{proxy+}}"), id: format!("{base_id}Below") });
            routes.push(Route { key: path, id: base_id });
        }
        routes.reverse();
        for operation in
            service.operations.iter().filter(|operation| own_route(function, operation))
        {
            // What spans segments is written otherwise by the gateway.
            let path = operation.path.replace("{*path}", "{path+}");
            let key = format!("{} {path}", operation.method);
            routes.push(Route { key, id: pascal(&operation.name.replace('_', "-")) });
        }
        if is_default_route {
            routes.push(Route { key: "$default".to_owned(), id: "Default".to_owned() });
        }
        let queue = function.triggers.iter().find_map(|trigger| match *trigger {
            Trigger::Events { types, batch_size, window_seconds, concurrency } => Some(Queue {
                types,
                is_of_jobs: false,
                batch_size,
                window_seconds,
                concurrency,
                visibility_seconds: 6 * function.timeout_seconds,
                max_receives: MAX_RECEIVES,
            }),
            Trigger::Jobs { concurrency } => Some(Queue {
                types: &[],
                is_of_jobs: true,
                batch_size: 1,
                window_seconds: 0,
                concurrency,
                visibility_seconds: 6 * function.timeout_seconds,
                max_receives: MAX_RECEIVES,
            }),
            _ => None,
        });
        let files = function
            .rights
            .iter()
            .filter_map(|right| match *right {
                Right::OwnFiles(folder, actions) => Some(FilesView {
                    id: pascal(folder.name),
                    folder: folder.name,
                    actions: actions.iter().copied().map(FileAction::iam_action).collect(),
                }),
                _ => None,
            })
            .collect();
        let schedules: Vec<Schedule> = function
            .triggers
            .iter()
            .filter_map(|trigger| match *trigger {
                Trigger::Schedule { name, expression, input } => {
                    Some(Schedule { id: format!("{id}{}", pascal(name)), name, expression, input })
                }
                _ => None,
            })
            .collect();
        let outboxes = has(Trigger::Outboxes);
        let changes = function.triggers.iter().find_map(|trigger| match *trigger {
            Trigger::Changes { kind, batch_size, window_seconds } => {
                Some(Changes { kind, batch_size, window_seconds })
            }
            _ => None,
        });
        let rights = function.single_rights();
        let table_actions: Vec<TableAction> = rights
            .iter()
            .flat_map(|right| match right {
                Right::OwnTable(actions) => actions.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        FunctionView {
            name: function.name,
            summary: function.summary,
            memory_megabytes: function.memory_megabytes,
            timeout_seconds: function.timeout_seconds,
            is_http,
            is_default_route,
            routes,
            queue,
            files,
            outboxes,
            changes,
            is_unattended: outboxes || !schedules.is_empty(),
            schedules,
            never_reads: rights
                .iter()
                .flat_map(|right| match *right {
                    Right::NeverRead(keys) => keys.to_vec(),
                    _ => Vec::new(),
                })
                .collect(),
            reading_actions: TableAction::READING.iter().map(|one| one.iam_action()).collect(),
            key_actions: rights
                .iter()
                .flat_map(|right| match *right {
                    Right::OwnKey(actions) => actions.to_vec(),
                    _ => Vec::new(),
                })
                .map(KeyAction::iam_action)
                .collect(),
            reads_indexes: table_actions.contains(&TableAction::Query),
            table_actions: table_actions.into_iter().map(TableAction::iam_action).collect(),
            elsewhere: Elsewhere::all(service, &rights),
            secrets: secret_names(names(&rights, |right| match *right {
                Right::ReadSecret(name) => Some(name),
                _ => None,
            })),
            rotated_secrets: secret_names(names(&rights, |right| match *right {
                Right::RotateSecret(name) => Some(name),
                _ => None,
            })),
            parameters: names(&rights, |right| match *right {
                Right::ReadParameter(name) => Some(name),
                _ => None,
            }),
            invokes: names(&rights, |right| match *right {
                Right::Invoke(name) => Some(name),
                _ => None,
            }),
            sends_to: names(&rights, |right| match *right {
                Right::SendTo(name) => Some(name),
                _ => None,
            }),
            delivers_outboxes: function.rights.contains(&Right::DeliverOutboxes),
            sends_mail: function.rights.contains(&Right::SendMail),
            id,
        }
    }
}

/// The route has a function of its own.
fn own_route(function: &Function, operation: &Operation) -> bool {
    function.triggers.iter().any(|trigger| match trigger {
        Trigger::Operations(names) => names.contains(&operation.name),
        _ => false,
    })
}

fn names(rights: &[Right], pick: fn(&Right) -> Option<&'static str>) -> Vec<&'static str> {
    rights.iter().filter_map(pick).collect()
}

/// As ARNs end: Secrets Manager appends six random characters to the name.
fn secret_names(names: Vec<&'static str>) -> Vec<String> {
    let name = |name: &str| {
        if name.ends_with('*') { name.to_owned() } else { format!("{name}-??????") }
    };
    names.into_iter().map(name).collect()
}

impl Elsewhere {
    /// One for each table and set of actions.
    fn all(service: &Service, rights: &[Right]) -> Vec<Elsewhere> {
        let mut all: Vec<Elsewhere> = Vec::new();
        for one in rights.iter().filter_map(|right| Elsewhere::of(service, right)) {
            match all.iter_mut().find(|other| other.id == one.id) {
                Some(other) => other.keys.extend(one.keys),
                None => all.push(one),
            }
        }
        all
    }

    /// None for the service's own table, which it may use anyway.
    fn of(service: &Service, right: &Right) -> Option<Elsewhere> {
        match *right {
            Right::Elsewhere { service: owner, actions, keys } if owner != service.name => {
                let what: String = actions.iter().map(|action| format!("{action:?}")).collect();
                Some(Elsewhere {
                    id: format!("{what}Of{}", pascal(owner)),
                    service: owner,
                    actions: actions.iter().map(|action| action.iam_action()).collect(),
                    keys: keys.to_vec(),
                })
            }
            _ => None,
        }
    }
}

impl FunctionView {
    fn consumes_events(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_of_jobs)
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
    if service.sends_mail {
        parameters.push(text("MailFrom", "Address that letters come from; empty for no letters"));
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

/// `planning-on-events` of planning is `OnEvents`; a function called like its service keeps that.
fn id_of(service: &Service, function: &Function) -> String {
    let rest = function.name.strip_prefix(service.name).unwrap_or_default();
    pascal(if rest.is_empty() { function.name } else { rest })
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
