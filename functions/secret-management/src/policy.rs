//! Generation policies.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Change, Error, Faults, Line, Result, codes as shared_codes};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, NoContent, PathParameter, Plain, Representation,
    Submission, Versioned,
};
use millwright_store::{Condition, Contention};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    codes,
    domain::{CharacterClass, Policy, PolicyKind, PolicyReference, Recipe, SYSTEM_POLICIES, Stamp},
    events::{PolicyCreated, PolicyData, PolicyDeleted, PolicyUpdated},
    permissions::{PolicyManage, PolicyRead},
    store::{POLICIES, PolicyItem, PolicyName, count_place, one_less, one_more},
    vault::Vault,
};

impl Representation for Policy {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/generation-policies/{}", self.id)
    }
}

/// A generation policy.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Database users",
    "length": 40,
    "symbols": { "allowed": false },
}))]
pub struct PolicyIn {
    /// Unique in the organization, whatever its case.
    name: Line<1, 100>,
    #[deserr(default)]
    kind: Option<PolicyKind>,
    /// Characters 12-256; bytes of `hex` and `base64url` 16-128; words 5-20.
    #[deserr(default)]
    #[schema(inline)]
    length: Option<Bounded<5, 256>>,
    #[deserr(default)]
    lowercase: Option<CharacterClass>,
    #[deserr(default)]
    uppercase: Option<CharacterClass>,
    #[deserr(default)]
    digits: Option<CharacterClass>,
    #[deserr(default)]
    symbols: Option<CharacterClass>,
    /// At most 32 visible ASCII characters that are neither letters nor digits.
    #[deserr(default)]
    #[schema(inline)]
    symbol_set: Option<Line<1, 32>>,
    /// Leaves out `0O1lI`.
    #[deserr(default)]
    exclude_ambiguous: Option<bool>,
    /// Stands before the value; not counted for its strength.
    #[deserr(default)]
    #[schema(inline)]
    prefix: Option<Line<0, 32>>,
}

/// A change of a generation policy.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "length": 48 }))]
pub struct PolicyPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<Line<1, 100>>,
    #[deserr(default)]
    kind: Option<PolicyKind>,
    #[deserr(default)]
    #[schema(inline)]
    length: Option<Bounded<5, 256>>,
    #[deserr(default)]
    lowercase: Option<CharacterClass>,
    #[deserr(default)]
    uppercase: Option<CharacterClass>,
    #[deserr(default)]
    digits: Option<CharacterClass>,
    #[deserr(default)]
    symbols: Option<CharacterClass>,
    #[deserr(default)]
    #[schema(inline)]
    symbol_set: Option<Line<1, 32>>,
    #[deserr(default)]
    exclude_ambiguous: Option<bool>,
    #[deserr(default)]
    #[schema(inline)]
    prefix: Option<Line<0, 32>>,
}

/// The recipe with what is given in place of what it had.
macro_rules! recipe_with {
    ($input:ident, $base:expr) => {{
        let base: Recipe = $base;
        let input = $input.clone();
        Recipe {
            kind: input.kind.unwrap_or(base.kind),
            length: input.length.unwrap_or(base.length),
            lowercase: input.lowercase.unwrap_or(base.lowercase),
            uppercase: input.uppercase.unwrap_or(base.uppercase),
            digits: input.digits.unwrap_or(base.digits),
            symbols: input.symbols.unwrap_or(base.symbols),
            symbol_set: input.symbol_set.or(base.symbol_set),
            exclude_ambiguous: input.exclude_ambiguous.unwrap_or(base.exclude_ambiguous),
            prefix: input.prefix.or(base.prefix),
        }
    }};
}

pub fn too_weak(bits: u32) -> Error {
    let detail = format!("the values would have {bits} bits of entropy; 80 are the least");
    Error::new(codes::POLICY_TOO_WEAK, detail).with("entropyBits", bits)
}

fn name_taken() -> Error {
    Error::new(shared_codes::NAME_TAKEN, "another policy has this name")
}

/// Create a generation policy
///
/// At most 100. One transaction of at most five items.
#[utoipa::path(post, path = "/api/v1/secrets/generation-policies", tag = "Generation")]
pub async fn policy_create(
    caller: Allowed<PolicyManage>,
    State(app): State<SecretManagement>,
    submission: Submission<PolicyIn>,
) -> Answered<Created<Policy>> {
    let input = &submission.input;
    let (name, recipe) = (input.name.clone(), recipe_with!(input, Recipe::default()));
    recipe.check(too_weak)?;
    let id = app.store.ids().next::<crate::domain::PolicyNoun>().to_string();
    let policy = Policy::new(id, name, recipe, app.stamp(&caller));
    if SYSTEM_POLICIES.contains(&policy.name.as_str().to_lowercase().as_str()) {
        return Err(name_taken().into());
    }
    let mut write = submission.write(&app.store, &caller);
    write.create(&PolicyItem::of(policy.clone()));
    let step = write.create(&PolicyName::of(&policy));
    write.refused_as(step, name_taken());
    one_more(&mut write, &count_place(&caller.tenant(), POLICIES), "count", POLICIES);
    write.emit(&PolicyCreated(PolicyData::of(&policy)))?;
    Ok(write.commit(Created(policy)).await?)
}

/// All of them at once: there are at most 103.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policies {
    items: Vec<Policy>,
    /// Always null.
    next_cursor: Option<String>,
}

/// A policy that is the same everywhere.
fn system_policy(name: &'static str) -> Result<Policy> {
    let recipe = Recipe::system(name).ok_or_else(|| Error::not_found("policy"))?;
    let epoch = millwright_core::Timestamp::UNIX_EPOCH;
    let stamp = Stamp { at: epoch, by: "system".to_owned() };
    Ok(Policy { is_system: true, ..Policy::new(name.to_owned(), name.parse()?, recipe, stamp) })
}

/// List generation policies
///
/// By name, those of the system included; not paged. One query.
#[utoipa::path(get, path = "/api/v1/secrets/generation-policies", tag = "Generation")]
pub async fn policy_list(
    caller: Allowed<PolicyRead>,
    State(app): State<SecretManagement>,
) -> Answered<Plain<Policies>> {
    let mut items: Vec<Policy> =
        SYSTEM_POLICIES.iter().map(|name| system_policy(name)).collect::<Result<_>>()?;
    for item in app.store.collect(&PolicyItem::all(&caller.tenant()), 200).await? {
        items.push(item.decode::<PolicyItem>()?.policy);
    }
    items.sort_by_key(|policy| (policy.name.as_str().to_lowercase(), policy.id.clone()));
    Ok(Plain(Policies { items, next_cursor: None }))
}

/// Read a generation policy
///
/// One read; none for those of the system.
#[utoipa::path(get, path = "/api/v1/secrets/generation-policies/{policyId}", tag = "Generation")]
pub async fn policy_get(
    caller: Allowed<PolicyRead>,
    State(app): State<SecretManagement>,
    PathParameter((reference,)): PathParameter<(PolicyReference,)>,
) -> Answered<Versioned<Policy>> {
    Ok(Versioned(find(&app, &caller.tenant(), &reference).await?))
}

/// One GetItem; none for those of the system.
///
/// # Errors
/// `not_found`.
pub async fn find(
    app: &Vault,
    tenant: &millwright_core::Tenant,
    reference: &PolicyReference,
) -> Result<Policy> {
    match reference {
        PolicyReference::System(name) => system_policy(name),
        PolicyReference::Own(id) => {
            let place = PolicyItem::place(tenant, &id.to_string());
            let found: Option<PolicyItem> = app.store.get(&place).await?;
            Ok(found.ok_or_else(|| Error::not_found("policy"))?.policy)
        }
    }
}

/// Those of the system are immutable.
fn own(reference: &PolicyReference) -> Result<()> {
    match reference {
        PolicyReference::Own(_) => Ok(()),
        PolicyReference::System(_) => {
            Err(Error::new(codes::SYSTEM_POLICY, "make a policy of your own"))
        }
    }
}

/// Change a generation policy
///
/// A change of nothing is no change. One read and one transaction of at most four items.
#[utoipa::path(patch, path = "/api/v1/secrets/generation-policies/{policyId}", tag = "Generation")]
pub async fn policy_update(
    caller: Allowed<PolicyManage>,
    State(app): State<SecretManagement>,
    PathParameter((reference,)): PathParameter<(PolicyReference,)>,
    if_match: IfMatch,
    Body(patch): Body<PolicyPatchIn>,
) -> Answered<Versioned<Policy>> {
    own(&reference)?;
    let attempt = || async {
        let before = find(&app, &caller.tenant(), &reference).await?;
        if_match.check(before.version)?;
        let recipe = recipe_with!(patch, before.recipe());
        recipe.check(too_weak)?;
        let mut after = before.following(recipe);
        patch.name.clone().apply_to(&mut after.name);
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        let stamp = app.stamp(&caller);
        after.version += 1;
        after.updated_at = stamp.at;
        after.updated_by = stamp.by;
        let step = write.replace(&PolicyItem::of(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        let (old, new) = (PolicyName::of(&before), PolicyName::of(&after));
        if old.folded_name != new.folded_name {
            let step = write.create(&new);
            write.refused_as(step, name_taken());
            write.remove(&old);
        }
        write.emit(&PolicyUpdated(PolicyData::of(&after)))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete a generation policy
///
/// One read and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/secrets/generation-policies/{policyId}", tag = "Generation")]
pub async fn policy_delete(
    caller: Allowed<PolicyManage>,
    State(app): State<SecretManagement>,
    PathParameter((reference,)): PathParameter<(PolicyReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    own(&reference)?;
    let tenant = caller.tenant();
    let attempt = || async {
        let before = find(&app, &tenant, &reference).await?;
        if_match.check(before.version)?;
        let mut write = caller.write(&app.store);
        let place = PolicyItem::place(&tenant, &before.id);
        let step = write.delete_when(&place, Condition::version(before.version));
        write.refused_as(step, Error::lost_race());
        write.remove(&PolicyName::of(&before));
        one_less(&mut write, &count_place(&tenant, POLICIES), "count");
        write.emit(&PolicyDeleted(PolicyData::of(&before)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
