//! The events secret-management emits. Ids, names and states; never a value, hint or digest.

mod data;

use millwright_http::access_denied_event;
use serde_json::{Value, json};

pub use self::data::*;

const SECRET: &str = "sec_01jdz7xk2nf5h9vq3w8c6m4t0b";
const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";

/// The members all events of a secret have, and further ones.
fn about(further: Value) -> Value {
    let mut example = json!({
        "secretId": SECRET, "name": "db/main", "type": "username_password",
        "scope": "organization", "scopeId": null, "environment": null,
    });
    if let (Some(all), Value::Object(further)) = (example.as_object_mut(), further) {
        all.extend(further);
    }
    example
}

fn secret_example() -> Value {
    about(json!({ "changes": [{ "field": "maxVersions", "from": 20, "to": 50 }], "because": null }))
}

fn deletion_example() -> Value {
    about(json!({
        "because": "requested",
        "bindings": [{
            "bindingId": "bnd_01jdz7xk2nf5h9vq3w8c6m4t0b", "service": "ai-service",
            "resourceType": "provider", "resourceId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b",
            "createdBy": USER,
        }],
    }))
}

fn version_example() -> Value {
    about(json!({ "version": 4, "stage": "current", "origin": "written" }))
}

fn grant_example() -> Value {
    about(json!({
        "grantId": "sgr_01jdz7xk2nf5h9vq3w8c6m4t0b", "granteeType": "user", "granteeId": USER,
        "rightsBefore": ["use"], "rightsAfter": ["use", "read"], "expiresAt": null,
    }))
}

fn binding_example() -> Value {
    about(json!({
        "service": "ai-service", "resourceType": "provider",
        "resourceId": "prv_01jdz7xk2nf5h9vq3w8c6m4t0b",
    }))
}

fn rotation_example() -> Value {
    about(json!({
        "rotationId": "rot_01jdz7xk2nf5h9vq3w8c6m4t0b", "version": 5,
        "deadlineAt": "2026-11-24T01:04:58.000Z", "reason": null,
    }))
}

fn expiry_example() -> Value {
    about(json!({ "expiresAt": "2026-12-23T01:04:58.000Z", "daysLeft": 30 }))
}

fn policy_example() -> Value {
    json!({ "policyId": "gpl_01jdz7xk2nf5h9vq3w8c6m4t0b", "name": "Database users" })
}

millwright_event::events! {
    service: "secret-management";
    further: [access_denied_event("secrets.access.denied", "secret-management")];

    /// A secret was created.
    SecretCreated(SecretData) = "secrets.secret.created", about about, secret_example();
    /// The description, metadata or rules of a secret were changed.
    SecretUpdated(SecretData) = "secrets.secret.updated", about about, secret_example();
    /// A secret was deleted; it can be restored for 30 days.
    SecretDeleted(DeletionData) = "secrets.secret.deleted", about about, deletion_example();
    /// A deleted secret came back.
    SecretRestored(SecretData) = "secrets.secret.restored", about about, secret_example();
    /// Nothing of a secret is revealed any more.
    SecretDisabled(SecretData) = "secrets.secret.disabled", about about, secret_example();
    /// A disabled secret is in use again.
    SecretEnabled(SecretData) = "secrets.secret.enabled", about about, secret_example();
    /// The values of a secret are in another backend.
    SecretMigrated(SecretData) = "secrets.secret.migrated", about about, secret_example();
    /// A deleted secret is gone for ever.
    SecretPurged(SecretData) = "secrets.secret.purged", about about, secret_example();
    /// A secret expires soon.
    SecretExpiring(ExpiryData) = "secrets.secret.expiring", about about, expiry_example();
    /// A secret has expired: nothing of it is revealed any more.
    SecretExpired(ExpiryData) = "secrets.secret.expired", about about, expiry_example();
    /// Another value became the current one.
    SecretRotated(RotatedData) = "secrets.secret.rotated", about about,
        about(json!({ "version": 5, "previousVersion": 4, "cause": "rotation" }));
    /// Values were given away; once per call.
    SecretRevealed(RevealedData) = "secrets.secret.revealed", about actor_id, json!({
        "secretIds": [SECRET], "count": 1, "action": "secret_reveal", "actorType": "user",
        "actorId": USER, "bindingId": null,
    });
    /// A value was added.
    VersionCreated(VersionData) = "secrets.version.created", about about, version_example();
    /// A version was deleted; it can be restored.
    VersionDeleted(VersionData) = "secrets.version.deleted", about about, version_example();
    /// A deleted version came back.
    VersionRestored(VersionData) = "secrets.version.restored", about about, version_example();
    /// The value of a version is gone for ever.
    VersionDestroyed(VersionData) = "secrets.version.destroyed", about about, version_example();
    /// Rights were granted.
    GrantCreated(GrantData) = "secrets.grant.created", about about, grant_example();
    /// Granted rights were changed.
    GrantUpdated(GrantData) = "secrets.grant.updated", about about, grant_example();
    /// Granted rights were taken away.
    GrantDeleted(GrantData) = "secrets.grant.deleted", about about, grant_example();
    /// Granted rights have ended.
    GrantExpired(GrantData) = "secrets.grant.expired", about about, grant_example();
    /// A service may reveal a secret for one of its resources.
    BindingCreated(BindingData) = "secrets.binding.created", about about, binding_example();
    /// A resource does not use a secret any more.
    BindingDeleted(BindingData) = "secrets.binding.deleted", about about, binding_example();
    /// A new value waits to be applied and confirmed, or has become current.
    RotationStarted(RotationData) = "secrets.rotation.started", about about, rotation_example();
    /// The new value is in force.
    RotationSucceeded(RotationData) = "secrets.rotation.succeeded", about about, rotation_example();
    /// The new value could not be applied; the old one stays.
    RotationFailed(RotationData) = "secrets.rotation.failed", about about, rotation_example();
    /// A rotation was called off; the old value stays.
    RotationCancelled(RotationData) = "secrets.rotation.cancelled", about about, rotation_example();
    /// A value should be changed by hand; every week until it is.
    RotationDue(RotationDueData) = "secrets.rotation.due", about about,
        about(json!({ "nextRotationAt": "2026-11-23T01:04:58.000Z" }));
    /// Values are sealed by another data key from now on.
    DataKeyRotated(DataKeyData) = "secrets.data_key.rotated", about data_key_id, json!({
        "dataKeyId": "dky_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "previousDataKeyId": "dky_01jdz7xk2nf5h9vq3w8c6m4t0a",
    });
    /// Secrets were imported.
    ImportCompleted(ImportData) = "secrets.import.completed", about scope, json!({
        "format": "dotenv", "scope": "organization", "scopeId": null, "environment": null,
        "created": 12, "newVersions": 2, "unchanged": 30, "skipped": 0,
    });
    /// Secrets were exported.
    ExportCompleted(ExportData) = "secrets.export.completed", about scope, json!({
        "format": "dotenv", "scope": "organization", "scopeId": null, "environment": null,
        "includeValues": true, "secrets": 40, "leftOut": 1,
    });
    /// The settings were changed.
    SettingsUpdated(SettingsData) = "secrets.settings.updated", about organization_id,
        json!({ "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b",
            "changes": [{ "field": "showHints", "from": true, "to": false }] });
    /// A generation policy was created.
    PolicyCreated(PolicyData) = "secrets.policy.created", about policy_id, policy_example();
    /// A generation policy was changed.
    PolicyUpdated(PolicyData) = "secrets.policy.updated", about policy_id, policy_example();
    /// A generation policy was deleted.
    PolicyDeleted(PolicyData) = "secrets.policy.deleted", about policy_id, policy_example();
}
