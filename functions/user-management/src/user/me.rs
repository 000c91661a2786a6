//! One's own profile.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipFacts, MembershipStatus, UserFacts};
use millwright_core::{Change, Error, Faults, OrgId, Patch, Result};
use millwright_http::{Answered, Body, IfMatch, SignedIn, Versioned};
use millwright_store::{Contention, Update};
use utoipa::ToSchema;

use super::refresh_cards;
use crate::{
    app::UserManagement,
    codes,
    domain::{
        Email, HttpsUrl, Language, NamePart, PhoneNumber, ShortText, Skills, Timezone, User,
        UserName, UserPatch,
    },
    events::{UserData, UserUpdated},
    vouch,
};

/// A change of one's own profile.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "displayName": "Ada Lovelace", "jobTitle": "Analyst", "skills": ["mathematics"],
}))]
pub struct UserPatchIn {
    /// One of `emails`: it becomes the primary one.
    #[deserr(default)]
    #[schema(required = false)]
    email: Change<Email>,
    #[deserr(default)]
    #[schema(required = false)]
    display_name: Change<UserName>,
    #[deserr(default)]
    #[schema(required = false)]
    given_name: Patch<NamePart>,
    #[deserr(default)]
    #[schema(required = false)]
    family_name: Patch<NamePart>,
    /// E.164, for the user alone.
    #[deserr(default)]
    #[schema(required = false)]
    phone_number: Patch<PhoneNumber>,
    #[deserr(default)]
    #[schema(required = false)]
    avatar_url: Patch<HttpsUrl>,
    #[deserr(default)]
    #[schema(required = false)]
    job_title: Patch<ShortText>,
    #[deserr(default)]
    #[schema(required = false)]
    speciality: Patch<ShortText>,
    #[deserr(default)]
    #[schema(required = false)]
    skills: Patch<Skills>,
    #[deserr(default)]
    #[schema(required = false)]
    timezone: Patch<Timezone>,
    #[deserr(default)]
    #[schema(required = false)]
    language: Patch<Language>,
    /// An organization in which the user is an active member.
    #[deserr(default)]
    #[schema(required = false)]
    default_organization_id: Patch<OrgId>,
}

impl From<UserPatchIn> for UserPatch {
    fn from(patch: UserPatchIn) -> UserPatch {
        UserPatch {
            email: patch.email,
            display_name: patch.display_name,
            given_name: patch.given_name,
            family_name: patch.family_name,
            phone_number: patch.phone_number,
            avatar_url: patch.avatar_url,
            job_title: patch.job_title,
            speciality: patch.speciality,
            skills: patch.skills,
            timezone: patch.timezone,
            language: patch.language,
            default_organization_id: patch.default_organization_id,
        }
    }
}

/// Read one's own profile
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "Users")]
pub async fn my_user_get(
    caller: SignedIn,
    State(app): State<UserManagement>,
) -> Answered<Versioned<User>> {
    Ok(Versioned(app.user(&caller.tenant()).await?))
}

/// Change one's own profile
///
/// A change of nothing is no change. What other members see of it changes with it, in every
/// organization. One read and one transaction of at most 54 items; with a change that others see
/// one query and one batch read more, with another default organization one read more.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "Users")]
pub async fn my_user_update(
    caller: SignedIn,
    State(app): State<UserManagement>,
    if_match: IfMatch,
    Body(patch): Body<UserPatchIn>,
) -> Answered<Versioned<User>> {
    let patch = UserPatch::from(patch);
    let person = caller.tenant();
    let attempt = || async {
        let before = app.user(&person).await?;
        if_match.check(before.version)?;
        let patched = before.patched(patch.clone())?;
        let mut write = caller.write(&app.store);
        if patched == before {
            return write.commit(Versioned(before)).await;
        }
        let stamp = app.stamp(&caller);
        let after = patched.stamped(stamp.clone());
        let step = write.replace(&after, before.version);
        write.refused_as(step, Error::lost_race());
        if after.default_organization_id != before.default_organization_id {
            if let Some(organization) = after.default_organization_id {
                check_active(&app, organization, after.id).await?;
            }
            let update = Update::new().set("defaultOrganizationId", after.default_organization_id);
            write.update(&UserFacts::place(&person), &update);
        }
        refresh_cards(&app.store, &mut write, &person, &before, &after, &stamp).await?;
        let changed = before.fields_changed(&after);
        write.emit(&UserUpdated(UserData::of(&after, &changed)))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The user is an active member. One GetItem.
async fn check_active(
    app: &UserManagement,
    organization: OrgId,
    user: millwright_core::UserId,
) -> Result<()> {
    let tenant = vouch::joined(organization);
    let facts: Option<MembershipFacts> =
        app.store.get(&MembershipFacts::place(&tenant, user)).await?;
    match facts.map(|facts| facts.status) {
        Some(MembershipStatus::Active) => Ok(()),
        _ => Err(Error::new(codes::NOT_A_MEMBER, "you are no active member of this organization")),
    }
}
