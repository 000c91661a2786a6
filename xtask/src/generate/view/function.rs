//! One function of a service: what calls it, what it may, what it is told.

use millwright_event::batch::MAX_RECEIVES;
use millwright_manifest::{
    FileAction, Function, KeyAction, Operation, Right, SecretAction, Service, TableAction, Trigger,
};
use serde::Serialize;

use super::pascal;

#[derive(Debug, Serialize)]
pub(super) struct FunctionView {
    /// What the ids of its resources begin with.
    pub(super) id: String,
    name: &'static str,
    summary: &'static str,
    memory_megabytes: u32,
    timeout_seconds: u32,
    pub(super) is_http: bool,
    pub(super) is_default_route: bool,
    pub(super) has_url: bool,
    /// Told where the service's function URL is.
    knows_url: bool,
    routes: Vec<Route>,
    queue: Option<Queue>,
    files: Vec<FilesView>,
    pub(super) outboxes: bool,
    changes: Option<Changes>,
    pub(super) schedules: Vec<Schedule>,
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
    kept_secrets: Vec<KeptSecrets>,
    parameters: Vec<&'static str>,
    /// Functions it calls directly.
    invokes: Vec<&'static str>,
    /// Functions whose queues it sends to.
    sends_to: Vec<&'static str>,
    pub(super) delivers_outboxes: bool,
    pub(super) sends_mail: bool,
    pub(super) reaches_private_hosts: bool,
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
pub(super) struct Schedule {
    pub(super) id: String,
    name: &'static str,
    expression: &'static str,
    input: &'static str,
}

impl FunctionView {
    pub(super) fn of(service: &Service, function: &Function) -> FunctionView {
        let id = id_of(service, function);
        let has = |wanted: Trigger| function.triggers.contains(&wanted);
        let is_default_route = has(Trigger::DefaultRoute);
        let serves_bases = has(Trigger::Http);
        let has_url = function.triggers.iter().any(|it| matches!(it, Trigger::Url(_)));
        let is_http = function.is_http() && !has_url;
        let knows_url = is_http && service.has_url();
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
            has_url,
            knows_url,
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
            kept_secrets: rights.iter().filter_map(KeptSecrets::of).collect(),
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
            reaches_private_hosts: function.rights.contains(&Right::ReachPrivateHosts),
            id,
        }
    }

    pub(super) fn consumes_events(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_of_jobs)
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

/// Secrets that come and go.
#[derive(Debug, Serialize)]
struct KeptSecrets {
    names: &'static str,
    actions: Vec<&'static str>,
    /// Also many at once.
    reads: bool,
}

impl KeptSecrets {
    fn of(right: &Right) -> Option<KeptSecrets> {
        match *right {
            Right::OwnSecrets { names, actions } => Some(KeptSecrets {
                names,
                actions: actions.iter().map(|action| action.iam_action()).collect(),
                reads: actions.contains(&SecretAction::Get),
            }),
            _ => None,
        }
    }
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

/// `planning-on-events` of planning is `OnEvents`; a function called like its service keeps that.
fn id_of(service: &Service, function: &Function) -> String {
    let rest = function.name.strip_prefix(service.name).unwrap_or_default();
    pascal(if rest.is_empty() { function.name } else { rest })
}
