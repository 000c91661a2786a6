//! What operators do to accounts.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{DeactivatedBy, UserStatus};
use millwright_core::{Fault, FaultCode, Faults, UserId};
use millwright_http::{
    Answered, Empty, NoContent, Operator, Parameters, PathParameter, Plain, Submission, Versioned,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::leave::Leaving;
use crate::{
    app::UserManagement,
    domain::{DeactivationReason, Email, Stamp, User},
    store::{EmailMarker, user_place},
    vouch,
};

/// Whom to find: one of both.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct UserFilters {
    #[deserr(default)]
    #[param(inline)]
    id: Option<UserId>,
    /// Any of the user's addresses.
    #[deserr(default)]
    #[param(inline)]
    email: Option<Email>,
}

/// At most one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundUsers {
    items: Vec<User>,
    /// Always null.
    next_cursor: Option<String>,
}

/// Find a user
///
/// By id or by an address: one of both must be given. Recorded. One read, by address two.
#[utoipa::path(get, path = "/api/v1/users", tag = "Operators")]
pub async fn user_find(
    caller: Operator,
    State(app): State<UserManagement>,
    Parameters(filters): Parameters<UserFilters>,
) -> Answered<Plain<FoundUsers>> {
    let id = match (filters.id, &filters.email) {
        (Some(id), _) => Some(id),
        (None, Some(email)) => {
            let marker: Option<EmailMarker> = app.store.get(&EmailMarker::place(email)).await?;
            marker.map(|marker| marker.user_id)
        }
        (None, None) => {
            let detail = "id or email must be given";
            return Err(Faults::of(Fault::new("query/id", FaultCode::Required, detail)).into());
        }
    };
    let user: Option<User> = match id {
        Some(id) => app.store.get(&user_place(&vouch::person(id))).await?,
        None => None,
    };
    // The other one must fit as well, if both are given.
    let fits = |user: &User| filters.email.as_ref().is_none_or(|email| user.holds(email));
    let items: Vec<User> = user.into_iter().filter(fits).collect();
    let user_id = items.first().map(|user| user.id.to_string()).unwrap_or_default();
    tracing::info!(
        operation = "user_find",
        operator = caller.actor(),
        user_id,
        "personal data read"
    );
    Ok(Plain(FoundUsers { items, next_cursor: None }))
}

/// Why an account is taken out of use.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "Abuse" }))]
pub struct UserDeactivateIn {
    reason: DeactivationReason,
    /// Also if organizations are left without an owner.
    #[deserr(default)]
    #[schema(required = false)]
    force: bool,
}

/// Deactivate a user
///
/// Nobody signs in with the account, or gets a token for it, until an operator reactivates it. Two
/// batch reads, one query and one transaction of at most 100 items.
#[utoipa::path(post, path = "/api/v1/users/{userId}/deactivate", tag = "Operators")]
pub async fn user_deactivate(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((user,)): PathParameter<(UserId,)>,
    submission: Submission<UserDeactivateIn>,
) -> Answered<Versioned<User>> {
    let leaving = Leaving {
        app: &app,
        person: caller.about(user),
        by_operator: true,
        is_forced: submission.input.force,
        change: |user: &User, _: &Stamp| {
            let reason = Some(submission.input.reason.clone());
            user.deactivated(DeactivatedBy::Operator, reason).map(Some)
        },
    };
    let begin = || (submission.write(&app.store, &caller), app.stamp(&caller));
    Ok(leaving.settle(begin, Versioned).await?)
}

/// Reactivate a user
///
/// Whoever has deactivated the account, or scheduled its deletion, which must not be due yet. Two
/// batch reads, one query and one transaction of at most 100 items.
#[utoipa::path(post, path = "/api/v1/users/{userId}/reactivate", tag = "Operators")]
pub async fn user_reactivate(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((user,)): PathParameter<(UserId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<User>> {
    let leaving = Leaving {
        app: &app,
        person: caller.about(user),
        by_operator: true,
        is_forced: false,
        change: |user: &User, stamp: &Stamp| user.reactivated(stamp.at).map(Some),
    };
    let begin = || (submission.write(&app.store, &caller), app.stamp(&caller));
    Ok(leaving.settle(begin, Versioned).await?)
}

/// Delete a user
///
/// One that is deactivated; in 90 days, until when an operator can reactivate it. Two batch reads,
/// one query and one transaction of at most 100 items.
#[utoipa::path(delete, path = "/api/v1/users/{userId}", tag = "Operators")]
pub async fn user_delete(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((user,)): PathParameter<(UserId,)>,
) -> Answered<NoContent> {
    let leaving = Leaving {
        app: &app,
        person: caller.about(user),
        by_operator: true,
        is_forced: false,
        change: |user: &User, stamp: &Stamp| match user.status {
            UserStatus::DeletionScheduled | UserStatus::Deleted => Ok(None),
            _ => user.to_be_deleted(DeactivatedBy::Operator, stamp.at).map(Some),
        },
    };
    let begin = || (caller.write(&app.store), app.stamp(&caller));
    Ok(leaving.settle(begin, |_| NoContent).await?)
}
