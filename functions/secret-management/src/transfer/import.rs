//! Importing secrets from a file (rule 15).

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Error, Fault, FaultCode, Faults, Line, Result, codes as shared_codes, wire_enum,
};
use millwright_event::Effects;
use millwright_http::{Allowed, Answered, Asking, Plain, Submission};
use millwright_store::Contention;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::plan::{outcome, standing};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{
        Checked, Entry, Environment, FileFault, ImportFormat, Origin, Place, Plaintext,
        RotationPolicy, Scope, SecretId, SecretName, SecretType, Settings, Stage, read_file,
    },
    events::{ImportCompleted, ImportData, RotatedBy},
    permissions::SecretImport,
    secret::{Draft, check_present, create_secret, may_create_at, versions_of},
    store::load,
    value::{NewValue, check_shape},
    version::{Writing, write_value},
};

wire_enum! {
    /// What entries become.
    pub enum ImportType {
        /// A secret each.
        Generic = "generic",
        /// One secret with all of them; the prefix is its name.
        EnvVariableSet = "env_variable_set",
    }
}

wire_enum! {
    /// What happens if a secret has the name already, and another value.
    pub enum OnConflict {
        Fail = "fail",
        Skip = "skip",
        NewVersion = "new_version",
    }
}

wire_enum! {
    /// What became of an entry.
    pub enum Outcome {
        Created = "created",
        NewVersion = "new_version",
        Unchanged = "unchanged",
        Skipped = "skipped",
    }
}

/// A file of secrets.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "format": "dotenv",
    "content": "STRIPE_KEY=sk_test_4711\n",
    "scope": "organization",
    "onConflict": "skip",
}))]
pub struct ImportIn {
    format: ImportFormat,
    /// At most 900 KB and 500 entries: lines of `KEY=value`, or a JSON object of texts, or a JSON
    /// export.
    #[schema(value_type = String)]
    content: Plaintext,
    scope: Scope,
    #[deserr(default)]
    scope_id: Option<String>,
    #[deserr(default)]
    environment: Option<Environment>,
    /// Before the key of each entry; of a set of variables its name.
    #[deserr(default)]
    #[schema(inline)]
    name_prefix: Option<Line<1, 255>>,
    #[deserr(default = ImportType::Generic, rename = "type")]
    #[schema(rename = "type", required = false)]
    kind: ImportType,
    #[deserr(default = OnConflict::Fail)]
    #[schema(required = false)]
    on_conflict: OnConflict,
    /// Only say what would happen.
    #[deserr(default)]
    #[schema(required = false)]
    dry_run: bool,
}

const MAX_CONTENT: usize = 900 * 1024;

/// What became of one entry, in the order of the file.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    #[schema(inline)]
    name: SecretName,
    line: Option<usize>,
    outcome: Outcome,
    /// Null in a dry run for what would be created.
    secret_id: Option<SecretId>,
    version: Option<u32>,
}

/// What became of all entries.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResults {
    results: Vec<ImportResult>,
    dry_run: bool,
}

/// A secret that is to be there.
pub struct Wanted {
    pub name: SecretName,
    pub kind: SecretType,
    pub digest: String,
    entry: Entry,
    checked: Checked,
}

/// Import secrets
///
/// All of the file is checked first; any fault refuses all of it, by line and key. Then entry by
/// entry, each its own transaction: sent again after a cut, it comes to the same. Entries whose value
/// is there already are unchanged. At most three batch reads for each hundred entries, and one
/// transaction of at most eight items each; new versions take one query more.
#[utoipa::path(post, path = "/api/v1/secrets/import", tag = "Files")]
pub async fn secret_import(
    caller: Allowed<SecretImport>,
    State(app): State<SecretManagement>,
    asking: Asking,
    submission: Submission<ImportIn>,
) -> Answered<Plain<ImportResults>> {
    let (submission, input) = submission.take();
    let asker = Asker::allowed(&app, &caller, &asking);
    let tenant = caller.tenant();
    let settings = app.settings(&tenant).await?;
    let place = Place::of(
        input.scope,
        input.scope_id.as_deref(),
        input.environment.clone(),
        caller.user(),
    )?;
    let wanted = wanted(&asker, &input).await?;
    may_create_at(&asker, &place, &settings).await?;
    let there = standing(&app, &tenant, &place, &wanted).await?;
    let mut faults = Vec::new();
    let mut results = Vec::with_capacity(wanted.len());
    for one in &wanted {
        let known = there.get(one.name.as_str());
        match outcome(one, known, input.on_conflict) {
            Ok(outcome) => results.push(ImportResult {
                name: one.name.clone(),
                line: one.entry.line,
                outcome,
                secret_id: known.map(|known| known.secret.id),
                version: known.and_then(|known| known.secret.current_version),
            }),
            Err(detail) => faults.push(FileFault::of(&one.entry, detail)),
        }
    }
    refuse(&faults)?;
    if input.dry_run {
        let answer = Plain(ImportResults { results, dry_run: true });
        return Ok(submission.write(&app.store, &caller).commit(answer).await?);
    }
    for (one, result) in wanted.iter().zip(&mut results) {
        let attempt = || write_one(&asker, &input, &place, &settings, one, result.clone());
        *result = Contention::new(&app.store).settle(&app.store, attempt).await?;
    }
    let mut write = submission.write(&app.store, &caller);
    write.put(&asker.record("secret_import", None));
    write.emit(&ImportCompleted(data(&input, &results)))?;
    Ok(write.commit(Plain(ImportResults { results, dry_run: false })).await?)
}

fn data(input: &ImportIn, results: &[ImportResult]) -> ImportData {
    let count = |outcome| {
        u64::try_from(results.iter().filter(|one| one.outcome == outcome).count())
            .unwrap_or(u64::MAX)
    };
    ImportData {
        format: input.format,
        scope: input.scope,
        scope_id: input.scope_id.clone(),
        environment: input.environment.clone(),
        created: count(Outcome::Created),
        new_versions: count(Outcome::NewVersion),
        unchanged: count(Outcome::Unchanged),
        skipped: count(Outcome::Skipped),
    }
}

fn refuse(faults: &[FileFault]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    const MOST: usize = 100;
    let fault = |fault: &FileFault| Fault::new("/content", FaultCode::NotAllowed, fault.text());
    Err(Error::invalid(codes::IMPORT_INVALID, faults.iter().take(MOST).map(fault).collect()))
}

/// What the file says, checked. No calls if the digest key is in memory.
async fn wanted(asker: &Asker<'_>, input: &ImportIn) -> Result<Vec<Wanted>> {
    let Some(content) = input.content.expose().as_str() else {
        return Err(Error::fault("/content", FaultCode::WrongType, "must be a string"));
    };
    if content.len() > MAX_CONTENT {
        let detail = format!("a file has at most {MAX_CONTENT} bytes");
        return Err(Error::new(shared_codes::TOO_LARGE, detail));
    }
    let (mut entries, mut faults) = read_file(input.format, content);
    let prefix = input.name_prefix.as_ref().map(Line::as_str).unwrap_or_default();
    if input.kind == ImportType::EnvVariableSet && faults.is_empty() {
        entries = vec![as_set(entries, prefix)?];
    }
    let tenant = asker.tenant();
    let mut wanted: Vec<Wanted> = Vec::with_capacity(entries.len());
    for entry in entries {
        let is_set = input.kind == ImportType::EnvVariableSet;
        let name = if is_set { entry.key.clone() } else { format!("{prefix}{}", entry.key) };
        let name = match name.parse::<SecretName>() {
            Ok(name) => name,
            Err(wrong) => {
                faults.push(FileFault::of(&entry, wrong.detail));
                continue;
            }
        };
        let kind = entry.kind.unwrap_or(SecretType::Generic);
        let value = match entry.kind {
            Some(_) => entry.value.clone(),
            None => Plaintext::new(json!({ "value": entry.value.expose() })),
        };
        let checked = match check_shape(kind, &value) {
            Ok(checked) => checked,
            Err(error) => {
                let detail = error.faults().first().map(|fault| fault.detail.clone());
                let detail = detail.unwrap_or_else(|| error.detail().to_owned());
                faults.push(FileFault::of(&entry, detail));
                continue;
            }
        };
        let digest = asker.app.keys.digest(&tenant, &value).await?;
        wanted.push(Wanted { name, kind, digest, entry: Entry { value, ..entry }, checked });
    }
    refuse(&faults)?;
    Ok(wanted)
}

/// All entries as one set of variables.
fn as_set(entries: Vec<Entry>, prefix: &str) -> Result<Entry> {
    if prefix.is_empty() {
        let detail = "is the name of the set of variables";
        return Err(Error::fault("/namePrefix", FaultCode::Required, detail));
    }
    if entries.iter().any(|entry| entry.kind.is_some()) {
        let detail = "an export has the types of its secrets itself";
        return Err(Error::fault("/type", FaultCode::NotAllowed, detail));
    }
    let variable = |entry: &Entry| (entry.key.clone(), entry.value.expose().clone());
    let variables: Map<String, Value> = entries.iter().map(variable).collect();
    Ok(Entry {
        line: None,
        key: prefix.trim_end_matches('/').to_owned(),
        kind: Some(SecretType::EnvVariableSet),
        value: Plaintext::new(json!({ "variables": variables })),
        description: Default::default(),
        tags: Default::default(),
        metadata: Default::default(),
        expires_at: None,
    })
}

/// One entry, as it stands by now: somebody else may have been faster than the plan.
async fn write_one(
    asker: &Asker<'_>,
    input: &ImportIn,
    place: &Place,
    settings: &Settings,
    one: &Wanted,
    planned: ImportResult,
) -> Result<ImportResult> {
    let (app, tenant) = (asker.app, asker.tenant());
    match planned.outcome {
        Outcome::Unchanged | Outcome::Skipped => return Ok(planned),
        Outcome::Created => match create(asker, place, settings, one).await {
            Ok((id, version)) => {
                return Ok(ImportResult { secret_id: Some(id), version: Some(version), ..planned });
            }
            Err(error) if error.is(shared_codes::NAME_TAKEN) => {}
            Err(error) => return Err(error),
        },
        Outcome::NewVersion => {}
    }
    let there = standing(app, &tenant, place, std::slice::from_ref(one)).await?;
    let Some(known) = there.get(one.name.as_str()) else { return Err(Error::lost_race()) };
    let taken = |detail: &str| Error::new(shared_codes::NAME_TAKEN, detail.to_owned());
    let outcome = outcome(one, Some(known), input.on_conflict).map_err(taken)?;
    let (id, mut version) = (known.secret.id, known.secret.current_version);
    if outcome == Outcome::NewVersion {
        version = Some(add_version(asker, id, one).await?);
    }
    Ok(ImportResult { outcome, secret_id: Some(id), version, ..planned })
}

/// One transaction of nine items.
async fn create(
    asker: &Asker<'_>,
    place: &Place,
    settings: &Settings,
    one: &Wanted,
) -> Result<(SecretId, u32)> {
    let entry = &one.entry;
    let draft = Draft {
        name: one.name.clone(),
        description: entry.description.clone(),
        kind: one.kind,
        place: place.clone(),
        value: entry.value.clone(),
        checked: one.checked.clone(),
        origin: Origin::Imported,
        change_reason: None,
        tags: entry.tags.clone(),
        metadata: entry.metadata.clone(),
        expires_at: entry.expires_at.filter(|end| *end > asker.app.now()),
        expiry_reminder_days: settings.default_expiry_reminder_days.clone(),
        rotation: RotationPolicy::default(),
        backend: settings.default_backend,
        max_versions: versions_of(settings.default_backend, None)?,
        cas_required: false,
    };
    let mut effects = Effects::new(&asker.app.store, asker.caller.cause());
    let (loaded, _) = create_secret(asker, &mut effects, draft).await?;
    effects.put(&asker.record("secret_import", Some(&loaded.secret)));
    effects.commit().await?;
    Ok((loaded.secret.id, loaded.secret.last_version))
}

/// One query and one transaction.
async fn add_version(asker: &Asker<'_>, id: SecretId, one: &Wanted) -> Result<u32> {
    let app = asker.app;
    let loaded = load(&app.store, &asker.tenant(), id).await?.ok_or_else(Error::lost_race)?;
    check_present(&loaded.secret)?;
    let value = NewValue {
        value: one.entry.value.clone(),
        checked: one.checked.clone(),
        stage: Stage::Current,
        origin: Origin::Imported,
        rolled_back_from: None,
        change_reason: None,
    };
    let record = asker.record("secret_import", Some(&loaded.secret));
    let (cause, stamp) = (RotatedBy::Import, app.stamp(asker.caller));
    let token = &asker.token;
    let writing = Writing { loaded: &loaded, value, cause, stamp, token, record };
    let mut effects = Effects::new(&app.store, asker.caller.cause());
    let (_, version) = write_value(app, &mut effects, writing).await?;
    effects.commit().await?;
    Ok(version.number)
}
