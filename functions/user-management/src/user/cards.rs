//! The cards of a user in the organizations they belong to.

use millwright_core::{Error, Result, Tenant};
use millwright_event::Effects;

use crate::{
    app::UserManagement,
    domain::{Member, Stamp, User},
    store::MemberItem,
    vouch,
};

/// Brings the cards in step with the user, in the same transaction: at most fifty items. One Query
/// and one BatchGetItem, nothing if the card stays as it is.
pub async fn refresh_cards(
    app: &UserManagement,
    effects: &mut Effects,
    person: &Tenant,
    before: &User,
    after: &User,
    stamp: &Stamp,
) -> Result<Vec<Member>> {
    if before.card() == after.card() {
        return Ok(Vec::new());
    }
    let members = app.members_of(person).await?;
    for member in &members {
        let renewed = Member { user: after.card(), ..member.clone() }.stamped(stamp.clone());
        effects.within(&vouch::joined(member.organization_id), |effects| {
            let step = effects.replace(&MemberItem::of(&renewed), member.version);
            effects.refused_as(step, Error::lost_race());
        });
    }
    Ok(members)
}
