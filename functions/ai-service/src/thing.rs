//! What all configured things have in common: created, changed, deleted and listed alike.

use std::fmt::Display;

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::Effects;
use millwright_http::{Caller, IfMatch, Listed, Listing, NoContent};
use millwright_store::{Condition, Contention, Key, Partition, Position};
use serde::Serialize;
use serde_json::Value;

use crate::{
    app::AiService,
    domain::Configuration,
    store::{
        Configured, Entry, Gone, NameMarker, Targets, is_gone, more, one_less, read_configuration,
        take_name,
    },
};

/// A configured thing with an API of its own.
pub trait Thing: Configured {
    /// Of a configuration.
    fn all(configuration: &Configuration) -> &[Self];

    /// Where it is in lists, as text.
    fn order(&self) -> String;

    /// What is answered if another has its name.
    fn taken() -> Error;

    /// Says what has happened to it.
    fn announce(effects: &mut Effects, before: Option<&Self>, after: Option<&Self>) -> Result<()>;

    /// What else must hold with a write that leaves it so: what it refers to is still there.
    fn hold_references(&self, _effects: &mut Effects) {}

    /// What goes with it, one item at most.
    fn take_along(&self, _effects: &mut Effects, _now: Timestamp) -> Result<()> {
        Ok(())
    }

    /// Who uses it, if somebody does: then it cannot be deleted.
    fn user(&self, _configuration: &Configuration) -> Option<String> {
        None
    }
}

/// One of a configuration, by its id.
pub fn find<T: Thing>(configuration: &Configuration, id: impl Display) -> Option<&T> {
    let id = id.to_string();
    T::all(configuration).iter().find(|thing| thing.key_id() == id)
}

/// One, by its id. One Query.
///
/// # Errors
/// `not_found`.
pub async fn get<T: Thing>(app: &AiService, tenant: &Tenant, id: impl Display) -> Result<T> {
    let configuration = read_configuration(&app.store, tenant).await?;
    find::<T>(&configuration, id).cloned().ok_or_else(|| Error::not_found(T::NOUN))
}

/// Writes a new one: three items, and those of its references.
pub fn create<T: Thing>(effects: &mut Effects, thing: &T) -> Result<()> {
    take_name(effects, thing, T::taken());
    more::<T>(effects, 1);
    effects.create(&Entry::of(thing));
    thing.hold_references(effects);
    T::announce(effects, None, Some(thing))
}

/// Writes several new ones that refer to the same: three items each, one for their count, and those
/// of their references.
pub fn create_several<T: Thing>(effects: &mut Effects, things: &[T]) -> Result<()> {
    let Some(first) = things.first() else { return Ok(()) };
    for thing in things {
        take_name(effects, thing, T::taken());
        effects.create(&Entry::of(thing));
        T::announce(effects, None, Some(thing))?;
    }
    more::<T>(effects, things.len());
    first.hold_references(effects);
    Ok(())
}

/// Writes the next version, three items at most and those of its references.
fn replace<T: Thing>(effects: &mut Effects, before: &T, after: &T) -> Result<()> {
    // A seeded thing is not written yet.
    let version = before.common().version;
    let condition = Condition::version(version);
    let is_seeded = before.common().created_at == Timestamp::UNIX_EPOCH && version == 1;
    let condition = if is_seeded { condition.or_attribute_absent("version") } else { condition };
    let step = effects.put_when(&Entry::of(after), condition);
    effects.refused_as(step, Error::lost_race());
    if after.unique_name() != before.unique_name() {
        take_name(effects, after, T::taken());
        effects.remove(&NameMarker::of(before));
    }
    after.hold_references(effects);
    T::announce(effects, Some(before), Some(after))
}

/// Reads, changes and writes, again if somebody was faster. A change of nothing is no change. `then`
/// makes the answer of what is there afterwards.
///
/// # Errors
/// `not_found`, `version_stale`, and those of the change.
pub async fn update<T: Thing>(
    app: &AiService,
    caller: &Caller,
    id: impl Display + Copy,
    if_match: Option<&IfMatch>,
    change: impl Fn(&Configuration, &mut T) -> Result<()>,
) -> Result<(T, T)> {
    let tenant = caller.tenant();
    let attempt = || async {
        let configuration = read_configuration(&app.store, &tenant).await?;
        let found = find::<T>(&configuration, id);
        let before = found.cloned().ok_or_else(|| Error::not_found(T::NOUN))?;
        if let Some(if_match) = if_match {
            if_match.check(before.common().version)?;
        }
        let mut after = before.clone();
        change(&configuration, &mut after)?;
        if after == before {
            return Ok((before, after));
        }
        after.common_mut().advance(app.store.clock().now());
        let mut write = caller.write(&app.store);
        replace(&mut write, &before, &after)?;
        write.commit(NoContent).await?;
        Ok((before, after))
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// Takes one away for ever: four items at most. Deleted again is fine.
///
/// # Errors
/// `not_found` if there never was one, `version_stale`, `in_use`.
pub async fn delete<T: Thing>(
    app: &AiService,
    caller: &Caller,
    id: impl Display + Copy,
    if_match: &IfMatch,
) -> Result<NoContent> {
    let tenant = caller.tenant();
    let attempt = || async {
        let configuration = read_configuration(&app.store, &tenant).await?;
        let Some(thing) = find::<T>(&configuration, id) else {
            return match is_gone::<T>(&app.store, &tenant, id).await? {
                true => Ok(NoContent),
                false => Err(Error::not_found(T::NOUN)),
            };
        };
        if_match.check(thing.common().version)?;
        check_unused(thing, &configuration)?;
        let mut write = caller.write(&app.store);
        let step = Targets::unchanged(&mut write, &configuration);
        write.refused_as(step, Error::lost_race());
        remove(&mut write, app, thing)?;
        one_less::<T>(&mut write, 1);
        write.commit(NoContent).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// # Errors
/// `in_use`.
pub fn check_unused<T: Thing>(thing: &T, configuration: &Configuration) -> Result<()> {
    match thing.user(configuration) {
        None => Ok(()),
        Some(user) => {
            let detail = format!("{user} uses it: change that first");
            Err(Error::new(crate::codes::IN_USE, detail))
        }
    }
}

/// Takes one away, three items, a fourth of models; the count is the caller's.
pub fn remove<T: Thing>(effects: &mut Effects, app: &AiService, thing: &T) -> Result<()> {
    let key = Entry::<T>::place(effects.tenant(), thing.key_id());
    let step = effects.delete_when(&key, Condition::version(thing.common().version));
    effects.refused_as(step, Error::lost_race());
    effects.remove(&NameMarker::of(thing));
    let now = app.store.clock().now();
    effects.put(&Gone::of(thing, now));
    thing.take_along(effects, now)?;
    T::announce(effects, Some(thing), None)
}

/// A page of things that pass, in their order; `show` makes what is shown of each.
///
/// # Errors
/// `unavailable`.
pub async fn page<T: Thing, F, V: Serialize>(
    listing: &Listing<F>,
    tenant: &Tenant,
    things: &[T],
    passes: impl Fn(&T) -> bool,
    show: impl Fn(&T) -> V,
) -> Result<Listed<V>> {
    let mut found: Vec<(String, &T)> =
        things.iter().filter(|thing| passes(thing)).map(|thing| (thing.order(), thing)).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(from) = &listing.from {
        found.retain(|(order, _)| order.as_str() > from.sort_key());
    }
    let more = found.len() > listing.limit;
    found.truncate(listing.limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|(order, _)| Position::behind(&place_of(tenant, order)));
    listing.page(found.iter().map(|(_, thing)| show(thing)).collect(), next).await
}

fn place_of(tenant: &Tenant, order: &str) -> Key {
    Partition::of(tenant).and("ORDER").at(order)
}

/// As JSON, for events.
pub fn json(thing: &impl Serialize) -> Result<Value> {
    serde_json::to_value(thing).map_err(Error::internal)
}
