//! Exporting secrets to a file (rule 16).

use std::collections::HashSet;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use deserr::Deserr;
use http::{HeaderValue, header};
use millwright_core::{Error, Faults, Kind, Line, Result};
use millwright_event::Effects;
use millwright_http::{Allowed, Answered, Asking, Body, Describe, OperationDocument};
use millwright_store::{Key, Outcome};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{
        EXPORT_FORMAT, Environment, ExportedSecret, ImportFormat, Inside, MAX_ENTRIES, Place,
        Plaintext, Right, Scope, Secret, SecretType, Status, write_dotenv,
    },
    events::{ExportCompleted, ExportData},
    permissions::SecretExport,
    reveal::{read_values, unrecorded},
    store::{SecretItem, VersionItem, secrets_of_place},
};

/// What to export.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "format": "dotenv", "scope": "organization", "namePrefix": "db/",
}))]
pub struct ExportIn {
    format: ImportFormat,
    scope: Scope,
    #[deserr(default)]
    scope_id: Option<String>,
    /// Of a project; those of every environment if not given.
    #[deserr(default)]
    environment: Option<Environment>,
    #[deserr(default)]
    #[schema(inline)]
    name_prefix: Option<Line<1, 255>>,
    #[deserr(default)]
    #[schema(inline)]
    tag: Option<Line<1, 50>>,
    /// Wants a sign-in of the last ten minutes.
    #[deserr(default)]
    #[schema(required = false)]
    include_values: bool,
}

const LINES: &str = "text/plain; charset=utf-8";

/// A file in JSON, which can be imported.
#[derive(Serialize, ToSchema)]
pub struct ExportFile {
    /// `millwright.secrets/1`.
    format: String,
    secrets: Vec<ExportedSecret>,
}

/// A file. It prints nothing.
pub struct Exported {
    text: Zeroizing<String>,
    format: ImportFormat,
}

impl IntoResponse for Exported {
    fn into_response(mut self) -> Response {
        let kind = match self.format {
            ImportFormat::Dotenv => LINES,
            ImportFormat::Json => "application/json",
        };
        let kind = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (kind, std::mem::take(&mut *self.text)).into_response()
    }
}

impl Describe for Exported {
    fn describe(document: &mut OperationDocument) {
        document.answer::<ExportFile>(200, "Lines of `KEY=value`, or with `json` an object");
        document.answer_also_text(200, LINES);
    }
}

/// The largest sum of values.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// More a function may not answer.
const MAX_ANSWER: usize = 5 * 1024 * 1024;
/// Records of one transaction.
const RECORDS: usize = 97;

/// Export secrets
///
/// Of one scope, at most 500 secrets and 4 MB; those whose values the caller may not read, that have
/// none or have expired are left out and counted. Values are opened one after the other and written
/// nowhere else; each leaves a record first. Three batch reads for each hundred, with values two more,
/// and one transaction for each 97.
#[utoipa::path(post, path = "/api/v1/secrets/export", tag = "Files")]
pub async fn secret_export(
    caller: Allowed<SecretExport>,
    State(app): State<SecretManagement>,
    asking: Asking,
    Body(input): Body<ExportIn>,
) -> Answered<Exported> {
    if input.include_values {
        caller.require_recent()?;
    }
    let asker = Asker::allowed(&app, &caller, &asking);
    let place = Place::of(
        input.scope,
        input.scope_id.as_deref(),
        input.environment.clone(),
        caller.user(),
    )?;
    let (mut chosen, mut left_out) = choose(&asker, &input, &place).await?;
    check_names(&input, &chosen)?;
    let values = match input.include_values {
        false => None,
        true => {
            check_size(&asker, &chosen).await?;
            let wanted: Vec<_> = chosen
                .iter()
                .filter_map(|(secret, _)| Some((secret.id, secret.current_version?)))
                .collect();
            let mut values = Vec::with_capacity(wanted.len());
            let mut opened = Vec::with_capacity(wanted.len());
            for (one, value) in
                chosen.into_iter().zip(read_values(&app, &asker.tenant(), &wanted).await?)
            {
                match value {
                    Ok(value) => {
                        values.push(value);
                        opened.push(one);
                    }
                    // Its current version is deleted.
                    Err(error) if error.kind() == Kind::Conflict => left_out += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            chosen = opened;
            Some(values)
        }
    };
    let text = match input.format {
        ImportFormat::Dotenv => as_lines(&chosen, values.as_deref()),
        ImportFormat::Json => as_json(&chosen, values.as_deref())?,
    };
    if text.len() > MAX_ANSWER {
        return Err(too_large("the file would be larger than a function may answer").into());
    }
    record(&asker, &input, &chosen, left_out).await?;
    Ok(Exported { text, format: input.format })
}

fn too_large(detail: &str) -> Error {
    Error::new(codes::EXPORT_TOO_LARGE, detail.to_owned())
}

type Chosen = Vec<(Secret, Inside)>;

/// By name; how many the caller may not read. One Query for each page, and one BatchGetItem for each
/// hundred.
async fn choose(asker: &Asker<'_>, input: &ExportIn, place: &Place) -> Result<(Chosen, u64)> {
    let (app, tenant, now) = (asker.app, asker.tenant(), asker.app.now());
    let is_wanted = |secret: &Secret| {
        let prefix = input.name_prefix.as_ref();
        secret.status != Status::Deleted
            && prefix.is_none_or(|prefix| secret.name.as_str().starts_with(prefix.as_str()))
            && input.tag.as_ref().is_none_or(|tag| secret.tags.contains(tag.as_str()))
    };
    let (query, mut from, mut keys) = (secrets_of_place(&tenant, place), None, Vec::<Key>::new());
    loop {
        let page = app.store.page(&query, 250, from.as_ref()).await?;
        for item in &page.items {
            let secret: Secret = item.decode_attribute("summary")?;
            if is_wanted(&secret) {
                keys.push(SecretItem::place(&tenant, secret.id));
            }
        }
        if keys.len() > MAX_ENTRIES {
            return Err(too_large("there are more than 500 secrets: name a prefix or a tag"));
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut standing = asker.standing();
    if standing.needs_teams(place) {
        standing = asker.standing_with_teams().await?;
    }
    let may_read = standing.rights_at(place).has(Right::Read);
    let (mut chosen, mut left_out) = (Vec::new(), 0);
    for item in app.store.get_many(&keys).await? {
        let SecretItem { summary, inside, .. } = item.decode()?;
        let current = summary.current_version;
        let is_open = summary.status == Status::Active
            && !summary.is_expired(now)
            && current.is_some_and(|number| inside.kept.contains(&number));
        match may_read && is_open {
            true => chosen.push((summary, inside)),
            false => left_out += 1,
        }
    }
    Ok((chosen, left_out))
}

/// What a secret is called in a file of lines.
fn key_of(secret: &Secret) -> String {
    secret.name.last_segment().replace(['.', '-'], "_")
}

fn keys_of((secret, inside): &(Secret, Inside)) -> Vec<String> {
    match secret.kind {
        SecretType::EnvVariableSet => inside.facts.names.clone().unwrap_or_default(),
        _ => vec![key_of(secret)],
    }
}

fn check_names(input: &ExportIn, chosen: &Chosen) -> Result<()> {
    let mut seen = HashSet::new();
    if input.format == ImportFormat::Json {
        return Ok(());
    }
    match chosen.iter().flat_map(keys_of).find(|key| !seen.insert(key.clone())) {
        None => Ok(()),
        Some(key) => {
            let detail = format!("{key} would be there twice: export them apart, or as json");
            Err(Error::new(codes::EXPORT_NAME_COLLISION, detail))
        }
    }
}

/// Before any value is opened. One BatchGetItem for each hundred.
async fn check_size(asker: &Asker<'_>, chosen: &Chosen) -> Result<()> {
    let tenant = asker.tenant();
    let place = |(secret, _): &(Secret, Inside)| {
        secret.current_version.map(|number| VersionItem::place(&tenant, secret.id, number))
    };
    let places: Vec<Key> = chosen.iter().filter_map(place).collect();
    let mut sum = 0;
    for item in asker.app.store.get_many(&places).await? {
        sum += item.decode::<VersionItem>()?.version().size_bytes;
    }
    match sum > MAX_BYTES {
        true => Err(too_large("the values have more than 4 MB")),
        false => Ok(()),
    }
}

/// The one member of a value as a text; else all of it as JSON.
fn as_text(kind: SecretType, value: &Value) -> Zeroizing<String> {
    let member = match kind {
        SecretType::ApiKey => "key",
        SecretType::Generic => "value",
        SecretType::ConnectionString => "connectionString",
        _ => return Zeroizing::new(value.to_string()),
    };
    Zeroizing::new(value[member].as_str().unwrap_or_default().to_owned())
}

fn as_lines(chosen: &Chosen, values: Option<&[Plaintext]>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
    for (index, one) in chosen.iter().enumerate() {
        let Some(value) = values.and_then(|values| values.get(index)) else {
            for key in keys_of(one) {
                write_dotenv(&mut text, &key, "");
            }
            continue;
        };
        let (kind, value) = (one.0.kind, value.expose());
        match value["variables"].as_object().filter(|_| kind == SecretType::EnvVariableSet) {
            Some(variables) => {
                for (key, value) in variables {
                    write_dotenv(&mut text, key, value.as_str().unwrap_or_default());
                }
            }
            None => write_dotenv(&mut text, &key_of(&one.0), &as_text(kind, value)),
        }
    }
    text
}

fn as_json(chosen: &Chosen, values: Option<&[Plaintext]>) -> Result<Zeroizing<String>> {
    let one = |(index, (secret, _)): (usize, &(Secret, Inside))| {
        let value = values.and_then(|values| values.get(index));
        json!(ExportedSecret::of(secret, value.map(|value| value.expose().clone())))
    };
    let secrets: Vec<Value> = chosen.iter().enumerate().map(one).collect();
    // Wiped when it is dropped.
    let file = Plaintext::new(json!({ "format": EXPORT_FORMAT, "secrets": secrets }));
    serde_json::to_string(file.expose()).map(Zeroizing::new).map_err(Error::internal)
}

/// Before anything leaves: a record for each secret whose value does, and one event.
async fn record(asker: &Asker<'_>, input: &ExportIn, chosen: &Chosen, left_out: u64) -> Result<()> {
    let app = asker.app;
    let records: Vec<_> = match input.include_values {
        true => chosen
            .iter()
            .map(|(secret, _)| {
                let mut record = asker.record("secret_export", Some(secret));
                record.summary.value_version = secret.current_version;
                record
            })
            .collect(),
        false => vec![asker.record("secret_export", None)],
    };
    let data = ExportData {
        format: input.format,
        scope: input.scope,
        scope_id: input.scope_id.clone(),
        environment: input.environment.clone(),
        include_values: input.include_values,
        secrets: u64::try_from(chosen.len()).unwrap_or(u64::MAX),
        left_out,
    };
    let mut data = Some(data);
    // One transaction at least, for the event.
    let chunks = records.chunks(RECORDS).chain(records.is_empty().then_some(&[][..]));
    for chunk in chunks {
        let mut effects = Effects::new(&app.store, asker.caller.cause());
        for record in chunk {
            effects.put(record);
        }
        if let Some(data) = data.take() {
            effects.emit(&ExportCompleted(data))?;
        }
        match effects.attempt().await {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Refused(refusals)) => return Err(unrecorded(refusals.into_error())),
            Err(error) => return Err(unrecorded(error)),
        }
    }
    Ok(())
}
