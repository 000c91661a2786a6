//! Made values.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, FaultCode, Faults, Result};
use millwright_http::{Allowed, Answered, Body, Plain};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{Generate, Origin, Plaintext, PolicyReference, Recipe, SecretType},
    permissions::SecretCreate,
    policy::{find, too_weak},
    vault::Vault,
};

/// What to make, and how many.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "policyId": "strong", "count": 3 }))]
pub struct GenerateIn {
    /// A policy of the organization, or `strong` (the default), `token`, `passphrase`.
    #[deserr(default)]
    policy_id: Option<PolicyReference>,
    /// How, if no policy is named.
    #[deserr(default)]
    inline: Option<Recipe>,
    /// 1-20; 1 if not given.
    #[deserr(default)]
    #[schema(inline)]
    count: Option<Bounded<1, 20>>,
}

/// Made values: stored nowhere.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedValues {
    #[schema(value_type = Vec<String>)]
    values: Vec<Plaintext>,
    entropy_bits: u32,
}

/// Generate values
///
/// Stored nowhere; asked again, others are made. At most one read.
#[utoipa::path(post, path = "/api/v1/secrets/generate", tag = "Generation")]
pub async fn value_generate(
    caller: Allowed<SecretCreate>,
    State(app): State<SecretManagement>,
    Body(input): Body<GenerateIn>,
) -> Answered<Plain<GeneratedValues>> {
    let GenerateIn { policy_id, inline, count } = input;
    let recipe = recipe(&app, &caller.tenant(), &Generate { policy_id, inline }).await?;
    let entropy_bits = recipe.check(too_weak)?;
    let mut random = source(&app);
    let count = count.map_or(1, Bounded::get);
    let make = |_| Plaintext::new(Value::from(recipe.generate(&mut random).as_str()));
    Ok(Plain(GeneratedValues { values: (0..count).map(make).collect(), entropy_bits }))
}

/// One GetItem for a policy of the organization.
async fn recipe(
    app: &Vault,
    tenant: &millwright_core::Tenant,
    generate: &Generate,
) -> Result<Recipe> {
    match (&generate.policy_id, &generate.inline) {
        (Some(_), Some(_)) => {
            let detail = "must be absent if a policy is named";
            Err(Error::fault("/inline", FaultCode::NotAllowed, detail))
        }
        (Some(reference), None) => Ok(find(app, tenant, reference).await?.recipe()),
        (None, Some(recipe)) => {
            recipe.check(too_weak)?;
            Ok(recipe.clone())
        }
        (None, None) => Ok(Recipe::default()),
    }
}

/// Independent random bytes of the system.
fn source(app: &Vault) -> impl FnMut() -> u8 {
    let ids = app.store.ids().clone();
    let mut left = zeroize::Zeroizing::new(Vec::new());
    move || {
        if left.is_empty() {
            left.extend_from_slice(&ids.random_bytes::<64>());
        }
        left.pop().unwrap_or_default()
    }
}

/// The value that was given, or one made in its place; `current` gives what is not generated.
///
/// # Errors
/// `invalid_request` unless exactly one is there, `rotation_not_possible` if values of the type
/// cannot be made.
pub async fn generated(
    asker: &Asker<'_>,
    kind: SecretType,
    value: Option<Plaintext>,
    generate: Option<&Generate>,
    current: Option<&Plaintext>,
) -> Result<(Plaintext, Origin)> {
    match (value, generate) {
        (Some(value), None) => Ok((value, Origin::Written)),
        (Some(_), Some(_)) | (None, None) => {
            let detail = "exactly one of value and generate is required";
            Err(Error::fault("/value", FaultCode::Required, detail))
        }
        (None, Some(generate)) => {
            let value = make(asker.app, &asker.tenant(), kind, generate, current).await?;
            Ok((value, Origin::Generated))
        }
    }
}

/// Makes a value of a type.
///
/// # Errors
/// `rotation_not_possible`.
pub async fn make(
    app: &Vault,
    tenant: &millwright_core::Tenant,
    kind: SecretType,
    generate: &Generate,
    current: Option<&Plaintext>,
) -> Result<Plaintext> {
    let impossible = |detail| Error::new(codes::ROTATION_NOT_POSSIBLE, detail);
    let member = kind.generated_member();
    let member = member.ok_or_else(|| impossible("values of this type cannot be generated"))?;
    let mut random = source(app);
    if kind == SecretType::SshKey {
        let seed = std::array::from_fn(|_| random());
        let pair = crate::domain::generated_key_pair(&seed);
        let (private, public) = pair.ok_or_else(|| Error::internal("no key pair was made"))?;
        let value = json!({
            "privateKey": private.as_str(), "publicKey": public, "keyType": "ed25519",
        });
        return Ok(Plaintext::new(value));
    }
    let made = recipe(app, tenant, generate).await?.generate(&mut random);
    let mut value = match kind {
        SecretType::UsernamePassword => {
            let current = current.map(|current| current.expose().clone());
            current.ok_or_else(|| {
                impossible("a password is generated for a user who is known: give the first value")
            })?
        }
        _ => json!({}),
    };
    value[member] = Value::from(made.as_str());
    Ok(Plaintext::new(value))
}
