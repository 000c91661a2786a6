//! The cards of a user in the organizations they belong to.

use millwright_core::{Error, Result, Tenant};
use millwright_event::Effects;
use millwright_store::{MAX_TRANSACTION_ITEMS, Store};

use crate::{
    app::members_of,
    domain::{Member, Stamp, User},
    store::MemberItem,
    vouch,
};

/// What a transaction holds beside: outbox item and idempotency record.
const RESERVED: usize = 2;

/// Brings the cards in step with the user, in the same transaction, as many as it has room for; the
/// others follow by the event. One Query and one BatchGetItem, nothing if the card stays as it is.
pub async fn refresh_cards(
    store: &Store,
    effects: &mut Effects,
    person: &Tenant,
    before: &User,
    after: &User,
    stamp: &Stamp,
) -> Result<()> {
    if before.card() != after.card() {
        let members = members_of(store, person).await?;
        renew_cards(effects, &members, after, stamp);
    }
    Ok(())
}

/// As many cards as the transaction has room for: those of owners first, those of former members
/// last. One item each; refused as a lost race.
pub fn renew_cards(effects: &mut Effects, members: &[Member], after: &User, stamp: &Stamp) {
    let card = after.card();
    let mut members: Vec<&Member> = members.iter().filter(|it| it.user != card).collect();
    members.sort_by_key(|member| (!member.is_present(), !member.is_owner()));
    let room = MAX_TRANSACTION_ITEMS.saturating_sub(effects.len() + RESERVED);
    for member in members.into_iter().take(room) {
        let renewed = Member { user: card.clone(), ..member.clone() }.stamped(stamp.clone());
        effects.within(&vouch::joined(member.organization_id), |effects| {
            let step = effects.replace(&MemberItem::of(&renewed), member.version);
            effects.refused_as(step, Error::lost_race());
        });
    }
}
