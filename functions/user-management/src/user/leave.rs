//! Leaving with one's account.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{DeactivatedBy, UserStatus};
use millwright_core::{Faults, Result, Tenant};
use millwright_http::{
    Answer, Answered, NoContent, Recent, SignedIn, Submission, Versioned, Write,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::account::{Account, Turn};
use crate::{
    app::UserManagement,
    domain::{DeactivationReason, Stamp, User},
};

/// Why somebody leaves.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "A sabbatical" }))]
pub struct DeactivateIn {
    #[deserr(default)]
    reason: Option<DeactivationReason>,
}

/// Deactivate one's own account
///
/// No organization issues a token to it any more; memberships stay. Signing in again can take it
/// up. Not by the last owner of an organization. Two batch reads, one query and one transaction of
/// at most 100 items.
#[utoipa::path(post, path = "/api/v1/users/me/deactivate", tag = "Users")]
pub async fn my_user_deactivate(
    caller: Recent<SignedIn>,
    State(app): State<UserManagement>,
    submission: Submission<DeactivateIn>,
) -> Answered<Versioned<User>> {
    let leaving = Leaving {
        app: &app,
        person: caller.tenant(),
        by_operator: false,
        is_forced: false,
        change: |user: &User, _: &Stamp| {
            let reason = submission.input.reason.clone();
            user.deactivated(DeactivatedBy::Themselves, reason).map(Some)
        },
    };
    let begin = || (submission.write(&app.store, &caller), app.stamp(&caller));
    Ok(leaving.settle(begin, Versioned).await?)
}

/// Delete one's own account
///
/// In 90 days: until then, signing in again can take it up. What tells of the person is erased then.
/// Not by the last owner of an organization. Two batch reads, one query and one transaction of at
/// most 100 items.
#[utoipa::path(delete, path = "/api/v1/users/me", tag = "Users")]
pub async fn my_user_delete(
    caller: Recent<SignedIn>,
    State(app): State<UserManagement>,
) -> Answered<NoContent> {
    let leaving = Leaving {
        app: &app,
        person: caller.tenant(),
        by_operator: false,
        is_forced: false,
        change: |user: &User, stamp: &Stamp| match user.status {
            UserStatus::DeletionScheduled => Ok(None),
            _ => user.to_be_deleted(DeactivatedBy::Themselves, stamp.at).map(Some),
        },
    };
    let begin = || (caller.write(&app.store), app.stamp(&caller));
    Ok(leaving.settle(begin, |_| NoContent).await?)
}

/// One change of an account.
pub struct Leaving<'a, C> {
    pub app: &'a UserManagement,
    pub person: Tenant,
    pub by_operator: bool,
    pub is_forced: bool,
    /// None: it is so already.
    pub change: C,
}

impl<C: Fn(&User, &Stamp) -> Result<Option<User>>> Leaving<'_, C> {
    /// # Errors
    /// `not_found`, `last_owner`, and those of the change.
    pub async fn settle<A: Answer>(
        &self,
        begin: impl Fn() -> (Write, Stamp),
        answer: impl Fn(User) -> A,
    ) -> Result<A> {
        let app = self.app;
        let attempt = || async {
            let account = Account::read(&app.store, &self.person).await?;
            let (mut write, stamp) = begin();
            let Some(after) = (self.change)(&account.user, &stamp)? else {
                return write.commit(answer(account.user)).await;
            };
            let after = after.stamped(stamp.clone());
            let Leaving { by_operator, is_forced, .. } = *self;
            let turn = Turn { stamp, by_operator, is_forced };
            let guards = account.turn(&mut write, &after, &turn)?;
            guards.commit(write, answer(after)).await
        };
        Contention::new(&app.store).settle(&app.store, attempt).await
    }
}
