//! The cards of other users.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Result, UserId};
use millwright_http::{Allowed, Answered, PathParameter, Plain, Submission};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    domain::{Few, UserCard},
    permissions::UserRead,
    store::{MemberItem, member_place},
};

/// Read a user's card
///
/// Of who is a member of the organization of the credential, or was one within a year. One read.
#[utoipa::path(get, path = "/api/v1/users/{userId}", tag = "Users")]
pub async fn user_get(
    caller: Allowed<UserRead>,
    State(app): State<UserManagement>,
    PathParameter((user,)): PathParameter<(UserId,)>,
) -> Answered<Plain<UserCard>> {
    Ok(Plain(app.member_or_former(&caller.tenant(), user).await?.user))
}

/// Whose cards are wanted.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "ids": ["usr_01jdz7xk2nf5h9vq3w8c6m4t0b"] }))]
pub struct LookupIn {
    /// 1-100 users.
    ids: Few<UserId, 1, 100>,
}

/// The cards that were found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cards {
    /// In the order asked for.
    items: Vec<UserCard>,
}

/// Look up users
///
/// Cards in the order of the ids; who is unknown here is left out. One batch read.
#[utoipa::path(post, path = "/api/v1/users/lookup", tag = "Users")]
pub async fn user_lookup(
    caller: Allowed<UserRead>,
    State(app): State<UserManagement>,
    submission: Submission<LookupIn>,
) -> Answered<Plain<Cards>> {
    let tenant = caller.tenant();
    let ids = submission.input.ids.as_slice();
    let places: Vec<_> = ids.iter().map(|user| member_place(&tenant, *user)).collect();
    let items = app.store.get_many(&places).await?;
    let cards: Result<Vec<UserCard>> =
        items.iter().map(|item| Ok(item.decode::<MemberItem>()?.member.user)).collect();
    let answer = Plain(Cards { items: cards? });
    Ok(submission.write(&app.store, &caller).commit(answer).await?)
}
