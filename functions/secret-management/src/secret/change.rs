//! Changing what a secret is called and how it is kept.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Change, Faults, Patch, Result, Timestamp};
use millwright_http::{
    Answered, Asking, Body, Entitled, IfMatch, OrOperator, PathParameter, Versioned,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{
    SecretView, check_present,
    create::{check_expiry, check_most, name_taken},
    replace,
};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{
        Description, Metadata, Right, RotationPolicy, SecretId, SecretName, SecretPatch, Tags,
        reminder_days,
    },
    events::{SecretData, SecretUpdated},
    permissions::SecretUpdate,
    store::{Loaded, NameMarker},
    value::rotation_impossible,
};

/// A change of a secret.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "tags": ["database"], "maxVersions": 50 }))]
pub struct SecretPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<SecretName>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<Description>,
    #[deserr(default)]
    #[schema(required = false)]
    tags: Patch<Tags>,
    #[deserr(default)]
    #[schema(required = false)]
    metadata: Patch<Metadata>,
    #[deserr(default)]
    #[schema(required = false)]
    expires_at: Patch<Timestamp>,
    #[deserr(default)]
    #[schema(required = false)]
    expiry_reminder_days: Change<Vec<u32>>,
    #[deserr(default)]
    #[schema(required = false)]
    rotation: Change<RotationPolicy>,
    #[deserr(default)]
    #[schema(required = false)]
    max_versions: Change<Bounded<2, 100>>,
    #[deserr(default)]
    #[schema(required = false)]
    cas_required: Change<bool>,
}

impl SecretPatchIn {
    fn checked(self, now: Timestamp) -> Result<SecretPatch> {
        if let Patch::Set(end) = self.expires_at {
            check_expiry(Some(end), now)?;
        }
        let expiry_reminder_days = match self.expiry_reminder_days {
            Change::Set(days) => Change::Set(reminder_days(days, "/expiryReminderDays")?),
            Change::Keep => Change::Keep,
        };
        let max_versions = match self.max_versions {
            Change::Set(number) => Change::Set(number.get()),
            Change::Keep => Change::Keep,
        };
        let SecretPatchIn { name, description, tags, metadata, expires_at, rotation, .. } = self;
        Ok(SecretPatch {
            name,
            description,
            tags,
            metadata,
            expires_at,
            expiry_reminder_days,
            rotation,
            max_versions,
            cas_required: self.cas_required,
        })
    }
}

/// Change a secret
///
/// Not its value. A change of nothing is no change. One query and one transaction of at most five
/// items.
#[utoipa::path(patch, path = "/api/v1/secrets/{secretId}", tag = "Secrets")]
pub async fn secret_update(
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    Body(patch): Body<SecretPatchIn>,
) -> Answered<Versioned<SecretView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let patch = patch.checked(app.now())?;
    let attempt = || async {
        let (loaded, held) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        let before = loaded.secret.clone();
        check_present(&before)?;
        if_match.check(before.version)?;
        let mut write = caller.write(&app.store);
        let patched = before.patched(patch.clone());
        patched.rotation.check(before.kind, rotation_impossible)?;
        if patched.max_versions != before.max_versions {
            check_most(patched.max_versions, loaded.inside.most_versions(&before))?;
        }
        if patched == before {
            let view = SecretView::of(&loaded, &held, app.now());
            return write.commit(Versioned(view)).await;
        }
        let after = patched.stamped(app.stamp(&caller));
        replace(&mut write, &after, &loaded.inside, before.version)?;
        if after.name != before.name {
            let step = write.create(&NameMarker::of(&after)?);
            write.refused_as(step, name_taken());
            write.remove(&NameMarker::of(&before)?);
        }
        write.put(&asker.record("secret_update", Some(&after)));
        write.emit(&SecretUpdated(SecretData::between(&before, &after)))?;
        let view = SecretView::of(&Loaded { secret: after, ..loaded }, &held, app.now());
        write.commit(Versioned(view)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
