//! Users who sign in: `auth` tells of them.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{DeactivatedBy, UserStatus};
use millwright_core::{Error, Faults, Result, UserId, codes as shared_codes};
use millwright_http::{Answered, FromService, Submission, Upserted};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{Account, Turn, refresh_cards};
use crate::{
    app::UserManagement,
    codes,
    domain::{Email, HttpsUrl, Language, NamePart, NewUser, User, UserName},
    events::{UserCreated, UserData, UserUpdated},
    invitation::pending_for,
    permissions::UserProvision,
    store::{EmailMarker, user_place},
    vouch,
};

/// Somebody whose identity was verified.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "email": "ada@example.com",
    "displayName": "Ada Lovelace",
}))]
pub struct ProvisionIn {
    user_id: UserId,
    /// Verified. It is added if the user does not have it yet.
    email: Email,
    #[deserr(default)]
    display_name: Option<UserName>,
    #[deserr(default)]
    given_name: Option<NamePart>,
    #[deserr(default)]
    family_name: Option<NamePart>,
    #[deserr(default)]
    avatar_url: Option<HttpsUrl>,
    #[deserr(default)]
    language: Option<Language>,
    /// An address that the identity had before.
    #[deserr(default)]
    drop_email: Option<Email>,
    /// The account comes back, if its user has deactivated it, or is to delete it.
    #[deserr(default)]
    #[schema(required = false)]
    reactivate: bool,
    /// Strangers need a pending invitation.
    #[deserr(default)]
    #[schema(required = false)]
    require_invitation: bool,
}

/// Provision a user
///
/// Creates the user, or adds the address to the one there is: the same call twice changes nothing.
/// One read and one transaction of at most six items; a new address that becomes the primary one
/// takes one query, one batch read and up to fifty items more, coming back two batch reads, one
/// query and up to 100 items in all.
#[utoipa::path(post, path = "/api/v1/users/provision", tag = "Users")]
pub async fn user_provision(
    caller: FromService<UserProvision>,
    State(app): State<UserManagement>,
    submission: Submission<ProvisionIn>,
) -> Answered<Upserted<User>> {
    let person = vouch::person(submission.input.user_id);
    let attempt = || async {
        let mut write = submission.write(&app.store, &caller);
        let stamp = app.stamp(&caller);
        let input = submission.input.clone();
        let found: Option<User> = app.store.get(&user_place(&person)).await?;
        let Some(before) = found else {
            if input.require_invitation {
                check_invited(&app, &input.email).await?;
            }
            let user = User::new(input.into(), stamp);
            write.within(&person, |effects| {
                let step = effects.create(&user);
                effects.refused_as(step, Error::lost_race());
                effects.put(&user.facts(1));
                for mine in &user.emails {
                    EmailMarker::take(effects, &mine.email, user.id);
                }
                effects.emit(&UserCreated(UserData::of(&user, &[])))
            })?;
            return write.commit(Upserted::Created(user)).await;
        };
        let comes_back = input.reactivate && !before.is_active();
        let provisioned = provisioned(&before, &input, stamp.at)?;
        if provisioned == before {
            return write.commit(Upserted::Changed(before)).await;
        }
        let after = provisioned.stamped(stamp.clone());
        write.within(&person, |effects| {
            if !before.holds(&input.email) {
                EmailMarker::take(effects, &input.email, after.id);
            }
            for gone in before.emails.iter().filter(|mine| !after.holds(&mine.email)) {
                effects.delete(&EmailMarker::place(&gone.email));
            }
            if before.emails != after.emails || !comes_back {
                let changed = before.fields_changed(&after);
                effects.emit(&UserUpdated(UserData::of(&after, &changed)))?;
            }
            Ok::<_, Error>(())
        })?;
        if comes_back {
            let account = Account::read(&app.store, &person).await?;
            if account.user.version != before.version {
                return Err(Error::lost_race());
            }
            let turn = Turn { stamp, by_operator: false, is_forced: false };
            account.turn(&mut write, &after, &turn)?;
            return write.commit(Upserted::Changed(after)).await;
        }
        write.within(&person, |effects| {
            let step = effects.replace(&after, before.version);
            effects.refused_as(step, Error::lost_race());
        });
        refresh_cards(&app.store, &mut write, &person, &before, &after, &stamp).await?;
        write.commit(Upserted::Changed(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The user as the identity has it.
fn provisioned(
    before: &User,
    input: &ProvisionIn,
    now: millwright_core::Timestamp,
) -> Result<User> {
    let refused = |detail: String| Err(Error::new(shared_codes::INVALID_STATE, detail));
    if before.status == UserStatus::Deleted {
        return refused("the account is deleted".to_owned());
    }
    let account = match input.reactivate && !before.is_active() {
        true if before.deactivated_by == Some(DeactivatedBy::Operator) => {
            return refused("an operator has to reactivate the account".to_owned());
        }
        true => before.reactivated(now)?,
        false => before.clone(),
    };
    let with = account.with_email(&input.email, now)?;
    Ok(match &input.drop_email {
        Some(gone) if *gone != input.email => with.without_email(gone),
        _ => with,
    })
}

/// One Query and one BatchGetItem.
async fn check_invited(app: &UserManagement, email: &Email) -> Result<()> {
    match pending_for(app, email).await?.is_empty() {
        false => Ok(()),
        true => Err(Error::new(codes::SIGN_UP_CLOSED, "ask a member for an invitation")),
    }
}

impl From<ProvisionIn> for NewUser {
    fn from(input: ProvisionIn) -> NewUser {
        NewUser {
            id: input.user_id,
            email: input.email,
            display_name: input.display_name,
            given_name: input.given_name,
            family_name: input.family_name,
            avatar_url: input.avatar_url,
            language: input.language,
        }
    }
}
